"""The motion of facial muscles: action units (AUs) as fields of displacement on a face. NumPy only.

An action unit after the Facial Action Coding System (FACS; Ekman and Friesen, 1978) is a sum of pulls: each
displaces the skin around one landmark and fades like a Gaussian. The pulls are a drawing of what FACS
describes in words, not a measurement.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dualatme_keras.errors import DualATMEError

REFERENCE_SIZE = 112
"""Side of the face, in pixels, to which displacements refer."""


class Pull(NamedTuple):
    """A pull on the skin around a landmark of one side of the face.

    Attributes:
        landmark: key of `LANDMARKS`.
        outward, down: displacement at its peak, in pixels on a face of `REFERENCE_SIZE`.
        width, height: standard deviations of the Gaussian in fractions of the face.
    """

    landmark: str
    outward: float
    down: float
    width: float
    height: float


LANDMARKS = {
    "forehead": (0.12, 0.07),
    "brow_inner": (0.09, 0.19),
    "brow_middle": (0.20, 0.15),
    "brow_outer": (0.32, 0.19),
    "eye": (0.20, 0.31),
    "eye_outer": (0.30, 0.31),
    "upper_lid": (0.20, 0.285),
    "lower_lid": (0.20, 0.345),
    "cheek": (0.26, 0.52),
    "nose_side": (0.07, 0.43),
    "nose_wing": (0.09, 0.57),
    "upper_lip_side": (0.09, 0.71),
    "upper_lip": (0.00, 0.72),
    "lower_lip": (0.00, 0.81),
    "mouth_corner": (0.16, 0.76),
    "chin": (0.00, 0.92),
}
"""Landmarks of a face that fills its image, aligned by the eyes: (outward from the midline, down from the
top) in fractions of the image. One on the midline exists once, any other on both sides."""

ACTION_UNITS = {
    1: (Pull("brow_inner", 0.0, -1.0, 0.065, 0.045), Pull("forehead", 0.0, -0.3, 0.080, 0.050)),
    2: (Pull("brow_outer", 0.0, -0.7, 0.070, 0.045), Pull("brow_middle", 0.0, -0.9, 0.070, 0.045)),
    4: (
        Pull("brow_inner", -0.8, 0.6, 0.065, 0.045),
        Pull("brow_middle", -0.7, 0.5, 0.070, 0.045),
        Pull("brow_outer", -0.3, 0.2, 0.070, 0.045),
    ),
    5: (Pull("upper_lid", 0.0, -1.0, 0.065, 0.022),),
    6: (
        Pull("cheek", 0.1, -0.8, 0.090, 0.065),
        Pull("lower_lid", 0.0, -0.5, 0.070, 0.025),
        Pull("eye_outer", -0.5, 0.1, 0.040, 0.040),
    ),
    7: (Pull("lower_lid", -0.15, -0.8, 0.065, 0.022), Pull("upper_lid", 0.0, 0.5, 0.065, 0.022)),
    9: (
        Pull("nose_side", 0.0, -1.0, 0.045, 0.070),
        Pull("nose_wing", 0.1, -0.6, 0.045, 0.040),
        Pull("brow_inner", -0.2, 0.5, 0.060, 0.045),
    ),
    10: (Pull("upper_lip_side", 0.1, -1.0, 0.060, 0.040), Pull("nose_wing", 0.2, -0.5, 0.050, 0.040)),
    12: (
        Pull("mouth_corner", 0.8, -0.8, 0.060, 0.050),
        Pull("cheek", 0.1, -0.25, 0.090, 0.075),
    ),
    14: (Pull("mouth_corner", 0.8, 0.1, 0.060, 0.050), Pull("cheek", 0.1, 0.15, 0.090, 0.075)),
    15: (
        Pull("mouth_corner", 0.7, 0.8, 0.060, 0.050),
        Pull("cheek", 0.05, 0.25, 0.090, 0.075),
    ),
    17: (Pull("chin", 0.0, -1.0, 0.100, 0.050), Pull("lower_lip", 0.0, -0.6, 0.090, 0.030)),
    20: (Pull("mouth_corner", 0.9, 0.3, 0.070, 0.045), Pull("lower_lip", 0.0, 0.3, 0.100, 0.035)),
    24: (Pull("upper_lip", 0.0, 0.6, 0.090, 0.025), Pull("lower_lip", 0.0, -0.6, 0.090, 0.025)),
    25: (Pull("upper_lip", 0.0, -0.4, 0.090, 0.025), Pull("lower_lip", 0.0, 0.7, 0.090, 0.035)),
    26: (Pull("lower_lip", 0.0, 0.9, 0.110, 0.040), Pull("chin", 0.0, 1.0, 0.140, 0.065)),
    45: (Pull("upper_lid", 0.0, 1.0, 0.065, 0.025), Pull("lower_lid", 0.0, -0.2, 0.060, 0.020)),
}
"""Pulls of each action unit at intensity 1: 1 inner brow raiser, 2 outer brow raiser, 4 brow lowerer, 5 upper
lid raiser, 6 cheek raiser, 7 lid tightener, 9 nose wrinkler, 10 upper lip raiser, 12 lip corner puller, 14
dimpler, 15 lip corner depressor, 17 chin raiser, 20 lip stretcher, 24 lip pressor, 25 lips part, 26 jaw drop,
45 blink."""


Grid = tuple[np.ndarray, np.ndarray]
"""Where the pixels of an image lie on the face: x `(1, size)` and y `(size, 1)`, in fractions of it."""


def pixel_grid(
    size: int = REFERENCE_SIZE, shift: tuple[float, float] = (0.0, 0.0), zoom: float = 1.0
) -> Grid:
    """Places the pixels of a square image on the face.

    Args:
        size: side of the image in pixels.
        shift: how far the face is off the middle of the image (right, down), in fractions of the image.
        zoom: size of the face relative to the image.
    """
    centres = (np.arange(size) + 0.5) / size - 0.5
    return ((centres - shift[0]) / zoom + 0.5)[np.newaxis, :], ((centres - shift[1]) / zoom + 0.5)[
        :, np.newaxis
    ]


def action_unit_flow(
    unit: int,
    left: float = 1.0,
    right: float = 1.0,
    landmarks: Mapping[str, tuple[float, float]] = LANDMARKS,
    grid: Grid | None = None,
    units: Mapping[int, tuple[Pull, ...]] = ACTION_UNITS,
) -> np.ndarray:
    """Displacement of the skin by one action unit.

    Args:
        unit: number of the action unit, a key of `units`.
        left, right: intensity on the image-left and image-right side, about 1 for a micro-expression; a
            landmark on the midline takes their mean.
        landmarks: where this face has its landmarks; see `LANDMARKS`.
        grid: the pixels wanted; by default those of a face that fills an image of `REFERENCE_SIZE`.
        units: pulls of each action unit.

    Returns:
        float64 array `(size, size, 2)`: displacement to the right and down, in pixels of a face of
        `REFERENCE_SIZE` whatever the size of the image.

    Raises:
        DualATMEError: there is no such action unit.
    """
    if unit not in units:
        known = ", ".join(str(number) for number in units)
        raise DualATMEError(f"Expected an action unit out of {known}. Received: {unit!r}.")
    x, y = pixel_grid() if grid is None else grid
    flow = np.zeros((y.size, x.size, 2))
    for pull in units[unit]:
        outward, down = landmarks[pull.landmark]
        if outward == 0:
            flow += _pull_flow(pull, (0.5, down), 1, x, y) * ((left + right) / 2)
            continue
        for side, intensity in ((-1, left), (1, right)):
            if intensity:
                flow += _pull_flow(pull, (0.5 + side * outward, down), side, x, y) * intensity
    return flow


def _pull_flow(pull: Pull, centre: tuple[float, float], side: int, x, y) -> np.ndarray:
    """Displacement `(size, size, 2)` by one pull around `centre` (x, y); `side` -1 mirrors it to the left."""
    along, across = (x - centre[0]) / pull.width, (y - centre[1]) / pull.height
    weight = np.exp(-0.5 * (along**2 + across**2))  # (size, size)
    return weight[..., np.newaxis] * np.array([side * pull.outward, pull.down])
