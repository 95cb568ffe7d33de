"""A face in a frame: whether five landmarks can be a face's at all, and what speaks against them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.face_proportions import FACE_LIMITS, face_measures
from dualatme_keras.geometry.regions import check_landmarks

_SMALLEST_EYES = 16.0
"""Distance of the eyes in pixels below which a face is enlarged more than twice to be aligned: a motion of a
pixel there is a motion of half a pixel in the frame."""


@dataclasses.dataclass(frozen=True)
class Face:
    """Where a face is in a frame.

    Attributes:
        landmarks: `(5, 2)` in pixels of the frame (see `regions.TEMPLATE_LANDMARKS` for their order).
        doubts: what speaks against it, in words; empty where nothing does.
    """

    landmarks: np.ndarray
    doubts: tuple[str, ...] = ()


def check_face(landmarks: np.ndarray, size: tuple[int, int], doubts: Sequence[str] = ()) -> Face:
    """The one place that landmarks pass, wherever they come from.

    Args:
        landmarks: five points (x, y) in pixels of the frame.
        size: height and width of the frame.
        doubts: what their source has to say against them.

    Returns:
        The face; its doubts are those given and what is unusual in its size and proportions.

    Raises:
        DualATMEError: they are outside the frame, or no landmarks of an upright face.
    """
    landmarks, (height, width) = np.asarray(landmarks, dtype="float64"), size
    if ((landmarks < -0.5) | (landmarks > np.array([width, height]) - 0.5)).any():
        raise DualATMEError(
            f"Expected landmarks inside the frame of {width} x {height} pixels. "
            f"Received: {landmarks.round(1).tolist()}."
        )
    measures = face_measures(check_landmarks(landmarks))
    impossible = _outside(measures, lambda limits: (limits.least, limits.most))
    if impossible:
        raise DualATMEError(
            f"Expected an upright face. Received: {', '.join(impossible)}. Turn frames in which the head "
            "lies on its side, or set the landmarks by hand (`landmarks='file'`)."
        )
    own, eyes = _outside(measures, lambda limits: (limits.low, limits.high)), landmarks[1] - landmarks[0]
    if np.hypot(*eyes) < _SMALLEST_EYES:
        own.append(f"a small face, its eyes {np.hypot(*eyes):.0f} pixels apart")
    return Face(landmarks, (*doubts, *own))


def _outside(measures, limits_of):
    """In words, what is outside its limits."""
    words = []
    for name, limits in FACE_LIMITS.items():
        low, high = limits_of(limits)
        if not low <= measures[name] <= high:
            words.append(limits.words.format(abs(measures[name]) if low < 0 else measures[name]))
    return words
