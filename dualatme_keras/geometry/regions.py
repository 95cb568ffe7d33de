"""HARS: the hand-picked regions of a face, and the five landmarks from which they are found.

There are three (Zhou et al., Entropy 25(3):460, section 3.1): the image-left and the image-right brow with
its eyelid, and the mouth. Boxes are rows `(top, left, bottom, right)` in fractions of the image, in that
order.
"""

from types import ModuleType

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.constants import Array, constant_like

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


def eye_places(size: int, margin: float) -> np.ndarray:
    """Where the eyes come to lie in an aligned face: `(2, 2)`, (x, y) in pixels, both at one height.

    Args:
        size: side of the aligned face in pixels.
        margin: what is left around the face on each side, as a fraction of `size`.
    """
    return (TEMPLATE_LANDMARKS[:2] * (1 - 2 * margin) + margin) * size - 0.5


def check_landmarks(landmarks) -> np.ndarray:
    """Returns `landmarks` as floats `(5, 2)`; raises `DualATMEError` unless they are of an upright face."""
    landmarks = np.asarray(landmarks, dtype="float64")
    if landmarks.shape != (5, 2) or not np.all(np.isfinite(landmarks)):
        raise DualATMEError(
            "Expected five landmarks (x, y): eyes, nose, corners of the mouth. "
            f"Received: {landmarks.tolist()}."
        )
    if not is_upright(landmarks):
        raise DualATMEError(
            "Expected an upright face: the image-left eye first, the mouth below the eyes. "
            f"Received: {landmarks.round(1).tolist()}. Turn frames in which the head lies on its side."
        )
    return landmarks


def is_upright(landmarks: Array, ops: ModuleType = np) -> Array:
    """Whether the image-left eye is left of the other and the mouth below the eyes: `(..., 5, 2)` -> `(...)`.

    `ops` is the library of `landmarks`, `numpy` or `keras.ops`.
    """
    eyes, mouth = (ops.mean(part, axis=-1) for part in (landmarks[..., :2, 1], landmarks[..., 3:, 1]))
    return (landmarks[..., 0, 0] < landmarks[..., 1, 0]) & (eyes < mouth)


def boxes_from_landmarks(landmarks) -> np.ndarray:
    """HARS boxes of an aligned face, see `region_boxes`; checked.

    Args:
        landmarks: `(5, 2)`, fractions of the image, as `TEMPLATE_LANDMARKS`, for which the result is
            `TEMPLATE_BOXES`.

    Returns:
        `(3, 4)`, rows (top, left, bottom, right) in fractions of the image.

    Raises:
        DualATMEError: no landmarks of an upright face, or a box outside the image.
    """
    return check_boxes(region_boxes(check_landmarks(landmarks)))


def region_boxes(landmarks: Array, ops: ModuleType = np) -> Array:
    """HARS boxes of aligned faces: those of the template, moved and scaled with eyes and mouth.

    The brow and lid boxes follow the middle between the eyes, the mouth box the middle of the mouth. Widths
    grow with the distance between the eyes, heights with that from eyes to mouth. What leaves the image is
    cut off.

    Args:
        landmarks: floats `(..., 5, 2)`, fractions of the image, as `TEMPLATE_LANDMARKS`.
        ops: the library of `landmarks`, `numpy` or `keras.ops`.

    Returns:
        `(..., 3, 4)`, rows (top, left, bottom, right) in fractions of the image.
    """
    anchors, scale = _box_anchors(landmarks, ops)
    template_anchors, template_scale = _box_anchors(constant_like(TEMPLATE_LANDMARKS, landmarks), ops)
    corners = constant_like(TEMPLATE_BOXES.reshape(3, 2, 2), landmarks) - template_anchors
    scale = (scale / template_scale)[..., None, None, :]
    boxes = ops.clip(corners * scale + anchors, 0.0, 1.0)  # (..., 3, 2, 2): two corners of each, y and x
    return ops.concatenate([boxes[..., 0, :], boxes[..., 1, :]], axis=-1)


def _box_anchors(landmarks, ops):
    """What each box follows, `(..., 3, 1, 2)`, and the size of the face, `(..., 2)`; y and x."""
    eyes, mouth = (ops.mean(part, axis=-2) for part in (landmarks[..., :2, :], landmarks[..., 3:, :]))
    anchors = ops.stack([eyes, eyes, mouth], axis=-2)
    size = ops.stack([mouth[..., 1] - eyes[..., 1], eye_distance(landmarks, ops)], axis=-1)
    return anchors[..., None, ::-1], size


def eye_distance(landmarks: Array, ops: ModuleType = np) -> Array:
    """Distance between the eyes, `(..., 5, 2)` -> `(...)`, in the unit of the landmarks."""
    return ops.linalg.norm(landmarks[..., 1, :] - landmarks[..., 0, :], axis=-1)


def region_mask(boxes: Array, shape: tuple[int, int], ops: ModuleType = np) -> Array:
    """Which pixels lie in one of the boxes.

    Args:
        boxes: `(..., 3, 4)`, fractions of the image.
        shape: height and width of the image in pixels.
        ops: the library of `boxes`, `numpy` or `keras.ops`.

    Returns:
        bool, `(..., *shape)`.
    """
    inside = []
    for side, count in enumerate(shape):
        start, stop = (ops.round(boxes[..., edge] * count)[..., None] for edge in (side, side + 2))
        places = constant_like(np.arange(count), boxes)
        inside.append((start <= places) & (stop > places))  # (..., 3, count)
    rows, columns = inside
    return ops.any(rows[..., :, None] & columns[..., None, :], axis=-3)


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
