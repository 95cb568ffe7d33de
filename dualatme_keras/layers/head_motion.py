"""The motion of the head as one body: `preprocessing.head_motion` on tensors."""

import keras
import numpy as np
from keras import ops

from dualatme_keras.layers.float32_layer import Float32Layer
from dualatme_keras.layers.region_boxes import RegionBoxes

_ROUNDS = 10
_NEAREST = 0.02
"""Miss in pixels below which all pixels weigh the same."""

_HEAD = (1.3, 1.6)
_ABOVE_NOSE = 0.1


@keras.saving.register_keras_serializable(package="dualatme_keras")
class HeadMotion(Float32Layer):
    """A shift, a roll, a change of size and a turn, from what is outside the expressive regions.

    Least absolute deviations by iterated reweighting, over all pixels of the head (the function in NumPy
    takes a few thousand of them, evenly).

    Call arguments:
        inputs: flow `(batch, height, width, 2)` in pixels of the aligned face, and landmarks `(batch, 5, 2)`
            in fractions of it.

    Returns:
        `(batch, height, width, 2)`: that motion at every pixel.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.boxes = RegionBoxes(dtype="float32")

    def call(self, inputs):
        flow, landmarks = (ops.cast(tensor, "float32") for tensor in inputs)
        height, width = flow.shape[1:3]
        depth = _head_depth(landmarks, height, width)  # (batch, h, w)
        design = _design(depth)  # (batch, 2, 6, h, w)
        still = ops.logical_and(depth > 0, ops.logical_not(_inside(self.boxes(landmarks), height, width)))
        values = ops.transpose(flow, (0, 3, 1, 2))  # (batch, 2, h, w)
        weights = ops.cast(still, "float32")
        motion = None
        for _ in range(_ROUNDS):
            weighted = design * weights[:, None, None]
            square = ops.einsum("bcihw,bcjhw->bij", weighted, design) + 1e-6 * ops.eye(6)
            motion = ops.solve(square, ops.einsum("bcihw,bchw->bi", weighted, values)[..., None])[..., 0]
            fitted = ops.einsum("bcihw,bi->bchw", design, motion)
            miss = ops.sqrt(ops.sum(ops.square(values - fitted), axis=1))
            weights = ops.where(still, 1.0 / ops.maximum(miss, _NEAREST), 0.0)
        head = ops.transpose(ops.einsum("bcihw,bi->bchw", design, motion), (0, 2, 3, 1))
        return ops.cast(head, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])


def _centres(count):
    return (np.arange(count, dtype="float32") + 0.5) / count


def _head_depth(landmarks, height, width):
    """Depth of an ellipsoid about the nose, 1 in its middle, 0 beside it."""
    unit = ops.norm(landmarks[:, 1] - landmarks[:, 0], axis=-1)[:, None, None]
    x = (_centres(width)[None, None, :] - landmarks[:, 2, 0, None, None]) / unit
    y = (_centres(height)[None, :, None] - landmarks[:, 2, 1, None, None]) / unit + _ABOVE_NOSE
    return ops.sqrt(ops.maximum(1.0 - ops.square(x / _HEAD[0]) - ops.square(y / _HEAD[1]), 0.0))


def _design(depth):
    """What each of the six parameters moves."""
    x = ops.zeros_like(depth) + (_centres(depth.shape[2])[None, None, :] - 0.5)
    y = ops.zeros_like(depth) + (_centres(depth.shape[1])[None, :, None] - 0.5)
    one, zero = ops.ones_like(depth), ops.zeros_like(depth)
    right = ops.stack([one, zero, x, -y, depth, zero], axis=1)
    down = ops.stack([zero, one, y, x, zero, depth], axis=1)
    return ops.stack([right, down], axis=1)


def _inside(boxes, height, width):
    """Which pixels lie in one of the boxes: bool `(batch, height, width)`."""
    top, left, bottom, right = (
        ops.round(boxes[..., side] * length)[:, :, None]
        for side, length in ((0, height), (1, width), (2, height), (3, width))
    )
    y, x = (ops.arange(length, dtype="float32")[None, None, :] for length in (height, width))
    rows, columns = ops.logical_and(y >= top, y < bottom), ops.logical_and(x >= left, x < right)
    return ops.any(ops.logical_and(rows[..., :, None], columns[..., None, :]), axis=1)
