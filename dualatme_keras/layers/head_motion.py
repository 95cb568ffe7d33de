"""The motion of the head as one body: `preprocessing.head_motion` on tensors."""

import keras
from keras import ops

from dualatme_keras.geometry.head_motion import ROUNDS, SMALLEST_MISS, head_depth, head_movements
from dualatme_keras.geometry.regions import region_boxes, region_mask
from dualatme_keras.layers.float32_layer import Float32Layer


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

    def call(self, inputs):
        flow, landmarks = (ops.cast(tensor, "float32") for tensor in inputs)
        shape = flow.shape[1:3]
        depth = head_depth(landmarks, shape, ops)  # (batch, h, w)
        design = ops.stack([ops.stack(moved, axis=1) for moved in head_movements(depth, ops)], axis=1)
        still = (depth > 0) & ~region_mask(region_boxes(landmarks, ops), shape, ops)
        values = ops.transpose(flow, (0, 3, 1, 2))  # (batch, 2, h, w); design is (batch, 2, 6, h, w)
        weights = ops.cast(still, "float32")
        motion = None
        for _ in range(ROUNDS):
            weighted = design * weights[:, None, None]
            square = ops.einsum("bcihw,bcjhw->bij", weighted, design) + 1e-6 * ops.eye(6)
            motion = ops.solve(square, ops.einsum("bcihw,bchw->bi", weighted, values)[..., None])[..., 0]
            fitted = ops.einsum("bcihw,bi->bchw", design, motion)
            miss = ops.sqrt(ops.sum(ops.square(values - fitted), axis=1))
            weights = ops.where(still, 1.0 / ops.maximum(miss, SMALLEST_MISS), 0.0)
        head = ops.transpose(ops.einsum("bcihw,bi->bchw", design, motion), (0, 2, 3, 1))
        return ops.cast(head, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])
