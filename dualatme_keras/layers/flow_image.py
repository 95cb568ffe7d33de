"""A flow field as the image that the network takes: `preprocessing.encode_flow` on tensors."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.flow_image import check_encoding, flow_image
from dualatme_keras.geometry.resampling import resampling_matrix
from dualatme_keras.layers.float32_layer import Float32Layer


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
        check_encoding(encoding)
        if size < 2 or not pixel_range > 0:
            raise DualATMEError(
                "Expected a size of at least 2 and a positive pixel_range. "
                f"Received: {size} and {pixel_range}."
            )
        self.size = size
        self.encoding = encoding
        self.pixel_range = pixel_range

    def call(self, inputs):
        rows, columns = (
            ops.convert_to_tensor(resampling_matrix(0.0, source / self.size, source, self.size), "float32")
            for source in inputs.shape[1:3]
        )
        flow = ops.einsum("th,bhwc,sw->btsc", rows, ops.cast(inputs, "float32"), columns)
        image = flow_image(flow, self.encoding, self.pixel_range, ops)  # (batch, size, size, 3)
        return ops.cast(image / 127.5 - 1.0, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, 3)

    def get_config(self):
        own = {"size": self.size, "encoding": self.encoding, "pixel_range": self.pixel_range}
        return {**super().get_config(), **own}
