"""The HARS puzzle as a layer: regions cut out of an image and re-assembled."""

from collections.abc import Sequence

import keras
from keras import ops

from dualatme_keras.geometry.puzzle import join_tiles, tile_sizes
from dualatme_keras.geometry.regions import TEMPLATE_BOXES, check_boxes
from dualatme_keras.geometry.resampling import resampling_matrix


@keras.saving.register_keras_serializable(package="dualatme_keras")
class ROIPuzzle(keras.layers.Layer):
    """Cuts the brow-and-eyelid tiles and the mouth tile out of an image and re-assembles them.

    With it the ROI branch works from the entire image alone, where no puzzled image exists. Each tile is
    resized by an antialiased bilinear filter, as two small matrix products. `puzzle.cut_puzzle` is
    the same in NumPy.

    Args:
        size: `(height, width)` of the puzzle in pixels. Defaults to `(28, 28)`.
        boxes: three rows `(top, left, bottom, right)` in fractions of the image: image-left brow and
            eyelid, image-right ones, mouth. Used where a call brings none. Defaults to
            `regions.TEMPLATE_BOXES`.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        boxes: optional `(batch, 3, 4)`, each clip's own boxes, fractions of the image.

    Returns:
        `(batch, *size, channels)`.

    References:
        Zhou et al., Entropy 25(3):460, section 3.1 (HARS).
    """

    def __init__(self, size: tuple[int, int] = (28, 28), boxes: Sequence | None = None, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.boxes = check_boxes(TEMPLATE_BOXES if boxes is None else boxes).tolist()
        tile_sizes(self.size)

    def call(self, inputs, boxes=None):
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras does so with floats alone
        batch, height, width = ops.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
        if boxes is None:
            boxes = ops.broadcast_to(ops.convert_to_tensor(self.boxes, "float32"), (batch, 3, 4))
        boxes = ops.cast(boxes, "float32")
        tiles = []
        for index, (tile_height, tile_width) in enumerate(tile_sizes(self.size)):
            top, left, bottom, right = ops.unstack(boxes[:, index], 4, axis=-1)  # (batch,) each
            down, across = (bottom - top) * (height / tile_height), (right - left) * (width / tile_width)
            rows = resampling_matrix(top * height, down, height, tile_height, ops)
            columns = resampling_matrix(left * width, across, width, tile_width, ops)
            rows, columns = ops.cast(rows, inputs.dtype), ops.cast(columns, inputs.dtype)
            tile = ops.einsum("bth,bhwc->btwc", rows, inputs)  # (batch, tile_height, width, channels)
            tiles.append(ops.einsum("bsw,btwc->btsc", columns, tile))
        return join_tiles(tiles, ops)  # (batch, *size, channels)

    def compute_output_shape(self, inputs_shape, boxes_shape=None):
        return (inputs_shape[0], *self.size, inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "boxes": self.boxes}
