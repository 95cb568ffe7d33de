"""What the head moves as one body."""

import numpy as np
import pytest

from dualatme_keras.geometry.head_motion import head_depth, head_movements
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS


def test_the_head_is_an_ellipsoid_above_the_nose():
    depth = head_depth(TEMPLATE_LANDMARKS, (200, 100))
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    # The nose is at (0.50, 0.55), a tenth of the eyes' distance of 0.4 below the middle.
    np.testing.assert_allclose(((column + 0.5) / 100, (row + 0.5) / 200), (0.50, 0.51), atol=0.006)
    assert depth.max() <= 1.0
    far = head_depth((TEMPLATE_LANDMARKS - 0.5) / 4 + 0.5, (200, 100))
    # Half axes of 1.3 and 1.6 distances of 0.1.
    assert (far > 0).any(axis=0).mean() == pytest.approx(0.26, abs=0.02)
    assert (far > 0).any(axis=1).mean() == pytest.approx(0.32, abs=0.01)
    faces = np.stack([TEMPLATE_LANDMARKS, (TEMPLATE_LANDMARKS - 0.5) / 4 + 0.5])
    np.testing.assert_array_equal(head_depth(faces, (200, 100)), [depth, far])
    assert head_depth(faces.astype("float32"), (200, 100)).dtype == "float32"


def test_what_each_parameter_moves():
    depth = np.array([[[0.0, 0.5, 1.0, 0.5]] * 2] * 3)  # (batch, height, width)
    right, down = (np.stack(each) for each in head_movements(depth))
    assert right.shape == down.shape == (6, 3, 2, 4)
    x, y = np.array([-0.375, -0.125, 0.125, 0.375]), np.array([[-0.25], [0.25]])
    for moved, expected in (
        (right, (1, 0, x, -y, depth, 0)),
        (down, (0, 1, y, x, 0, depth)),
    ):
        for got, wanted in zip(moved, expected, strict=True):
            np.testing.assert_array_equal(got, np.broadcast_to(wanted, (3, 2, 4)))
