"""Single pictures of an answer."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.recognition.pictures import (
    PICTURE_SIDE,
    arrows_picture,
    attention_picture,
    colour_picture,
    largest_motion,
    magnified_face,
    regions_picture,
    strain_picture,
    units_figure,
    wheel_picture,
)

GREY = np.full((112, 112, 3), 128, "uint8")


def uniform(right, down):
    return np.tile(np.array([right, down], "float32"), (112, 112, 1))


def test_magnified_motion_goes_further_along_the_flow():
    face = GREY.copy()
    face[50:54, 60:64] = 255
    np.testing.assert_array_equal(magnified_face(face, uniform(3.0, 1.0), 1.0), face)
    moved = magnified_face(face, uniform(3.0, 1.0), 4.0)  # three times further than at the apex
    np.testing.assert_allclose(np.argwhere(moved[..., 0] > 200).mean(axis=0), [51.5 + 3, 61.5 + 9], atol=0.3)
    back = magnified_face(face, uniform(3.0, 1.0), 0.0)  # to the onset
    np.testing.assert_allclose(np.argwhere(back[..., 0] > 200).mean(axis=0), [51.5 - 1, 61.5 - 3], atol=0.3)


def test_arrows_point_along_the_flow():
    still = arrows_picture(GREY, uniform(0.0, 0.0))
    assert len(np.unique(still)) == 1
    changed = {}
    for name, flow in (("right", uniform(2.0, 0.0)), ("down", uniform(0.0, 2.0))):
        drawn = np.any(arrows_picture(GREY, flow) != still, axis=-1)
        changed[name] = drawn.any(axis=0).mean(), drawn.any(axis=1).mean()
    assert changed["right"][0] > changed["right"][1]  # more columns than rows are touched
    assert changed["down"][1] > changed["down"][0]


def test_colours_are_those_of_the_wheel():
    picture, wheel = colour_picture(uniform(2.0, 0.0)), wheel_picture(101)
    assert picture.shape == (PICTURE_SIDE, PICTURE_SIDE, 3)
    np.testing.assert_allclose(picture[5, 5], 255 * flow_colours(uniform(1.0, 0.0), 1.0)[0, 0], atol=1)
    np.testing.assert_allclose(wheel[50, 99], picture[5, 5], atol=12)
    np.testing.assert_array_equal(wheel[0, 0], [255, 255, 255])
    assert largest_motion(uniform(3.0, 4.0)) == pytest.approx(5.0)


def test_strain_is_bright_where_the_skin_is_stretched():
    flow = uniform(0.0, 0.0)
    flow[:56, :, 1] = 1.0  # both halves move apart
    rows = strain_picture(flow).sum(axis=(1, 2))
    assert abs(int(rows.argmax()) - PICTURE_SIDE // 2) < 6
    assert strain_picture(uniform(2.0, 1.0)).max() < 10


def test_attention_is_bright_where_the_network_looks():
    attention = np.full((14, 14), 0.2)
    attention[3, 10] = 0.4
    picture = attention_picture(GREY, attention).sum(axis=-1)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert (row // 24, column // 24) == (3, 10)


def test_regions_are_drawn_where_they_are():
    boxes = np.array([(0.1, 0.1, 0.4, 0.4), (0.1, 0.6, 0.4, 0.9), (0.6, 0.25, 0.9, 0.75)])
    drawn = np.any(regions_picture(GREY, boxes) != 128, axis=-1)
    for top, left, bottom, right in np.rint(boxes * PICTURE_SIDE).astype(int):
        middle = (left + right) // 2
        assert drawn[top, middle]
        assert drawn[bottom, middle]
        assert not drawn[(top + bottom) // 2, middle]


def test_units_are_drawn_on_their_side():
    figure = units_figure({1: (0.1, 0.9), 12: (0.8, 0.2), 26: (0.1, 0.1)})
    (axes,) = figure.axes
    arrows = [each for each in axes.texts if isinstance(each, Annotation)]
    starts, ends = (np.array([getattr(each, name) for each in arrows]) for name in ("xyann", "xy"))
    mouth, brow = starts[:, 0] < 0.5, starts[:, 0] > 0.5
    assert brow.sum() == 2  # both pulls of unit 1, image-right alone
    assert np.all(ends[brow, 1] < starts[brow, 1])  # upwards
    assert mouth.sum() == 2
    assert np.all(ends[mouth, 0] < starts[mouth, 0])  # outwards
    words = [each.get_text() for each in axes.texts if not isinstance(each, Annotation)]
    assert words == ["image-left\n12 lip corner puller", "image-right\n1 inner brow raiser"]
