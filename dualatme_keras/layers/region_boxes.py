"""HARS boxes from landmarks: `regions.boxes_from_landmarks` on tensors."""

import keras
from keras import ops

from dualatme_keras.geometry.regions import TEMPLATE_BOXES, TEMPLATE_LANDMARKS
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
        points = ops.cast(inputs, "float32")
        (template_eyes, template_mouth), (eyes, mouth) = (
            (ops.mean(p[..., :2, :], axis=-2), ops.mean(p[..., 3:, :], axis=-2))
            for p in (ops.convert_to_tensor(TEMPLATE_LANDMARKS, "float32"), points)
        )
        template_scale, scale = (_face_scale(p) for p in (TEMPLATE_LANDMARKS.astype("float32"), points))
        scale = (scale / template_scale)[:, None, None]  # (batch, 1, 1, 2), height and width
        anchors = ops.stack([eyes, eyes, mouth], axis=1)[:, :, None, ::-1]  # (batch, 3, 1, 2), y and x
        template = ops.stack([template_eyes, template_eyes, template_mouth])[:, None, ::-1]
        corners = ops.convert_to_tensor(TEMPLATE_BOXES.reshape(3, 2, 2), "float32") - template
        boxes = ops.reshape(ops.clip(corners * scale + anchors, 0.0, 1.0), (-1, 3, 4))
        return ops.cast(boxes, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 3, 4)


def _face_scale(points):
    """Height from eyes to mouth and distance between the eyes, `(..., 2)`."""
    height = ops.mean(points[..., 3:, 1], axis=-1) - ops.mean(points[..., :2, 1], axis=-1)
    return ops.stack([height, ops.norm(points[..., 1, :] - points[..., 0, :], axis=-1)], axis=-1)
