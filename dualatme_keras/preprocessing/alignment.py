"""A face brought to its place: one similarity transform, from the eyes, for all frames of a clip."""

import numpy as np
import numpy.typing as npt

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import check_landmarks, eye_places

FACE_SIZE = 112
"""Side of an aligned face in pixels."""


def eye_transform(landmarks: npt.ArrayLike, size: int = FACE_SIZE, margin: float = 0.0) -> np.ndarray:
    """The rotation, scaling and shift that brings both eyes to their places in the aligned face.

    Args:
        landmarks: `(5, 2)` in pixels of the frame (see `regions.TEMPLATE_LANDMARKS` for their order); the
            centre of the pixel in the upper left corner is (0, 0).
        size: side of the aligned face in pixels.
        margin: what to leave around the face on each side, as a fraction of `size`, in [0, 0.4].

    Returns:
        float64 array `(2, 3)` that maps (x, y, 1) of the frame to (x, y) of the aligned face.

    Raises:
        DualATMEError: no landmarks of an upright face, or a margin out of its range.
    """
    if not 0.0 <= margin <= 0.4:
        raise DualATMEError(f"Expected a margin from 0 to 0.4. Received: {margin}.")
    left, right = check_landmarks(landmarks)[:2]
    places = eye_places(size, margin)
    # Points as complex numbers: a similarity is a multiplication and a shift.
    source, target = (points[:, 0] + 1j * points[:, 1] for points in (np.array([left, right]), places))
    turn = (target[1] - target[0]) / (source[1] - source[0])
    shift = target[0] - turn * source[0]
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def transform_points(points: npt.ArrayLike, transform: np.ndarray) -> np.ndarray:
    """`(n, 2)` points under a `(2, 3)` transform."""
    return np.asarray(points, dtype="float64") @ transform[:, :2].T + transform[:, 2]


def align_face(frame: np.ndarray, transform: np.ndarray, size: int = FACE_SIZE) -> np.ndarray:
    """Cuts the aligned face out of a frame.

    Args:
        frame: `(height, width)` or `(height, width, channels)`, uint8.
        transform: of `eye_transform`.
        size: side of the result.

    Returns:
        `(size, size)` or `(size, size, channels)`, uint8; the border is continued where the face leaves the
        frame.
    """
    import cv2

    # A bilinear look-up alone would skip pixels of a frame larger than the face.
    shrink = 1.0 / np.hypot(*transform[:, 0])
    if shrink > 1.0:
        frame = cv2.GaussianBlur(frame, (0, 0), 0.35 * np.sqrt(shrink**2 - 1.0) + 1e-3)
    return cv2.warpAffine(
        frame, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
