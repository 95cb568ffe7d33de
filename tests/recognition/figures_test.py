"""What the pictures of answers draw."""

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.preprocessing import LITTLE_MOTION, SPOTTING_EYES, SpottingCourse, draw_contact_sheet
from dualatme_keras.recognition.figures import clip_figure
from dualatme_keras.recognition.result import LostExpression, SpottedVideo
from dualatme_keras.recognition.timeline import timeline_figure


@pytest.fixture(scope="module")
def axes(answer):
    """The panels of an answer's picture, by what their titles or labels begin with."""
    panels = {}
    for panel in clip_figure(answer).findobj(
        lambda each: hasattr(each, "get_title") and hasattr(each, "axison")
    ):
        title = panel.get_title() or panel.get_title("left") or panel.get_xlabel()
        panels[title.split(",")[0].split("\n")[0]] = panel
    return panels


def bars_of(answer):
    return next(
        panel
        for panel in clip_figure(answer).findobj(lambda each: hasattr(each, "containers"))
        if panel.containers
    )


def test_title(answer):
    share = f"{answer.probabilities[answer.label]:.0%}"
    assert clip_figure(answer).get_suptitle() == f"mine: {answer.label}, {share}"
    two = np.tile(answer.members, (2, 1))
    two[1] = np.roll(two[1], 1)
    several = dataclasses.replace(answer, members=two)
    assert clip_figure(several).get_suptitle().endswith("(mean of 2 networks, 50% of which agree)")


def test_faces_boxes_and_attention(axes, answer):
    onset, apex = axes["onset"], axes["apex"]
    np.testing.assert_array_equal(onset.images[0].get_array(), answer.clip.onset_face)
    np.testing.assert_array_equal(apex.images[0].get_array(), answer.clip.apex_face)
    size = len(answer.clip.apex_face)
    found = [each.get_bbox() for each in apex.patches if isinstance(each, Rectangle)]
    for box, (top, left, bottom, right) in zip(found, answer.boxes * size - 0.5, strict=True):
        np.testing.assert_allclose([box.y0, box.x0, box.y1, box.x1], [top, left, bottom, right])
    attention = axes["spatial attention (CBAM)"]
    face, over = attention.images
    assert face.get_array().ndim == 2
    np.testing.assert_array_equal(over.get_array(), answer.attention)
    assert over.get_extent() == [-0.5, size - 0.5, size - 0.5, -0.5]
    assert 0.3 < over.get_alpha() < 0.8
    spread = f"{answer.attention.min():.2f} to {answer.attention.max():.2f}"
    assert attention.get_title().endswith(spread)


def test_flow_is_shown_by_its_largest(axes, answer):
    panel = axes["flow of the entire face"]
    magnitude = np.linalg.norm(answer.clip.flow, axis=-1)
    full = float(panel.get_title().rpartition(" ")[2].rstrip("%"))
    eyes = 0.8 * 0.4 * len(answer.clip.onset_face)  # within the margin of a tenth
    assert full == pytest.approx(100 * np.quantile(magnitude, 0.99) / eyes, rel=0.05)
    colours = panel.images[0].get_array()
    np.testing.assert_allclose(
        colours, flow_colours(answer.clip.flow, np.quantile(magnitude, 0.99)), atol=0.05
    )


def test_the_wheel_is_a_disc(axes):
    wheel = axes["direction of motion"].images[0].get_array()
    opaque = wheel[..., 3] > 0
    assert opaque.mean() == pytest.approx(np.pi / 4, abs=0.01)
    middle = len(wheel) // 2
    np.testing.assert_allclose(wheel[middle, middle, :3], 1.0)
    np.testing.assert_allclose(wheel[middle, -1], [1, 0, 0, 1])  # motion to the right is red


def test_bars_are_the_probabilities(answer):
    bars = bars_of(answer)
    values = list(answer.probabilities.values())
    assert [patch.get_width() for patch in bars.patches] == values
    assert [text.get_text() for text in bars.texts] == [f"{value:.2f}" for value in values]
    for text, value in zip(bars.texts, values, strict=True):
        assert value < text.get_position()[0] < value + 0.05
    assert bars.get_xlim()[0] == 0
    assert bars.get_xlim()[1] > 1.05
    assert not bars.lines
    motion, similarity = bars.get_xlabel().split(", ")
    assert motion == f"motion {answer.motion:.2f}%"
    assert similarity == f"similarity of the branches {answer.similarity:.2f}"


def test_networks_are_dots_beside_the_bars(answer):
    members = np.array([[0.1, 0.7, 0.2], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]], "float32")
    bars = bars_of(dataclasses.replace(answer, members=members))
    for place, line in enumerate(bars.lines):
        np.testing.assert_array_equal(line.get_xdata(), members[:, place])
        np.testing.assert_allclose(line.get_ydata(), place + np.array([-0.2, 0.0, 0.2]))
    assert len(bars.lines) == 3
    assert all(text.get_position()[0] > 1 for text in bars.texts)  # clear of the dots
    assert len(bars_of(dataclasses.replace(answer, members=members[:2])).lines) == 3


def test_little_motion_is_said(answer):
    said = bars_of(dataclasses.replace(answer, motion=LITTLE_MOTION)).get_xlabel()
    assert said.startswith(f"motion {LITTLE_MOTION:.2f}%,")
    said = bars_of(dataclasses.replace(answer, motion=LITTLE_MOTION - 0.01)).get_xlabel()
    assert said.startswith(f"motion {LITTLE_MOTION - 0.01:.2f}% (little),")


def test_the_course_shows_the_apex_and_what_is_little(axes, answer):
    course = axes["motion since the onset"]
    line, apex = course.lines
    np.testing.assert_array_equal(line.get_ydata(), answer.onset_apex.course)
    assert list(apex.get_xdata()) == [answer.apex, answer.apex]
    (little,) = course.patches
    assert (little.get_y(), little.get_height()) == (0, LITTLE_MOTION)
    assert course.get_xlim() == (answer.onset_apex.course_frames[0], answer.onset_apex.course_frames[-1])
    assert course.get_ylim()[0] == 0
    assert course.get_ylim()[1] == pytest.approx(1.2 * max(answer.onset_apex.course))
    notes = {text.get_text(): text.xy for text in course.texts}
    assert notes == {"little": (1.0, LITTLE_MOTION / 2), "apex": (answer.apex, 1.0)}


def test_the_strip_of_a_prepared_clip(answer):
    """Four tiles, white between them; the regions drawn over the apex."""
    strip = draw_contact_sheet(answer.clip)
    assert strip.shape == (168, 684, 3)
    for gap in (168, 340, 512):
        assert (strip[:, gap : gap + 4] == 255).all()
        assert not (strip[:, gap - 1] == 255).all()
        assert not (strip[:, gap + 4] == 255).all()
    colours = ((255, 170, 0), (0, 200, 255), (120, 230, 80))
    for (top, left, bottom, right), colour in zip(answer.boxes * 168, colours, strict=True):
        rows, columns = np.nonzero((strip[:, 172:340] == colour).all(axis=-1))
        assert 0 < rows.min() - top <= 2
        assert 0 < columns.min() - left <= 2
        assert 0 < bottom - rows.max() <= 3
        assert 0 < right - columns.max() <= 3


def spotted(answer, apexes, lost=(), away=()):
    """A video of 10 seconds at 10 frames a second, its expressions 0.4 seconds long."""
    found = [
        dataclasses.replace(answer, onset_seconds=apex - 0.2, apex_seconds=apex, offset_seconds=apex + 0.2)
        for apex in apexes
    ]
    course = SpottingCourse(np.arange(100), np.linspace(0.0, 3.0, 100), 2.0, away)
    return SpottedVideo("talk", found, course, 10.0, lost, tuple(range(100)))


def test_a_timeline_has_the_course_and_a_band_for_each_expression(answer):
    course, *apexes = timeline_figure(spotted(answer, (2.0, 5.0, 5.05))).findobj(Axes)
    line, threshold, *at = course.lines
    np.testing.assert_allclose(line.get_xdata(), np.arange(100) / 10)
    np.testing.assert_allclose(line.get_ydata(), np.linspace(0.0, 300.0, 100) / SPOTTING_EYES)
    assert set(threshold.get_ydata()) == {200.0 / SPOTTING_EYES}
    assert [tuple(each.get_xdata()) for each in at] == [(apex, apex) for apex in (2.0, 5.0, 5.05)]
    bands = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in course.patches]
    np.testing.assert_allclose(bands, [(1.8, 2.2), (4.8, 5.2), (4.85, 5.25)])
    assert course.get_xlim() == (0, 9.9)
    assert course.get_ylim() == (0, pytest.approx(1.15 * 300.0 / SPOTTING_EYES))
    numbers = {text.get_text(): text for text in course.texts}
    assert set(numbers) == {"threshold", "1", "2", "3"}
    # Two that are close stand above each other.
    heights = [numbers[number].get_position()[1] for number in "123"]
    assert heights[0] == heights[1] < heights[2]
    shown = [panel for panel in apexes if panel.get_visible()]
    share = f"{answer.probabilities[answer.label]:.0%}"
    assert [panel.get_title() for panel in shown] == [
        f"{number}  {answer.label}, {share}\n{apex:.2f} s" for number, apex in ((1, 2), (2, 5), (3, 5.05))
    ]


def test_a_timeline_shows_where_there_is_no_face_and_no_answer(answer):
    lost = LostExpression(40, 42, 44, "no face", 4.0, 4.2, 4.4)
    figure = timeline_figure(spotted(answer, (), (lost,), ((10, 20), (50, 52))))
    assert figure.get_suptitle() == "talk: 1 expression found, 1 without an answer"
    (course,) = figure.findobj(Axes)
    away = [(1.0, 2.0), (5.0, 5.2), (4.0, 4.4)]
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in course.patches]
    np.testing.assert_allclose(spans, away)
    # Said where there is room for it.
    assert [text.xy[0] for text in course.texts if text.get_text() == "no face"] == [1.5]


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (8, 1), (9, 2)])
def test_eight_apexes_beside_each_other(answer, count, rows):
    panels = timeline_figure(spotted(answer, np.linspace(1, 9, count))).findobj(Axes)[1:]
    assert len(panels) == 8 * rows
    assert sum(panel.get_visible() for panel in panels) == count


def test_nothing_lies_outside_a_picture_and_no_panel_is_lost(answer):
    course, lost = (2.0, 5.0), LostExpression(40, 42, 44, "no face", 4.0, 4.2, 4.4)
    served = dataclasses.replace(answer, clip=None)
    for figure in (
        clip_figure(answer),
        clip_figure(served),
        timeline_figure(spotted(answer, course, (lost,), ((10, 20),))),
    ):
        figure.draw_without_rendering()
        panels = figure.findobj(lambda each: isinstance(each, Axes) and each.get_visible())
        texts = [*figure.texts]
        for panel in panels:
            assert min(panel.bbox.size / figure.dpi) > 0.5, panel  # inches
            texts += [*panel.texts, panel.title, panel.xaxis.label, panel.yaxis.label]
        for text in texts:
            box, whole = text.get_window_extent(), figure.bbox.padded(1)
            inside = whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1)
            assert inside or not text.get_text(), text
