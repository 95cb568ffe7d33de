"""Proportions of a face, by which landmarks are told that cannot be a face's, and those that are unusual."""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from dualatme_keras.geometry.constants import Array


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


def face_measures(landmarks: Array, ops: ModuleType = np) -> dict:
    """Proportions of a face, which neither its place nor its size changes.

    Args:
        landmarks: `(5, 2)`; the image-left eye is left of the other.
        ops: the library of `landmarks`, `numpy` or `keras.ops`.

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
        "roll": ops.arctan(along[1] / along[0]) * (180.0 / np.pi),
        "mouth_below": mouth_below,
        "mouth_aside": (mouth_left[0] + mouth_right[0]) / 2,
        "mouth_width": mouth_right[0] - mouth_left[0],
        "nose_below": nose[1] / mouth_below,
        "nose_aside": nose[0],
    }
