"""Optical flow as an image of three channels: horizontal flow, vertical flow and optical strain.

The encoding of the published flow images (Zhou et al., Entropy 25(3):460, section 3.1).
"""

from types import ModuleType

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.constants import Array, constant_like

ENCODINGS = ("minmax", "joint", "fixed")

_ROUNDING = 1e-6
"""Span of a channel, relative to the largest flow, below which it is rounding and not motion."""


def check_encoding(encoding: str) -> None:
    """Raises `DualATMEError` unless there is such an encoding."""
    if encoding not in ENCODINGS:
        raise DualATMEError(f"Expected an encoding out of {', '.join(ENCODINGS)}. Received: {encoding!r}.")


def flow_strain(flow: Array, ops: ModuleType = np) -> Array:
    """Magnitude of the deformation in a flow field, see `preprocessing.optical_strain`.

    Args:
        flow: `(..., height, width, 2)`, to the right and down, at least 2 x 2.
        ops: the library of `flow`, `numpy` or `keras.ops`.

    Returns:
        `(..., height, width, 1)`, >= 0.
    """
    along_x, along_y = _derivative(flow, -2, ops), _derivative(flow, -3, ops)
    shear = along_y[..., :1] + along_x[..., 1:]
    stretch = ops.square(along_x[..., :1]) + ops.square(along_y[..., 1:])
    return ops.sqrt(stretch + ops.square(shear) / 2)


def flow_image(flow: Array, encoding: str, pixel_range: float, ops: ModuleType = np) -> Array:
    """A flow field as u, v and strain in whole grey values, see `preprocessing.encode_flow`.

    Args:
        flow: `(..., height, width, 2)`, to the right and down, at least 2 x 2.
        encoding: one of `ENCODINGS`.
        pixel_range: of `fixed`, in pixels.
        ops: the library of `flow`, `numpy` or `keras.ops`.

    Returns:
        `(..., height, width, 3)`, whole numbers in [0, 255], in the type of `flow`.
    """
    strain = flow_strain(flow, ops)
    if encoding == "fixed":
        channels = ops.concatenate([flow, strain], axis=-1)
        low = constant_like([-pixel_range, -pixel_range, 0.0], flow)
        scaled = ops.clip((channels - low) / (pixel_range - low), 0.0, 1.0)
    else:
        image, channels = (-3, -2), (-3, -2, -1)
        largest = ops.max(ops.abs(flow), axis=channels, keepdims=True)
        scaled = ops.concatenate(
            [
                _by_extremes(flow, channels if encoding == "joint" else image, largest, ops),
                _by_extremes(strain, image, largest, ops),
            ],
            axis=-1,
        )
    return ops.round(255.0 * scaled)


def _by_extremes(field, axes, largest, ops):
    """Scaled to [0, 1] by the extremes over axes; 0 where they are as good as one."""
    low, high = (extreme(field, axis=axes, keepdims=True) for extreme in (ops.min, ops.max))
    span = high - low
    varies = span > _ROUNDING * largest
    return ops.where(varies, (field - low) / ops.where(varies, span, 1.0), 0.0)


def _derivative(field, axis, ops):
    """Central differences along an axis, one-sided at both ends."""
    count = field.shape[axis]

    def part(start, stop):
        index = [slice(None)] * len(field.shape)
        index[axis] = slice(start, stop)
        return field[tuple(index)]

    middle = (part(2, count) - part(0, count - 2)) / 2
    first, last = part(1, 2) - part(0, 1), part(count - 1, count) - part(count - 2, count - 1)
    return ops.concatenate([first, middle, last], axis=axis)
