"""Invented people who show invented micro-expressions: who they are, what they do, and the flow of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dualatme_keras.databases.head import estimation_noise, head_motion_flow
from dualatme_keras.databases.muscles import LANDMARKS, REFERENCE_SIZE, action_unit_flow, pixel_grid

_EMOTIONS = (
    # negative: anger, disgust, contempt, sadness, fear
    {
        (4,): 5,
        (4, 7): 4,
        (15,): 4,
        (15, 17): 2,
        (14,): 2,
        (20,): 2,
        (4, 15): 1,
        (1, 4): 1,
        (9,): 1,
        (10,): 1,
    },
    # positive: happiness
    {(12,): 7, (6, 12): 3, (12, 25): 1},
    # surprise
    {(1, 2): 7, (1, 2, 5): 3, (1, 2, 26): 1},
)
"""Per class, in the order of `protocol.CLASS_NAMES`: action units of an emotion and how often it is shown."""

_DISTRACTORS = (45, 45, 45, 61, 61, 17, 24, 14, 2, 7)
"""Action units that come up beside any emotion; a blink or a glance more often than others."""

_DISTRACTED = 0.45
"""Share of clips in which something unrelated moves."""

_ONE_SIDED = 0.3
"""Share of clips in which the emotion shows on one side of the face only, or nearly so."""

_RELAXING = 0.5
"""Share of clips that run from the apex to the offset, so that all motion of the emotion is reversed.

This keeps the demo from being trivial. On sums of templates of known sign a linear classifier of pixels is
hard to beat; here it is the relation of horizontal to vertical motion that tells a smile from a sad mouth,
which takes a network. Real databases run from onset to apex."""

_MISPLACEMENT = 0.02
_MISSIZE = 0.05
"""Errors of the face detector as standard deviations: place in fractions of the image, relative size."""

_INDIVIDUALITY = 0.02
"""How far landmarks lie from their usual places, as a standard deviation in fractions of the face."""

_TEXTURE = 0.35
"""How unevenly motion of the skin is seen, as a standard deviation relative to the motion."""


class Style(NamedTuple):
    """What sets one database apart.

    Attributes:
        intensity: typical intensity of an action unit, 1 is about a pixel on a face of `REFERENCE_SIZE`.
        noise: typical error of the estimated flow, in such pixels.
    """

    intensity: float
    noise: float


@dataclass(frozen=True)
class Performer:
    """A person in front of the camera.

    Attributes:
        landmarks: their `LANDMARKS`.
        intensity, noise: as in `Style`, theirs.
        lean: intensity of the image-right side over that of the left, as a logarithm.
        restlessness: how much the head moves, 1 on average.
    """

    landmarks: Mapping[str, tuple[float, float]]
    intensity: float
    noise: float
    lean: float
    restlessness: float


@dataclass(frozen=True)
class Performance:
    """What a person does in one clip.

    Attributes:
        action_units: those of the emotion.
        sides: intensity (image-left, image-right) of each.
        distractor: an action unit that has nothing to do with the emotion, or None.
        distractor_sides: its intensity.
        relaxing: the clip runs from the apex to the offset: the emotion's motion is reversed.
        head: arguments of `head_motion_flow`.
    """

    action_units: tuple[int, ...]
    sides: tuple[tuple[float, float], ...]
    distractor: int | None
    distractor_sides: tuple[float, float]
    relaxing: bool
    head: Mapping


def new_performer(style: Style, rng: np.random.Generator) -> Performer:
    """Invents a person in the style of a database."""
    widen, lengthen = rng.normal(1.0, 0.06, size=2)
    landmarks = {}
    for name, (outward, down) in LANDMARKS.items():
        own = rng.normal(scale=_INDIVIDUALITY, size=2)
        # Faces are aligned by the eyes, so all that lies below moves with the length of the face.
        landmarks[name] = (
            outward and outward * widen + own[0],
            0.31 + (down - 0.31) * lengthen + own[1],
        )
    return Performer(
        landmarks=landmarks,
        intensity=style.intensity * rng.lognormal(sigma=0.15),
        noise=style.noise * rng.lognormal(sigma=0.2),
        lean=rng.normal(scale=0.25),
        restlessness=rng.lognormal(sigma=0.4),
    )


def new_performance(label: int, performer: Performer, rng: np.random.Generator) -> Performance:
    """Invents a clip in which `performer` shows an emotion of class `label`."""
    emotions = list(_EMOTIONS[label])
    weights = np.array(list(_EMOTIONS[label].values()), dtype=float)
    units = emotions[rng.choice(len(emotions), p=weights / weights.sum())]
    balance = _new_balance(performer, rng)
    strength = performer.intensity * rng.lognormal(sigma=0.25)
    leading = rng.integers(len(units))
    sides = []
    for index in range(len(units)):
        # Companions are often incomplete: that is what makes a micro-expression hard to read.
        share = 1.0 if index == leading else rng.uniform(0.2, 1.0)
        sides.append(tuple(float(strength * share * side) for side in balance))
    distractor, distractor_sides = None, (0.0, 0.0)
    if rng.random() < _DISTRACTED:
        distractor = int(rng.choice([unit for unit in _DISTRACTORS if unit not in units]))
        distractor_sides = _new_distraction(distractor, strength, rng)
    return Performance(
        action_units=units,
        sides=tuple(sides),
        distractor=distractor,
        distractor_sides=distractor_sides,
        relaxing=bool(rng.random() < _RELAXING),
        head=_new_head_motion(performer.restlessness, rng),
    )


def performance_flow(
    performer: Performer, performance: Performance, rng: np.random.Generator, size: int = REFERENCE_SIZE
) -> np.ndarray:
    """Optical flow between the two frames of a clip, with the errors of detection and estimation.

    Args:
        performer, performance: who does what.
        rng: where the errors come from.
        size: side of the field in pixels.

    Returns:
        float64 array `(size, size, 2)`, displacement right and down in pixels of a face of `REFERENCE_SIZE`.
    """
    grid = pixel_grid(size, tuple(rng.normal(scale=_MISPLACEMENT, size=2)), rng.lognormal(sigma=_MISSIZE))
    flow = np.zeros((size, size, 2))
    for unit, (left, right) in zip(performance.action_units, performance.sides, strict=True):
        flow += action_unit_flow(unit, left, right, performer.landmarks, grid)
    if performance.relaxing:
        flow = -flow
    if performance.distractor is not None:
        left, right = performance.distractor_sides
        flow += action_unit_flow(performance.distractor, left, right, performer.landmarks, grid)
    # Motion of smooth skin is partly lost on an estimator, that of wrinkles and edges exaggerated.
    flow *= 1.0 + estimation_noise(_TEXTURE, rng, size)[..., :1]
    flow += head_motion_flow(**performance.head, grid=grid)
    return flow + estimation_noise(performer.noise, rng, size)


def _new_balance(performer: Performer, rng: np.random.Generator) -> tuple[float, float]:
    """Relative intensity of the image-left and image-right side, the stronger one 1."""
    lean = performer.lean + rng.normal(scale=0.2)
    if rng.random() < _ONE_SIDED:
        lean += rng.choice((-1, 1)) * rng.uniform(1.0, 3.0)
    return float(np.exp(min(0.0, -lean))), float(np.exp(min(0.0, lean)))


def _new_distraction(unit: int, strength: float, rng: np.random.Generator) -> tuple[float, float]:
    """Intensities (image-left, image-right) of an unrelated action unit beside an emotion of `strength`."""
    if unit == 45:
        both = rng.uniform(0.4, 1.5)
        return both, both
    if unit == 61:
        glance = rng.uniform(-1.0, 1.0)
        return -glance, glance
    left, right = strength * rng.uniform(0.1, 0.5, size=2)
    return float(left), float(right)


def _new_head_motion(restlessness: float, rng: np.random.Generator) -> dict:
    """Arguments of `head_motion_flow`; micro-expression clips show little of it, but never none."""
    shift = rng.normal(scale=0.20, size=2) * restlessness
    turn = rng.normal(scale=0.15, size=2) * restlessness
    return {
        "shift": tuple(shift),
        "roll": rng.normal(scale=0.15) * restlessness,
        "growth": rng.normal(scale=0.002) * restlessness,
        "turn": tuple(turn),
    }
