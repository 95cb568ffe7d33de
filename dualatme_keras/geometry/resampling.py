"""Antialiased bilinear resizing as products of small matrices."""

from types import ModuleType

import numpy as np

from dualatme_keras.geometry.constants import Array, constant_like


def resampling_matrix(start: Array, step: Array, source: int, target: int, ops: ModuleType = np) -> Array:
    """Weights that resize an interval of a line of pixels, antialiased bilinear.

    A triangle filter that widens with the reduction, cut off at the border and normalised: for the whole
    line this is what Pillow and `tf.image.resize(antialias=True)` compute.

    Args:
        start: where the interval begins, `(...)`, in pixels; 0 is the edge of the line.
        step: pixels of the line for each one wanted, `(...)`: the interval's length divided by `target`.
        source: pixels of the line.
        target: pixels wanted.
        ops: the library of `start` and `step`, `numpy` or `keras.ops`.

    Returns:
        `(..., target, source)`; rows sum to 1. float64 from numbers, otherwise as `start` and `step`.
    """
    start, step = ops.expand_dims(start, -1), ops.expand_dims(step, -1)
    centres = start + step * constant_like(np.arange(target) + 0.5, step)  # (..., target)
    distance = ops.abs(centres[..., None] - constant_like(np.arange(source) + 0.5, step))
    weights = ops.maximum(0.0, 1.0 - distance / ops.maximum(step, 1.0)[..., None])
    return weights / ops.sum(weights, axis=-1, keepdims=True)  # (..., target, source)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`(height, width, channels)` -> `(*size, channels)`, antialiased bilinear, in the range of the image."""
    rows, columns = (
        resampling_matrix(0.0, source / target, source, target)
        for source, target in zip(image.shape[:2], size, strict=True)
    )
    return np.einsum("th,hwc,sw->tsc", rows, image, columns, optimize=True)
