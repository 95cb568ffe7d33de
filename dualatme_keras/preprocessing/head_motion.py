"""Motion of the whole head, estimated where faces hardly deform, and taken away."""

import numpy as np

from dualatme_keras.geometry.head_motion import ROUNDS, SMALLEST_MISS, head_depth, head_movements
from dualatme_keras.geometry.regions import boxes_from_landmarks, region_mask

_PIXELS = 4000
"""Pixels that are enough for six parameters; more are taken evenly."""


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
        depth = head_depth(np.asarray(landmarks, dtype="float64"), shape)
        self.design = np.stack([np.stack(moved, axis=-1) for moved in head_movements(depth)], axis=2)
        self._still = (depth > 0) & ~region_mask(boxes_from_landmarks(landmarks), shape)
        self._step = max(1, np.count_nonzero(self._still) // _PIXELS)
        self._rows = self.design[self._still][:: self._step].reshape(-1, self.design.shape[-1])

    def fit(self, flow: np.ndarray) -> np.ndarray:
        """The six parameters of the motion in `flow`, `(height, width, 2)` in pixels of the aligned face.

        Least absolute deviations by iterated reweighting, so that a moving cheek does not pull.
        """
        rows, values = self._rows, flow[self._still][:: self._step].reshape(-1).astype("float64")
        weights = np.ones(len(values))
        for _ in range(ROUNDS):
            weighted = rows * weights[:, np.newaxis]
            motion = np.linalg.solve(weighted.T @ rows + 1e-9 * np.eye(rows.shape[1]), weighted.T @ values)
            miss = np.linalg.norm((values - rows @ motion).reshape(-1, 2), axis=1)
            weights = np.repeat(1.0 / np.maximum(miss, SMALLEST_MISS), 2)
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
