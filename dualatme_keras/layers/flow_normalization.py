"""Takes off a flow image what min-max encoding hides: where zero is, and how large the motion was."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers.float32_layer import Float32Layer


@keras.saving.register_keras_serializable(package="dualatme_keras")
class FlowNormalization(Float32Layer):
    """Brings flow images to a common zero and size, whatever range they were encoded with.

    Each channel's median is taken off, as most of a face stands still. Horizontal and vertical flow together,
    and strain, are divided by their size. What is far above that is bent towards `limit`: the largest values
    of real flow are seldom the expression.

    Args:
        limit: bound of the absolute values, in sizes; `None` for none. Defaults to 4.5.
        size: what the size is: `"mean"`, the mean absolute value, or `"rms"`, the root mean square. Defaults
            to `"mean"`.

    Call arguments:
        inputs: flow images `(batch, height, width, 3)` of u, v and strain.

    Returns:
        The same shape, in (-limit, limit). An even channel is 0.

    Raises:
        DualATMEError: `limit` is not positive, or there is no such size.
    """

    def __init__(self, limit: float | None = 4.5, size: str = "mean", **kwargs):
        super().__init__(**kwargs)
        if limit is not None and not limit > 0:
            raise DualATMEError(f"Expected a positive `limit`, or None. Received: {limit}.")
        if size not in ("mean", "rms"):
            raise DualATMEError(f"Expected a `size` out of mean, rms. Received: {size!r}.")
        self.limit, self.size = limit, size

    def call(self, inputs):
        images = ops.cast(inputs, keras.backend.result_type(self.compute_dtype, "float32"))
        images = images - _median(images)
        flow, strain = images[..., :2], images[..., 2:]
        images = ops.concatenate([self._to_unit_size(flow), self._to_unit_size(strain)], axis=-1)
        if self.limit is not None:
            images = self.limit * ops.tanh(images / self.limit)
        return ops.cast(images, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "limit": self.limit, "size": self.size}

    def _to_unit_size(self, channels):
        axes = {"axis": (1, 2, 3), "keepdims": True}
        if self.size == "rms":
            size = ops.sqrt(ops.mean(ops.square(channels), **axes))
        else:
            size = ops.mean(ops.abs(channels), **axes)
        # An image file has steps of 1/127.5: less than a tenth of one is no motion.
        return channels / ops.maximum(size, 1e-3)


def _median(images):
    """Of each channel, `(batch, 1, 1, channels)`: `ops.median`, without what LiteRT has no operation for."""
    _, height, width, channels = ops.shape(images)
    count = height * width
    ordered = ops.sort(ops.reshape(images, (-1, count, channels)), axis=1)
    return ((ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2)[:, None, None]
