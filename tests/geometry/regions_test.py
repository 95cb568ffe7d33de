"""The puzzle of regions in NumPy."""

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import (
    TEMPLATE_BOXES,
    TEMPLATE_LANDMARKS,
    boxes_from_landmarks,
    check_boxes,
    check_landmarks,
    cut_puzzle,
    resampling_matrix,
    resize_image,
    tile_sizes,
)


def test_resizing_is_the_antialiased_bilinear_of_pillow():
    line = np.random.default_rng(0).uniform(size=(1, 90)).astype("float32")
    for target in (28, 90, 130):
        resized = line[0] @ resampling_matrix(0.0, 1.0, 90, target).T
        pillow = np.asarray(Image.fromarray(line, mode="F").resize((target, 1), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(resized, pillow[0], atol=1e-5)


def test_tiles_come_from_their_boxes():
    image = np.zeros((100, 100, 1))
    for value, (top, left, bottom, right) in enumerate(TEMPLATE_BOXES, start=1):
        image[round(100 * top) : round(100 * bottom), round(100 * left) : round(100 * right)] = value
    puzzle = cut_puzzle(image, size=(28, 28))[..., 0]
    # Away from the borders of the tiles, where the filter reaches over the box's edge.
    assert (puzzle[2:12, 2:12] == 1).all()
    assert (puzzle[2:12, 16:26] == 2).all()
    assert (puzzle[16:26, 2:26] == 3).all()


def test_template_is_valid():
    np.testing.assert_array_equal(check_boxes(TEMPLATE_BOXES), TEMPLATE_BOXES)


def test_a_face_like_the_template_has_its_boxes():
    np.testing.assert_allclose(boxes_from_landmarks(TEMPLATE_LANDMARKS), TEMPLATE_BOXES)


def test_boxes_follow_and_grow_with_eyes_and_mouth_and_end_at_the_image():
    # Eyes of 0.3 instead of 0.4 apart, around x 0.45; the mouth 0.3 below them instead of 0.45, around 0.5.
    landmarks = [(0.30, 0.40), (0.60, 0.40), (0.45, 0.55), (0.40, 0.70), (0.60, 0.70)]
    expected = [
        (0.40 - 2 / 3 * 0.25, 0.45 - 3 / 4 * 0.44, 0.40 + 2 / 3 * 0.13, 0.45),
        (0.40 - 2 / 3 * 0.25, 0.45, 0.40 + 2 / 3 * 0.13, 0.45 + 3 / 4 * 0.44),
        (0.70 - 2 / 3 * 0.16, 0.50 - 3 / 4 * 0.30, 0.70 + 2 / 3 * 0.18, 0.50 + 3 / 4 * 0.30),
    ]
    np.testing.assert_allclose(boxes_from_landmarks(landmarks), expected)
    near = boxes_from_landmarks(TEMPLATE_LANDMARKS + np.array([0.2, 0.1]))
    assert near[1, 3] == near[2, 3] == near[2, 2] == 1.0
    np.testing.assert_allclose(near[0], TEMPLATE_BOXES[0] + (0.1, 0.2, 0.1, 0.2))


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (TEMPLATE_LANDMARKS[:4], "five landmarks"),
        (np.where([[True, False]] * 5, np.nan, TEMPLATE_LANDMARKS), "five landmarks"),
        (TEMPLATE_LANDMARKS[[1, 0, 2, 3, 4]], "image-left eye first"),
        (TEMPLATE_LANDMARKS[[1, 0, 2, 3, 4]] * (3, 1), "image-left eye first"),
        (TEMPLATE_LANDMARKS * (0, 1), "image-left eye first"),
        (TEMPLATE_LANDMARKS * (1, -1), "mouth below the eyes"),
        (TEMPLATE_LANDMARKS * (1, 0), "mouth below the eyes"),
    ],
)
def test_landmarks_of_no_upright_face_are_refused(landmarks, message):
    with pytest.raises(DualATMEError, match=message):
        check_landmarks(landmarks)


def test_landmarks_may_lie_anywhere():
    for shift in ((0, 5), (5, 0), (-5, -5)):
        np.testing.assert_array_equal(check_landmarks(TEMPLATE_LANDMARKS + shift), TEMPLATE_LANDMARKS + shift)


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 1), (0, 0, 1, 0), (0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (0, 0, 1, np.nan)]
)
def test_what_is_no_box_inside_the_image_is_refused(box):
    with pytest.raises(DualATMEError, match="three boxes"):
        check_boxes([(0, 0, 1, 1), (0, 0, 1, 1), box])


def test_a_puzzle_needs_three_boxes():
    with pytest.raises(DualATMEError, match="three boxes"):
        check_boxes(TEMPLATE_BOXES[:2])


def test_tiles_of_odd_sizes_fill_the_puzzle():
    assert tile_sizes((29, 31)) == ((14, 15), (14, 16), (15, 31))
    assert tile_sizes((2, 2)) == ((1, 1), (1, 1), (1, 2))
    for size in ((1, 2), (2, 1)):
        with pytest.raises(DualATMEError, match="at least 2 x 2"):
            tile_sizes(size)


def test_an_interval_resizes_as_the_pixels_that_it_holds():
    # The four in the middle of eight as two: the filter reaches two pixels, beyond the interval too.
    np.testing.assert_allclose(resampling_matrix(0.25, 0.75, 8, 2)[0], np.array([0, 1, 3, 3, 1, 0, 0, 0]) / 8)
    # The second of four as two, a quarter to either side of its centre.
    np.testing.assert_allclose(resampling_matrix(0.25, 0.5, 4, 2) @ [0.0, 4.0, 8.0, 12.0], [3.0, 5.0])


def test_both_sides_of_an_image_are_resized():
    image = np.arange(24.0).reshape(4, 6, 1)
    resized = resize_image(image, (2, 3))
    pillow = Image.fromarray(image[..., 0].astype("float32")).resize((3, 2), Image.Resampling.BILINEAR)
    assert resized.shape == (2, 3, 1)
    np.testing.assert_allclose(resized[..., 0], np.asarray(pillow), atol=1e-5)
