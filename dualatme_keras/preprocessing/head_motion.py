"""Motion of the whole head, estimated where faces hardly deform, and taken away."""

import numpy as np

from dualatme_keras.regions import boxes_from_landmarks, check_boxes

_ROUNDS = 10
"""Rounds of reweighting; the estimate moves by less than 0.001 pixels after five."""

_HEAD = (1.2, 1.5)
"""Half axes (x, y) of the ellipsoid that stands for the head, in distances between the eyes."""


def region_mask(boxes, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels lie in one of the boxes `(3, 4)`: bool array of `shape`."""
    height, width = shape
    mask = np.zeros(shape, dtype=bool)
    for top, left, bottom, right in check_boxes(boxes):
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return mask


def head_motion(flow: np.ndarray, landmarks) -> np.ndarray:
    """The motion of the head as one body, from everything outside the expressive regions.

    A shift, a roll, a change of size, and the first order of a turn or nod: what is nearer to the camera
    moves further, in proportion to the depth of an ellipsoid about the nose. Least absolute deviations by
    iterated reweighting, so that a moving cheek or the background does not pull.

    Args:
        flow: `(height, width, 2)` in pixels of the aligned face.
        landmarks: `(5, 2)` of the aligned face, in fractions of it.

    Returns:
        float64 array `(height, width, 2)`: that motion, at every pixel.
    """
    height, width = flow.shape[:2]
    design = _design(np.asarray(landmarks), height, width)
    still = ~region_mask(boxes_from_landmarks(landmarks), (height, width))
    rows, values = design[still].reshape(-1, design.shape[-1]), flow[still].reshape(-1).astype("float64")
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        weighted = rows * weights[:, np.newaxis]
        motion = np.linalg.solve(weighted.T @ rows + 1e-9 * np.eye(rows.shape[1]), weighted.T @ values)
        miss = np.linalg.norm((values - rows @ motion).reshape(-1, 2), axis=1)
        weights = np.repeat(1.0 / np.maximum(miss, 0.02), 2)
    return design @ motion


def _design(landmarks, height, width):
    """What each of the six parameters moves, `(height, width, 2, 6)`."""
    x = (np.arange(width)[np.newaxis, :] + 0.5) / width
    y = (np.arange(height)[:, np.newaxis] + 0.5) / height
    between_eyes, nose = np.linalg.norm(landmarks[1] - landmarks[0]), landmarks[2]
    radius = ((x - nose[0]) / (_HEAD[0] * between_eyes)) ** 2 + (
        (y - nose[1]) / (_HEAD[1] * between_eyes)
    ) ** 2
    depth = np.sqrt(np.maximum(1.0 - radius, 0.0))
    x, y = np.broadcast_arrays(x - 0.5, y - 0.5)
    one, zero = np.ones_like(x), np.zeros_like(x)
    # u = a + c x - d y + e depth, v = b + d x + c y + f depth
    right = np.stack([one, zero, x, -y, depth, zero], axis=-1)
    down = np.stack([zero, one, y, x, zero, depth], axis=-1)
    return np.stack([right, down], axis=2)
