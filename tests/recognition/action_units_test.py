"""Action units in answers: numbers, sides, doubts, the picture, and through an export."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from spread_network import unrelated_inputs

import dualatme_keras
from dualatme_keras.choices import ACTION_UNITS
from dualatme_keras.models import load_model
from dualatme_keras.preprocessing import (
    LARGE_MOTION,
    LITTLE_MOTION,
    align_face,
    eye_transform,
)
from dualatme_keras.recognition import RemoteRecognizer
from dualatme_keras.recognition.figures import clip_figure
from dualatme_keras.serving import LocalExport, export_saved_model
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.synthetic.muscles import action_unit_flow, pixel_grid

UNITS = {1: (0.9, 0.8), 4: (0.1, 0.49), 10: (0.2, 0.5), 12: (0.7, 0.1)}


@pytest.fixture(scope="module")
def shipped():
    return dualatme_keras.Recognizer(landmarks="template")


@pytest.fixture(scope="module")
def told(answer):
    return dataclasses.replace(answer, action_units=UNITS, motion=2.0)


def test_shown_units_and_sides(told, answer):
    """The left side of the image is the right one of who looks out of it."""
    assert told.shown_units == (1, 10, 12)
    assert told.row()["action_units"] == "1+L10+R12"
    assert (answer.action_units, answer.shown_units, answer.row()["action_units"]) == ({}, (), "")


def test_no_feeling_is_guessed_and_doubts_say_why(told, answer):
    assert told.doubts == told.onset_apex.doubts
    nothing = dataclasses.replace(told, action_units=dict.fromkeys(UNITS, (0.64, 0.3)))
    sure = dataclasses.replace(told, action_units=nothing.action_units | {4: (0.1, 0.65)})
    assert (sure.label, sure.doubts) == (told.label, told.doubts)
    assert (nothing.label, nothing.row()["label"], nothing.class_id) == ("none", "none", told.class_id)
    assert nothing.probabilities == told.probabilities
    assert clip_figure(nothing).get_suptitle() == "mine: no sure expression"
    assert nothing.doubts[-1].startswith("no sure action unit: the motion can be the head's")
    much, little = (dataclasses.replace(told, motion=motion) for motion in (LARGE_MOTION + 0.1, 0.1))
    assert much.doubts[-1].startswith(f"much motion: above {LARGE_MOTION:g}")
    assert (much.label, little.label, told.label) == (told.label, "none", answer.label)
    assert dataclasses.replace(answer, motion=0.1).label == answer.label  # it cannot tell
    assert little.doubts[-1].startswith(f"little motion: below {LITTLE_MOTION:g}")
    assert dataclasses.replace(told, motion=LARGE_MOTION).doubts == told.doubts


def test_the_picture_has_bars_of_both_sides(told, answer):
    def panel(shown):
        found = clip_figure(shown).findobj(
            lambda each: hasattr(each, "get_title") and "action units" in each.get_title("left")
        )
        return found[0] if found else None

    assert panel(answer) is None
    axes = panel(told)
    heights = np.array([patch.get_height() for patch in axes.patches]).reshape(2, len(UNITS))
    np.testing.assert_allclose(heights, np.array(list(UNITS.values())).T * [[1], [-1]])
    names = [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]
    assert names == [f"{unit} {ACTION_UNITS[unit]}" for unit in UNITS]
    bold = [label.get_fontweight() == "bold" for label in axes.get_xticklabels()]
    assert bold == [True, False, True, True]
    assert clip_figure(told).get_suptitle().endswith("AU 1+L10+R12")


def test_units_are_those_of_the_network(shipped):
    model = load_model("facs")
    assert (len(shipped), shipped.class_names) == (1, model.class_names)
    inputs = {name: images[:3] for name, images in unrelated_inputs(model).items()}
    expected = 1 / (1 + np.exp(-np.asarray(model(inputs)["action_units"])))
    found = shipped._ensemble.predict(inputs).action_units
    np.testing.assert_allclose(found, expected, atol=1e-5)


def warped(units, pixels, size=160):
    """A painted face at rest and moved by action units, by so many pixels of the face at most."""
    import cv2

    from dualatme_keras.synthetic.warping import backward_map

    recording = next(recording for _record, recording in synthetic_clips("casme2", 4, 1, 1, 160))
    onset = recording.timing.onset
    transform = eye_transform(recording.landmarks(onset), size, 0.0)
    face = align_face(recording.frame(onset), transform, size)
    flow = sum(action_unit_flow(unit, grid=pixel_grid(size)) for unit in units)
    flow = flow * pixels / np.linalg.norm(flow, axis=-1).max()
    moved = cv2.remap(
        face, *backward_map(flow.astype("float32")), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.stack([face, moved])


@pytest.mark.parametrize(
    ("moving", "label", "expected"),
    [((1, 2), "surprise", {1, 2}), ((12,), "positive", {12}), ((4,), "negative", {4})],
)
def test_faces_that_move(moving, label, expected, shipped):
    answer = shipped.recognize(warped(moving, 2.0), name="face")
    assert answer.label == label
    assert expected <= set(answer.shown_units)


@pytest.mark.long
def test_through_an_export(shipped, tmp_path):
    """The same units about the same frames; the numbers come with the answer."""
    version = export_saved_model(load_model("facs"), tmp_path)
    remote = RemoteRecognizer(LocalExport(version), landmarks="template")
    frames = warped((1, 2), 2.0)
    mine, served = shipped.recognize(frames), remote.recognize(frames)
    assert served.label == mine.label
    assert list(served.action_units) == list(mine.action_units) == list(ACTION_UNITS)
    np.testing.assert_allclose(
        list(served.action_units.values()), list(mine.action_units.values()), atol=0.15
    )
    assert np.ptp(list(mine.action_units.values())) > 0.5
