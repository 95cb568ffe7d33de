"""HARS boxes from landmarks as a layer."""

import keras
from keras import ops

from dualatme_keras.geometry.regions import region_boxes
from dualatme_keras.layers.float32_layer import Float32Layer


@keras.saving.register_keras_serializable(package="dualatme_keras")
class RegionBoxes(Float32Layer):
    """The boxes of the template, moved and scaled with eyes and mouth, cut off at the border.

    Call arguments:
        inputs: landmarks `(batch, 5, 2)` in fractions of the aligned face (see `regions.TEMPLATE_LANDMARKS`).

    Returns:
        `(batch, 3, 4)`, rows (top, left, bottom, right) in fractions of the face.
    """

    def call(self, inputs):
        return ops.cast(region_boxes(ops.cast(inputs, "float32"), ops), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 3, 4)
