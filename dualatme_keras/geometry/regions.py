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
        (0.06, 0.06, 0.44, 0.50),
        (0.06, 0.50, 0.44, 0.94),
        (0.60, 0.20, 0.94, 0.80),
    ]
)
"""Boxes `(3, 4)` for a face that fills its image, aligned by the eyes."""

TEMPLATE_LANDMARKS = np.array([(0.30, 0.31), (0.70, 0.31), (0.50, 0.55), (0.34, 0.76), (0.66, 0.76)])
"""Five landmarks `(5, 2)` of such a face, (x, y) in fractions of the image, left and right as in the image:
left eye, right eye, tip of the nose, left and right corner of the mouth."""


def check_landmarks(landmarks) -> np.ndarray:
    """Returns `landmarks` as floats `(5, 2)`; raises `DualATMEError` unless they are of an upright face."""
    landmarks = np.asarray(landmarks, dtype="float64")
    if landmarks.shape != (5, 2) or not np.all(np.isfinite(landmarks)):
        raise DualATMEError(
            "Expected five landmarks (x, y): eyes, nose, corners of the mouth. "
            f"Received: {landmarks.tolist()}."
        )
    if landmarks[0, 0] >= landmarks[1, 0] or landmarks[3:, 1].mean() <= landmarks[:2, 1].mean():
        raise DualATMEError(
            "Expected an upright face: the image-left eye first, the mouth below the eyes. "
            f"Received: {landmarks.round(1).tolist()}. Turn frames in which the head lies on its side."
        )
    return landmarks


def boxes_from_landmarks(landmarks) -> np.ndarray:
    """HARS boxes of an aligned face: those of the template, moved and scaled with eyes and mouth.

    The brow and lid boxes follow the middle between the eyes, the mouth box the middle of the mouth. Widths
    grow with the distance between the eyes, heights with that from eyes to mouth. What leaves the image is
    cut off.

    Args:
        landmarks: `(5, 2)`, fractions of the image, as `TEMPLATE_LANDMARKS`, for which the result is
            `TEMPLATE_BOXES`.

    Returns:
        `(3, 4)`, rows (top, left, bottom, right) in fractions of the image.

    Raises:
        DualATMEError: no landmarks of an upright face, or a box outside the image.
    """
    points = check_landmarks(landmarks)
    anchors = np.array([points[:2].mean(axis=0)] * 2 + [points[3:].mean(axis=0)])  # (3, 2), x and y
    template = np.array([TEMPLATE_LANDMARKS[:2].mean(axis=0)] * 2 + [TEMPLATE_LANDMARKS[3:].mean(axis=0)])
    scale = _face_scale(points) / _face_scale(TEMPLATE_LANDMARKS)
    corners = TEMPLATE_BOXES.reshape(3, 2, 2) - template[:, np.newaxis, ::-1]
    boxes = (corners * scale + anchors[:, np.newaxis, ::-1]).reshape(3, 4)
    return check_boxes(np.clip(boxes, 0.0, 1.0))


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


def _face_scale(points):
    """Height from eyes to mouth and distance between the eyes."""
    eyes, mouth = points[:2], points[3:]
    return np.array([mouth[:, 1].mean() - eyes[:, 1].mean(), np.linalg.norm(eyes[1] - eyes[0])])


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


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`(height, width, channels)` -> `(*size, channels)`, antialiased bilinear, in the range of the image."""
    rows = resampling_matrix(0.0, 1.0, image.shape[0], size[0])
    columns = resampling_matrix(0.0, 1.0, image.shape[1], size[1])
    return np.einsum("th,hwc,sw->tsc", rows, image, columns, optimize=True)


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
