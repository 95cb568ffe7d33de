"""What the head moves as one body: the model that both `head_motion` of arrays and of tensors fit.

Six parameters: a shift (two), a change of size, a roll, and the first order of a turn and a nod, by which
what is nearer to the camera moves further, in proportion to the depth of an ellipsoid.
"""

from types import ModuleType

import numpy as np

from dualatme_keras.geometry.constants import Array, constant_like
from dualatme_keras.geometry.regions import eye_distance

ROUNDS = 10
"""Rounds of reweighting; the estimate moves by less than 0.001 pixels after five."""

SMALLEST_MISS = 0.02
"""Miss in pixels below which all pixels weigh the same."""

_HEAD = (1.3, 1.6)
"""Half axes (x, y) of the ellipsoid that stands for the head, in distances between the eyes."""

_ABOVE_NOSE = 0.1
"""How far its middle is above the tip of the nose, in distances between the eyes."""


def head_depth(landmarks: Array, shape: tuple[int, int], ops: ModuleType = np) -> Array:
    """Depth of the ellipsoid at each pixel: 1 in its middle, 0 outside.

    Args:
        landmarks: `(..., 5, 2)` of the aligned face, in fractions of it.
        shape: height and width of the aligned face in pixels.
        ops: the library of `landmarks`, `numpy` or `keras.ops`.

    Returns:
        `(..., height, width)`.
    """
    x, y = (constant_like(places, landmarks) for places in _pixel_places(shape))
    unit = eye_distance(landmarks, ops)[..., None, None]
    x = (x - landmarks[..., 2, 0, None, None]) / unit
    y = (y - landmarks[..., 2, 1, None, None]) / unit + _ABOVE_NOSE
    return ops.sqrt(ops.maximum(1.0 - ops.square(x / _HEAD[0]) - ops.square(y / _HEAD[1]), 0.0))


def head_movements(depth: Array, ops: ModuleType = np) -> Array:
    """How far each of the six parameters moves each pixel, for a value of 1.

    Args:
        depth: `(..., height, width)`, of `head_depth`.
        ops: the library of `depth`, `numpy` or `keras.ops`.

    Returns:
        The six motions to the right and the six motions down, `(..., height, width)` each.
    """
    one, zero = ops.ones_like(depth), ops.zeros_like(depth)
    x, y = (zero + (constant_like(places, depth) - 0.5) for places in _pixel_places(depth.shape[-2:]))
    # u = a + c x - d y + e depth, v = b + d x + c y + f depth
    return (one, zero, x, -y, depth, zero), (zero, one, y, x, zero, depth)


def _pixel_places(shape):
    """Centres of the pixels in fractions of the image: x `(1, width)` and y `(height, 1)`."""
    height, width = shape
    x, y = ((np.arange(count) + 0.5) / count for count in (width, height))
    return x[np.newaxis, :], y[:, np.newaxis]
