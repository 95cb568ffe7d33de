"""A flow field as the image that the network takes: `preprocessing.encode_flow` on tensors."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import resampling_matrix
from dualatme_keras.layers.float32_layer import Float32Layer

ENCODINGS = ("minmax", "joint", "fixed")

_ROUNDING = 1e-6
"""Span of a channel, relative to the largest flow, below which it is rounding and not motion."""


@keras.saving.register_keras_serializable(package="dualatme_keras")
class FlowImage(Float32Layer):
    """Encodes u, v and optical strain as the channels of an image, in the 256 steps of an image file.

    Args:
        size: side of the image in pixels, at least 2.
        encoding: `minmax`, `joint` or `fixed`, see `preprocessing.encode_flow`.
        pixel_range: of `fixed`, in pixels.

    Call arguments:
        inputs: flow `(batch, height, width, 2)` in pixels, to the right and down.

    Returns:
        `(batch, size, size, 3)` in [-1, 1].

    References:
        Zhou et al., Entropy 25(3):460, section 3.1; Shreve et al., 2011 (optical strain).
    """

    def __init__(self, size: int = 28, encoding: str = "minmax", pixel_range: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        if encoding not in ENCODINGS:
            raise DualATMEError(
                f"Expected an encoding out of {', '.join(ENCODINGS)}. Received: {encoding!r}."
            )
        if size < 2 or not pixel_range > 0:
            raise DualATMEError(
                "Expected a size of at least 2 and a positive pixel_range. "
                f"Received: {size} and {pixel_range}."
            )
        self.size = size
        self.encoding = encoding
        self.pixel_range = pixel_range

    def call(self, inputs):
        height, width = inputs.shape[1:3]
        rows, columns = (
            ops.convert_to_tensor(resampling_matrix(0.0, 1.0, source, self.size), "float32")
            for source in (height, width)
        )
        flow = ops.einsum("th,bhwc,sw->btsc", rows, ops.cast(inputs, "float32"), columns)
        channels = ops.concatenate([flow, _strain(flow)], axis=-1)  # (batch, size, size, 3)
        if self.encoding == "fixed":
            low = ops.convert_to_tensor([-self.pixel_range, -self.pixel_range, 0.0], "float32")
            scaled = ops.clip((channels - low) / (self.pixel_range - low), 0.0, 1.0)
        else:
            scaled = self._by_extremes(channels, ops.max(ops.abs(flow), axis=(1, 2, 3), keepdims=True))
        return ops.cast(ops.round(255.0 * scaled) / 127.5 - 1.0, self.compute_dtype)

    def _by_extremes(self, channels, largest):
        low, high = (extreme(channels, axis=(1, 2), keepdims=True) for extreme in (ops.min, ops.max))
        if self.encoding == "joint":
            low, high = (
                ops.concatenate(
                    [ops.repeat(extreme(v[..., :2], axis=-1, keepdims=True), 2, axis=-1), v[..., 2:]], -1
                )
                for v, extreme in ((low, ops.min), (high, ops.max))
            )
        span = high - low
        varies = span > _ROUNDING * largest
        return ops.where(varies, (channels - low) / ops.where(varies, span, 1.0), 0.0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self):
        own = {"size": self.size, "encoding": self.encoding, "pixel_range": self.pixel_range}
        return {**super().get_config(), **own}


def _strain(flow):
    """Optical strain of `(batch, height, width, 2)`: `(batch, height, width, 1)`."""
    x, y = _derivative(flow, axis=2), _derivative(flow, axis=1)
    shear = y[..., 0] + x[..., 1]
    return ops.sqrt(ops.square(x[..., 0]) + ops.square(y[..., 1]) + ops.square(shear) / 2)[..., None]


def _derivative(field, axis):
    """Central differences along an axis, one-sided at both ends."""
    count = field.shape[axis]

    def part(start, stop):
        index = [slice(None)] * len(field.shape)
        index[axis] = slice(start, stop)
        return field[tuple(index)]

    middle = (part(2, count) - part(0, count - 2)) / 2
    first, last = part(1, 2) - part(0, 1), part(count - 1, count) - part(count - 2, count - 1)
    return ops.concatenate([first, middle, last], axis=axis)
