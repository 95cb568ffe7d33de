"""Motion of the whole head, estimated where faces hardly deform, and taken away."""

import numpy as np

from dualatme_keras.geometry.regions import boxes_from_landmarks, check_boxes

_ROUNDS = 10
"""Rounds of reweighting; the estimate moves by less than 0.001 pixels after five."""

_PIXELS = 4000
"""Pixels that are enough for six parameters; more are taken evenly."""

_HEAD = (1.3, 1.6)
"""Half axes (x, y) of the ellipsoid that stands for the head, in distances between the eyes."""

_ABOVE_NOSE = 0.1
"""How far its middle is above the tip of the nose, in distances between the eyes."""


def region_mask(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels lie in one of the boxes `(3, 4)`: bool array of `shape`."""
    height, width = shape
    mask = np.zeros(shape, dtype=bool)
    for top, left, bottom, right in check_boxes(boxes):
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return mask


class HeadMotion:
    """Measures the motion of the head as one body, from what of it is outside the expressive regions.

    A shift, a roll, a change of size, and the first order of a turn or nod: what is nearer to the camera
    moves further, in proportion to the depth of an ellipsoid. What is not on it is background, which stays.

    Args:
        landmarks: `(5, 2)` of the aligned face, in fractions of it.
        shape: height and width of the aligned face in pixels.

    Attributes:
        design: what each of the six parameters moves, float64 `(height, width, 2, 6)`.
    """

    def __init__(self, landmarks, shape: tuple[int, int]):
        depth = _head_depth(np.asarray(landmarks), *shape)
        self.design = _design(depth)
        self._still = (depth > 0) & ~region_mask(boxes_from_landmarks(landmarks), shape)
        self._step = max(1, np.count_nonzero(self._still) // _PIXELS)
        self._rows = self.design[self._still][:: self._step].reshape(-1, self.design.shape[-1])

    def fit(self, flow: np.ndarray) -> np.ndarray:
        """The six parameters of the motion in `flow`, `(height, width, 2)` in pixels of the aligned face.

        Least absolute deviations by iterated reweighting, so that a moving cheek does not pull.
        """
        rows, values = self._rows, flow[self._still][:: self._step].reshape(-1).astype("float64")
        weights = np.ones(len(values))
        for _ in range(_ROUNDS):
            weighted = rows * weights[:, np.newaxis]
            motion = np.linalg.solve(weighted.T @ rows + 1e-9 * np.eye(rows.shape[1]), weighted.T @ values)
            miss = np.linalg.norm((values - rows @ motion).reshape(-1, 2), axis=1)
            weights = np.repeat(1.0 / np.maximum(miss, 0.02), 2)
        return motion


def head_motion(flow: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The motion of the head as one body, see `HeadMotion`.

    Args:
        flow: `(height, width, 2)` in pixels of the aligned face.
        landmarks: `(5, 2)` of the aligned face, in fractions of it.

    Returns:
        float64 array `(height, width, 2)`: that motion, at every pixel.
    """
    head = HeadMotion(landmarks, flow.shape[:2])
    return head.design @ head.fit(flow)


def _head_depth(landmarks, height, width):
    """Depth of the ellipsoid, 1 in its middle, 0 beside it: `(height, width)`."""
    x = (np.arange(width)[np.newaxis, :] + 0.5) / width
    y = (np.arange(height)[:, np.newaxis] + 0.5) / height
    unit = np.linalg.norm(landmarks[1] - landmarks[0])
    x, y = (x - landmarks[2, 0]) / unit, (y - landmarks[2, 1]) / unit + _ABOVE_NOSE
    return np.sqrt(np.maximum(1.0 - (x / _HEAD[0]) ** 2 - (y / _HEAD[1]) ** 2, 0.0))


def _design(depth):
    """What each of the six parameters moves, `(height, width, 2, 6)`."""
    height, width = depth.shape
    y, x = np.mgrid[:height, :width]
    x, y = (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5
    one, zero = np.ones_like(x), np.zeros_like(x)
    # u = a + c x - d y + e depth, v = b + d x + c y + f depth
    right = np.stack([one, zero, x, -y, depth, zero], axis=-1)
    down = np.stack([zero, one, y, x, zero, depth], axis=-1)
    return np.stack([right, down], axis=2)
