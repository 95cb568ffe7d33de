"""A face in a frame: whether five landmarks can be a face's at all, and what speaks against them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import check_landmarks

_SMALLEST_EYES = 16.0
"""Distance of the eyes in pixels below which a face is enlarged more than twice to be aligned: a motion of a
pixel there is a motion of half a pixel in the frame."""


class Limits(NamedTuple):
    """Of a measure of `face_measures`: no face is below `least` or above `most`, few are outside `low` to
    `high`. `words` name the measure."""

    words: str
    least: float
    low: float
    high: float
    most: float


FACE_LIMITS = {
    "roll": Limits("eyes {:.0f} degrees off the level", -45.0, -25.0, 25.0, 45.0),
    "mouth_below": Limits("a mouth {:.2f} eye distances below the eyes", 0.4, 0.65, 1.8, 3.0),
    "mouth_aside": Limits(
        "a mouth {:.2f} eye distances aside from the middle of the eyes", -0.8, -0.35, 0.35, 0.8
    ),
    "mouth_width": Limits("a mouth {:.2f} eye distances wide", 0.15, 0.4, 1.4, 2.0),
    "nose_below": Limits("a nose at {:.2f} of the way from eyes to mouth", 0.0, 0.2, 0.9, 1.2),
    "nose_aside": Limits(
        "a nose {:.2f} eye distances aside from the middle of the eyes", -1.2, -0.5, 0.5, 1.2
    ),
}
"""Who looks at the camera, or to the side by up to about 45 degrees, is between low and high."""


@dataclasses.dataclass(frozen=True)
class Face:
    """Where a face is in a frame.

    Attributes:
        landmarks: `(5, 2)` in pixels of the frame (see `regions.TEMPLATE_LANDMARKS` for their order).
        doubts: what speaks against it, in words; empty where nothing does.
    """

    landmarks: np.ndarray
    doubts: tuple[str, ...] = ()


def face_measures(landmarks: np.ndarray, arctan: Callable = np.arctan) -> dict:
    """Proportions of a face, which neither its place nor its size changes.

    Args:
        landmarks: `(5, 2)`, an array or, for graphs, a tensor; the image-left eye is left of the other.
        arctan: of the library that the landmarks belong to.

    Returns:
        Scalars by the names of `FACE_LIMITS`: the roll in degrees; distances in those of the eyes, along the
        line through the eyes and across it; the nose's relative to the mouth's.
    """
    left, right, nose, mouth_left, mouth_right = (landmarks[index] for index in range(5))
    along, middle = right - left, (left + right) / 2
    square = along[0] * along[0] + along[1] * along[1]

    def place(point):
        x, y = (point - middle)[0], (point - middle)[1]
        return (x * along[0] + y * along[1]) / square, (y * along[0] - x * along[1]) / square

    nose, mouth_left, mouth_right = (place(point) for point in (nose, mouth_left, mouth_right))
    mouth_below = (mouth_left[1] + mouth_right[1]) / 2
    return {
        "roll": arctan(along[1] / along[0]) * (180.0 / np.pi),
        "mouth_below": mouth_below,
        "mouth_aside": (mouth_left[0] + mouth_right[0]) / 2,
        "mouth_width": mouth_right[0] - mouth_left[0],
        "nose_below": nose[1] / mouth_below,
        "nose_aside": nose[0],
    }


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
