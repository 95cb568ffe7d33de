"""HARS: the hand-picked regions of a face and their re-assembly as a puzzle.

A puzzle has three tiles: the image-left and the image-right brow with its eyelid side by side above a
seam at half height, the mouth over the full width below (Zhou et al., Entropy 25(3):460, section 3.1).
Boxes are rows `(top, left, bottom, right)` in fractions of the image, in that order of tiles. NumPy only;
`layers.ROIPuzzle` computes the same on tensors.
"""

import numpy as np

from dualatme_keras.errors import DualATMEError

TEMPLATE_BOXES = np.array(
    [
        (0.08, 0.06, 0.44, 0.50),
        (0.08, 0.50, 0.44, 0.94),
        (0.60, 0.20, 0.94, 0.80),
    ]
)
"""Boxes `(3, 4)` for a face that fills its image, aligned by the eyes."""


def check_boxes(boxes) -> np.ndarray:
    """Returns `boxes` as floats `(3, 4)`; raises `DualATMEError` unless each is a box inside [0, 1]."""
    boxes = np.asarray(boxes, dtype="float64")
    valid = (
        boxes.shape == (3, 4)
        and bool(np.all((boxes >= 0) & (boxes <= 1)))
        and bool(np.all(boxes[:, :2] < boxes[:, 2:]))
    )
    if not valid:
        raise DualATMEError(
            "Expected three boxes (top, left, bottom, right) in fractions of the image, each with "
            f"0 <= top < bottom <= 1 and 0 <= left < right <= 1. Received: {boxes.tolist()}."
        )
    return boxes


def tile_sizes(size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Heights and widths of the three tiles of a puzzle of `size` `(height, width)`, in pixels."""
    height, width = size
    if height < 2 or width < 2:
        raise DualATMEError(f"Expected a puzzle of at least 2 x 2 pixels. Received: {height} x {width}.")
    top, left = height // 2, width // 2
    return (top, left), (top, width - left), (height - top, width)


def resampling_matrix(start: float, stop: float, source: int, target: int) -> np.ndarray:
    """Weights that resize the interval [start, stop] of a line of pixels, antialiased bilinear.

    A triangle filter that widens with the reduction, cut off at the border and normalised: for the whole
    line this is what Pillow and `tf.image.resize(antialias=True)` compute.

    Args:
        start, stop: the interval in fractions of the line, `0 <= start < stop <= 1`.
        source: pixels of the line.
        target: pixels wanted.

    Returns:
        float64 array `(target, source)`; rows sum to 1.
    """
    step = (stop - start) * source / target
    centres = start * source + (np.arange(target) + 0.5) * step
    distance = np.abs(np.arange(source) + 0.5 - centres[:, np.newaxis])
    weights = np.maximum(0.0, 1.0 - distance / max(step, 1.0))  # (target, source)
    return weights / weights.sum(axis=1, keepdims=True)


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
        rows = resampling_matrix(top, bottom, height, tile_height)
        columns = resampling_matrix(left, right, width, tile_width)
        tiles.append(np.einsum("th,hwc,sw->tsc", rows, image, columns, optimize=True))
    above = np.concatenate(tiles[:2], axis=1)
    return np.concatenate([above, tiles[2]], axis=0).astype("float32")
