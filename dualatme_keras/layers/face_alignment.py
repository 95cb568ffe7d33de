"""A face brought to its place inside a graph: `preprocessing.align_face` on tensors."""

import keras
import numpy as np
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import eye_places
from dualatme_keras.layers.float32_layer import Float32Layer


@keras.saving.register_keras_serializable(package="dualatme_keras")
class FaceAlignment(Float32Layer):
    """Cuts the face out of frames, turned, scaled and shifted so that the eyes come to their places.

    A Gaussian blur in proportion to the reduction comes first, then a bilinear look-up; both round to whole
    grey values, and the border is continued, as OpenCV does in `preprocessing.align_face`.

    JAX computes it, but cannot compile it: the blur has as many weights as the landmarks ask for.

    Args:
        size: side of the aligned face in pixels.
        margin: what to leave around the face on each side, as a fraction of `size`, in [0, 0.4].

    Call arguments:
        inputs: frames `(batch, height, width, channels)` in [0, 255] and landmarks `(batch, 5, 2)` in their
            pixels (see `regions.TEMPLATE_LANDMARKS`). The blur is that of the first landmarks: a batch holds
            the frames of one clip.

    Returns:
        `(batch, size, size, channels)`, whole numbers in [0, 255].
    """

    def __init__(self, size: int = 112, margin: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or not 0.0 <= margin <= 0.4:
            raise DualATMEError(
                f"Expected a positive size and a margin from 0 to 0.4. Received: {size} and {margin}."
            )
        self.size = size
        self.margin = margin

    def call(self, inputs):
        frames, landmarks = (ops.cast(tensor, "float32") for tensor in inputs)
        left, turn, place = _similarity(landmarks, self.size, self.margin)
        x, y = np.meshgrid(*(np.arange(self.size, dtype="float32") - start for start in place))
        cosine, sine = turn[:, 0, None, None], turn[:, 1, None, None]
        from_x = left[:, 0, None, None] + cosine * x - sine * y  # (batch, size, size)
        from_y = left[:, 1, None, None] + sine * x + cosine * y
        faces = ops.round(_look_up(_blur(frames, ops.norm(turn[0])), from_x, from_y))
        return ops.cast(faces, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        frames, _landmarks = input_shape
        return (frames[0], self.size, self.size, frames[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "margin": self.margin}


def landmarks_on_face(
    landmarks: keras.KerasTensor, size: int = 112, margin: float = 0.1
) -> keras.KerasTensor:
    """Where landmarks come to lie: `(batch, 5, 2)` pixels of the frame -> fractions of the aligned face."""
    left, turn, place = _similarity(landmarks, size, margin)
    away = landmarks - left[:, None]  # (batch, 5, 2)
    cosine, sine = turn[:, 0, None], turn[:, 1, None]
    square = cosine * cosine + sine * sine
    x = (away[..., 0] * cosine + away[..., 1] * sine) / square
    y = (away[..., 1] * cosine - away[..., 0] * sine) / square
    return (ops.stack([x, y], axis=-1) + place + 0.5) / size


def _similarity(landmarks, size, margin):
    """From the aligned face back to the frame: `(x, y) -> left + turn * ((x, y) - place)`, complex product.

    Returns:
        Left eye `(batch, 2)`, turn `(batch, 2)` (cosine and sine times the reduction), and the place of the
        left eye on the aligned face, `(2,)`.
    """
    places = eye_places(size, margin)
    left, right = landmarks[:, 0], landmarks[:, 1]
    # The eyes' places are level.
    return left, (right - left) / float(places[1, 0] - places[0, 0]), places[0].astype("float32")


def _blur(frames, shrink):
    """Gaussian blur of `(batch, height, width, channels)` before a reduction by `shrink`, rounded."""
    spread = 0.35 * ops.sqrt(ops.maximum(ops.square(shrink) - 1.0, 0.0)) + 1e-3
    reach = ops.cast(ops.round(6.0 * spread + 1.0), "int32") // 2  # OpenCV's for bytes
    at = ops.cast(ops.arange(-reach, reach + 1), "float32")
    weights = ops.exp(-0.5 * ops.square(at / spread))
    weights = weights / ops.sum(weights)
    batch, height, width, channels = ops.shape(frames)
    planes = ops.reshape(ops.transpose(frames, (0, 3, 1, 2)), (batch * channels, height, width, 1))
    planes = ops.pad(planes, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode="reflect")
    planes = ops.conv(planes, ops.reshape(weights, (-1, 1, 1, 1)), padding="valid")
    planes = ops.round(ops.conv(planes, ops.reshape(weights, (1, -1, 1, 1)), padding="valid"))
    return ops.transpose(ops.reshape(planes, (batch, channels, height, width)), (0, 2, 3, 1))


def _look_up(frames, x, y):
    """`(batch, height, width, channels)` at places `(batch, rows, columns)`, bilinear, edges continued."""
    batch, height, width, channels = ops.shape(frames)
    pixels = ops.reshape(frames, (-1, channels))
    start = (ops.arange(batch, dtype="int32") * (height * width))[:, None, None]
    # A place far outside needs no larger integers.
    x = ops.clip(x, -1.0, ops.cast(width, "float32"))
    y = ops.clip(y, -1.0, ops.cast(height, "float32"))
    left, top = ops.floor(x), ops.floor(y)
    across, down = (x - left)[..., None], (y - top)[..., None]
    left, top = ops.cast(left, "int32"), ops.cast(top, "int32")

    def row(number):
        at = start + ops.clip(number, 0, height - 1) * width
        first, second = (
            ops.take(pixels, at + ops.clip(column, 0, width - 1), axis=0) for column in (left, left + 1)
        )
        return first + across * (second - first)

    above, below = row(top), row(top + 1)
    return above + down * (below - above)  # (batch, rows, columns, channels)
