"""The puzzle of HARS: the regions of a face (`geometry.regions`) cut out and put together to an image.

The brow tiles lie side by side above a seam at half height, the mouth over the full width below (Zhou et
al., Entropy 25(3):460, section 3.1). `layers.ROIPuzzle` cuts puzzles of tensors.
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.constants import Array, constant_like
from dualatme_keras.geometry.regions import TEMPLATE_BOXES, check_boxes
from dualatme_keras.geometry.resampling import resampling_matrix


def tile_sizes(size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Heights and widths of the three tiles of a puzzle of `size` `(height, width)`, in pixels."""
    height, width = size
    if height < 2 or width < 2:
        raise DualATMEError(f"Expected a puzzle of at least 2 x 2 pixels. Received: {height} x {width}.")
    top, left = height // 2, width // 2
    return (top, left), (top, width - left), (height - top, width)


def join_tiles(tiles: Sequence[Array], ops: ModuleType = np) -> Array:
    """Three tiles `(..., tile_height, tile_width, channels)` -> a puzzle `(..., height, width, channels)`."""
    above = ops.concatenate(tiles[:2], axis=-2)
    return ops.concatenate([above, tiles[2]], axis=-3)


def tile_scales(boxes: Array, size: tuple[int, int], ops: ModuleType = np) -> Array:
    """By how much a puzzle enlarges (x, y) what each of its pixels shows.

    Args:
        boxes: `(..., 3, 4)`, fractions of the image.
        size: `(height, width)` of both the image and the puzzle.
        ops: the library of `boxes`, `numpy` or `keras.ops`.

    Returns:
        `(..., height, width, 2)`.
    """
    tiles, (height, width) = [], size
    for index, (tile_height, tile_width) in enumerate(tile_sizes(size)):
        top, left, bottom, right = (boxes[..., index, side] for side in range(4))
        across, down = tile_width / ((right - left) * width), tile_height / ((bottom - top) * height)
        scale = ops.stack([across, down], axis=-1)[..., None, None, :]
        tiles.append(scale * constant_like(np.ones((tile_height, tile_width, 1)), scale))
    return join_tiles(tiles, ops)


def cut_puzzle(image: np.ndarray, boxes=TEMPLATE_BOXES, size: tuple[int, int] | None = None) -> np.ndarray:
    """Cuts the boxes out of an image and re-assembles them as the puzzle.

    Args:
        image: `(height, width, channels)`, any range (grey values, or flow in pixels).
        boxes: `(3, 4)`, fractions of the image.
        size: `(height, width)` of the puzzle; that of the image by default.

    Returns:
        float32 array `(*size, channels)` in the range of the image.

    Raises:
        DualATMEError: boxes or size make no puzzle.
    """
    height, width = image.shape[:2]
    tiles = []
    for (top, left, bottom, right), (tile_height, tile_width) in zip(
        check_boxes(boxes), tile_sizes(size or (height, width)), strict=True
    ):
        rows = resampling_matrix(top * height, (bottom - top) * height / tile_height, height, tile_height)
        columns = resampling_matrix(left * width, (right - left) * width / tile_width, width, tile_width)
        tiles.append(np.einsum("th,hwc,sw->tsc", rows, image, columns, optimize=True))
    return join_tiles(tiles).astype("float32")
