"""Motion that goes the way muscles pull, and the head's."""

import collections

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.synthetic.head_motion import head_motion_flow
from dualatme_keras.synthetic.muscles import (
    ACTION_UNITS,
    LANDMARKS,
    REFERENCE_SIZE,
    action_unit_flow,
    pixel_grid,
)
from dualatme_keras.synthetic.people import new_expression, new_person


def motion_at(flow, landmark, side):
    """Displacement (right, down) at a landmark of the image-left (-1) or image-right (1) side."""
    outward, down = LANDMARKS[landmark]
    size = len(flow)
    return flow[int(down * size), int((0.5 + side * outward) * size)]


@pytest.mark.parametrize(
    ("unit", "landmark", "outward", "down"),
    [
        (1, "brow_inner", 0, -1),
        (2, "brow_outer", 0, -1),
        (4, "brow_inner", -1, 1),
        (5, "upper_lid", 0, -1),
        (6, "cheek", 0, -1),
        (7, "lower_lid", 0, -1),
        (9, "nose_side", 0, -1),
        (10, "upper_lip_side", 0, -1),
        (12, "mouth_corner", 1, -1),
        (14, "mouth_corner", 1, 0),
        (15, "mouth_corner", 1, 1),
        (17, "chin", 0, -1),
        (20, "mouth_corner", 1, 1),
        (24, "lower_lip", 0, -1),
        (25, "lower_lip", 0, 1),
        (26, "chin", 0, 1),
        (45, "upper_lid", 0, 1),
    ],
)
def test_muscles_pull_the_way_facs_says(unit, landmark, outward, down):
    """Sign of the motion at the muscle's landmark, on both sides; 0 is not asked."""
    flow = action_unit_flow(unit)
    assert flow.shape == (REFERENCE_SIZE, REFERENCE_SIZE, 2)
    for side in (-1, 1):
        right, below = motion_at(flow, landmark, side)
        assert not down or down * below > 0.15
        assert not outward or outward * side * right > 0.15
        assert np.hypot(right, below) < 1.6  # about a pixel


def test_lids_close_in_a_blink_and_open_in_surprise():
    blink, surprise = action_unit_flow(45), action_unit_flow(5)
    upper, lower = motion_at(blink, "upper_lid", 1)[1], motion_at(blink, "lower_lid", 1)[1]
    assert upper > 0.5 > lower
    assert motion_at(surprise, "upper_lid", 1)[1] < -0.5


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_sides_mirror_each_other_and_add_up(unit):
    left, right = action_unit_flow(unit, 1.0, 0.0), action_unit_flow(unit, 0.0, 1.0)
    np.testing.assert_allclose(left[:, ::-1] * [-1, 1], right, atol=1e-12)
    np.testing.assert_allclose(0.5 * left + 2.0 * right, action_unit_flow(unit, 0.5, 2.0), atol=1e-12)


def test_motion_stays_where_the_muscle_is():
    flow = action_unit_flow(12, left=1.0, right=0.0)
    speed = np.hypot(flow[..., 0], flow[..., 1])
    assert np.hypot(*motion_at(flow, "mouth_corner", 1)) < 0.1 * np.hypot(
        *motion_at(flow, "mouth_corner", -1)
    )
    assert speed[: REFERENCE_SIZE // 4].max() < 0.1
    row, column = np.unravel_index(speed.argmax(), speed.shape)
    outward, down = LANDMARKS["mouth_corner"]
    assert abs(row / REFERENCE_SIZE - down) < 0.03
    assert abs(column / REFERENCE_SIZE - (0.5 - outward)) < 0.03


def test_a_face_elsewhere_in_the_image_takes_its_motion_along():
    centred, moved = action_unit_flow(4), action_unit_flow(4, grid=pixel_grid(shift=(0.25, 0.125)))
    np.testing.assert_allclose(moved[14:, 28:], centred[:-14, :-28], atol=1e-12)
    larger = action_unit_flow(4, grid=pixel_grid(2 * REFERENCE_SIZE))
    half = action_unit_flow(4, grid=pixel_grid(2 * REFERENCE_SIZE, zoom=0.5))
    assert larger.shape == (224, 224, 2)
    np.testing.assert_allclose(half[56:168, 56:168], centred, atol=1e-12)


def test_emotions_are_shown_as_often_as_their_weights_say():
    weights = (
        {"4": 5, "4 7": 4, "15": 4, "15 17": 2, "14": 2, "20": 2, "4 15": 1, "1 4": 1, "9": 1, "10": 1},
        {"12": 7, "6 12": 3, "12 25": 1},
        {"1 2": 7, "1 2 5": 3, "1 2 26": 1},
    )
    rng = np.random.default_rng(0)
    person = new_person("casme2", rng)
    for label, expected in enumerate(weights):
        shown = collections.Counter(
            " ".join(map(str, new_expression(label, person, rng).action_units)) for _ in range(3000)
        )
        assert set(shown) == set(expected)
        for units, weight in expected.items():
            assert shown[units] / 3000 == pytest.approx(weight / sum(expected.values()), abs=0.02)


def test_unknown_action_unit_is_named():
    with pytest.raises(DualATMEError, match="Expected an action unit out of 1, 2, 4.*Received: 3"):
        action_unit_flow(3)


def test_head_motion():
    middle = slice(REFERENCE_SIZE // 4, REFERENCE_SIZE // 2)
    shifted = head_motion_flow(shift=(0.5, -0.25))
    np.testing.assert_allclose(shifted[middle, middle], np.broadcast_to([0.5, -0.25], (28, 28, 2)), atol=0.01)
    assert np.abs(shifted[-1, [0, -1]]).max() < 0.02  # the background in the lower corners
    rolled = head_motion_flow(roll=1.0)
    assert rolled[56, 100, 1] > 0.5  # clockwise on the screen: the right side goes down,
    assert rolled[20, 56, 0] > 0.5  # the upper side right
    grown = head_motion_flow(growth=0.01)
    assert grown[56, 100, 0] > 0.3 > -0.3 > grown[56, 12, 0]
    nodded = head_motion_flow(turn=(0.0, 1.0))
    assert nodded[60, 56, 1] > 0.9
    assert abs(nodded[4, 56, 1]) < 0.1
