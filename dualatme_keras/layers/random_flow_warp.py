"""Flow images of a face that lies elsewhere in the crop, is nearer, turned, or moves more."""

import math

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.puzzle import join_tiles, tile_sizes
from dualatme_keras.geometry.regions import TEMPLATE_BOXES
from dualatme_keras.layers.float32_layer import Float32Layer


def warp_flow_image(
    images: keras.KerasTensor,
    shift: keras.KerasTensor,
    zoom: keras.KerasTensor,
    angle: keras.KerasTensor,
    magnitude: keras.KerasTensor,
    encoding: str = "minmax",
) -> keras.KerasTensor:
    """Flow images `(batch, height, width, 3)` in [-1, 1] of faces that were moved before the flow was taken.

    Vectors turn with the face. What is moved from outside the image is like its edge. With the encoding
    `fixed` zero is the middle of the range, and vectors become longer as the face comes nearer; strain does
    not, as it is a ratio. The others hide where zero is and how large the motion was: zero is each channel's
    median, as most of a face stands still, and vectors stay as long as they are. `minmax` does not tell how
    large u is beside v: they turn as if both had the same range.

    Args:
        images: u, v and strain.
        shift: to the right and down, `(batch, 2)`, in widths and heights of the image.
        zoom: how much larger the face becomes, `(batch,)`.
        angle: by which it turns from right to down, `(batch,)`, radians.
        magnitude: of the motion, `(batch,)`; all three channels are multiplied, up to the ends of the range.
        encoding: see `preprocessing.PrepareSettings`.
    """
    height, width = images.shape[1:3]
    cos, sin = ops.cos(angle), ops.sin(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    # From a place in the result to the place in the image that it shows.
    a0, a1, b0, b1 = cos / zoom, sin / zoom, -sin / zoom, cos / zoom
    x, y = middle_x + shift[:, 0] * width, middle_y + shift[:, 1] * height
    a2, b2 = middle_x - a0 * x - a1 * y, middle_y - b0 * x - b1 * y
    none = ops.zeros_like(cos)
    matrices = ops.stack([a0, a1, a2, b0, b1, b2, none, none], axis=-1)
    images = ops.image.affine_transform(
        images, matrices, interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    if encoding == "fixed":
        zero = ops.convert_to_tensor([[[[0.0, 0.0, -1.0]]]], images.dtype)  # strain is not negative
    else:
        zero, zoom = ops.median(images, axis=(1, 2), keepdims=True), ops.ones_like(zoom)
    moved = images - zero
    cos, sin, zoom, magnitude = (value[:, None, None, None] for value in (cos, sin, zoom, magnitude))
    u, v, strain = moved[..., :1], moved[..., 1:2], moved[..., 2:]
    flow = ops.concatenate([cos * u - sin * v, sin * u + cos * v], axis=-1) * zoom
    return ops.clip(zero + magnitude * ops.concatenate([flow, strain], axis=-1), -1.0, 1.0)


@keras.saving.register_keras_serializable(package="dualatme_keras")
class RandomFlowWarp(Float32Layer):
    """Moves, enlarges and turns the face of each flow image in training, see `warp_flow_image`.

    Each image has random numbers of its own, evenly distributed (zoom and magnitude on a logarithmic scale).
    Otherwise images stay as they are.

    Args:
        shift: largest shift to each side, as a share of the image's side, below 0.5. Defaults to 0.05.
        zoom: largest enlargement and reduction, e.g. 0.1 for factors from 1 / 1.1 to 1.1. Defaults to 0.1.
        rotation: largest angle to each side in degrees. Defaults to 5.
        magnitude: largest change of the motion, e.g. 0.5 for factors from 1 / 1.5 to 1.5. Defaults to 0:
            `minmax` images do not have it.
        puzzle: the images are puzzles: each tile is warped by itself, as the region that it shows.
        encoding: of the images. Defaults to `"minmax"`.
        seed: of the random numbers.

    Call arguments:
        inputs: `(batch, height, width, 3)` in [-1, 1].
        training: whether to warp; otherwise images stay as they are.

    Raises:
        DualATMEError: a range is negative, or the shift leaves nothing of the image.
    """

    def __init__(
        self,
        shift: float = 0.05,
        zoom: float = 0.1,
        rotation: float = 5.0,
        magnitude: float = 0.0,
        puzzle: bool = False,
        encoding: str = "minmax",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        ranges = {"shift": shift, "zoom": zoom, "rotation": rotation, "magnitude": magnitude}
        for name, value in ranges.items():
            end = 0.5 if name == "shift" else math.inf
            if not 0 <= value < end:
                raise DualATMEError(f"Expected `{name}` from 0 to below {end}. Received: {value}.")
        self.shift, self.zoom, self.rotation, self.magnitude = ranges.values()
        self.puzzle, self.encoding, self.seed = puzzle, encoding, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return ops.cast(inputs, self.compute_dtype)
        # In one go, so that entire images and puzzles draw the same numbers for a clip.
        draws = keras.random.uniform((ops.shape(inputs)[0], 5), -1.0, 1.0, seed=self.seed_generator)
        shift = self.shift * draws[:, :2]
        zoom = ops.exp(math.log1p(self.zoom) * draws[:, 2])
        angle = math.radians(self.rotation) * draws[:, 3]
        magnitude = ops.exp(math.log1p(self.magnitude) * draws[:, 4])
        images = self._warp(ops.cast(inputs, "float32"), shift, zoom, angle, magnitude)
        return ops.cast(images, self.compute_dtype)

    def _warp(self, images, shift, *others):
        if not self.puzzle:
            return warp_flow_image(images, shift, *others, self.encoding)
        (height, top_left), (_, top_right), (bottom, width) = tile_sizes(images.shape[1:3])
        tiles = (
            images[:, :height, :top_left],
            images[:, :height, top_left : top_left + top_right],
            images[:, height : height + bottom, :width],
        )
        warped = [
            # A box is a share of the face: what moves the face moves more of it.
            warp_flow_image(tile, shift / ops.convert_to_tensor(share), *others, self.encoding)
            for tile, share in zip(tiles, _SHARES, strict=True)
        ]
        return join_tiles(warped, ops)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = ("shift", "zoom", "rotation", "magnitude", "puzzle", "encoding", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


_SHARES = [(float(right - left), float(bottom - top)) for top, left, bottom, right in TEMPLATE_BOXES]
"""Width and height of the region that each tile shows, as shares of the face."""
