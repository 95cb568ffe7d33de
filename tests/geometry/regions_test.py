"""Where the regions of a face are."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import (
    TEMPLATE_BOXES,
    TEMPLATE_LANDMARKS,
    boxes_from_landmarks,
    check_boxes,
    check_landmarks,
    region_boxes,
    region_mask,
)


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
    assert boxes_from_landmarks(TEMPLATE_LANDMARKS - np.array([0.2, 0.1]))[0].tolist()[:2] == [0.0, 0.0]


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


def test_boxes_of_many_faces_are_those_of_each():
    faces = TEMPLATE_LANDMARKS + np.random.default_rng(0).normal(0, 0.03, (2, 3, 5, 2))
    expected = [[boxes_from_landmarks(face) for face in row] for row in faces]
    np.testing.assert_array_equal(region_boxes(faces), expected)
    assert region_boxes(faces.astype("float32")).dtype == "float32"


def test_a_mask_has_the_pixels_of_every_box():
    # Halves are rounded to the even number, as everywhere.
    boxes = np.array([(0.05, 0.0, 0.25, 0.5), (0.0, 0.75, 1.0, 1.0), (0.35, 0.25, 0.5, 0.3)])
    expected = np.zeros((10, 4), bool)
    expected[0:2, 0:2] = expected[:, 3] = True
    expected[4:5, 1:1] = True
    np.testing.assert_array_equal(region_mask(boxes, (10, 4)), expected)
    both = region_mask(np.stack([boxes, boxes[:, [2, 1, 0, 3]]]), (10, 4))
    np.testing.assert_array_equal(both, [expected, np.zeros((10, 4), bool)])
