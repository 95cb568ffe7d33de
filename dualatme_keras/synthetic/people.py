"""Invented people who show invented micro-expressions: who they are and what they do."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dualatme_keras.synthetic.muscles import LANDMARKS

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
"""Per class, in the order of `megc2019.CLASS_NAMES`: action units of an emotion and how often it is shown."""

_ONE_SIDED = 0.3
"""Share of clips in which the emotion shows on one side of the face only, or nearly so."""

_HEAD_MOTIONS = 3
"""Independent motions that a head's is made of."""

_INDIVIDUALITY = 0.012
"""How far landmarks lie from their usual places, as a standard deviation in fractions of the face."""

INTENSITY = {"casme2": 1.0, "samm": 0.9, "smic": 1.0}
"""Typical intensity of an action unit in each database; 1 is about a pixel on a face of `REFERENCE_SIZE`."""


@dataclass(frozen=True)
class Person:
    """A person in front of the camera.

    Attributes:
        landmarks: their `LANDMARKS`.
        intensity: of their action units, as in `INTENSITY`.
        lean: intensity of the image-right side over that of the left, as a logarithm.
        restlessness: how much the head moves, 1 on average.
    """

    landmarks: Mapping[str, tuple[float, float]]
    intensity: float
    lean: float
    restlessness: float


@dataclass(frozen=True)
class Expression:
    """What a person does in one clip.

    Attributes:
        action_units: those of the emotion.
        sides: intensity (image-left, image-right) of each.
        head: arguments of `head_motion_flow` for each of the motions that make up the head's.
    """

    action_units: tuple[int, ...]
    sides: tuple[tuple[float, float], ...]
    head: tuple[Mapping, ...]


def new_person(database: str, rng: np.random.Generator) -> Person:
    """Invents a person in the manner of a database."""
    widen, lengthen = rng.normal(1.0, 0.06, size=2)
    landmarks = {}
    for name, (outward, down) in LANDMARKS.items():
        own = rng.normal(scale=_INDIVIDUALITY, size=2)
        # Faces are aligned by the eyes, so all that lies below moves with the length of the face.
        landmarks[name] = (
            outward and outward * widen + own[0],
            0.31 + (down - 0.31) * lengthen + own[1],
        )
    return Person(
        landmarks=landmarks,
        intensity=INTENSITY[database] * rng.lognormal(sigma=0.15),
        lean=rng.normal(scale=0.25),
        restlessness=rng.lognormal(sigma=0.4),
    )


def new_expression(label: int, person: Person, rng: np.random.Generator) -> Expression:
    """Invents a clip in which `person` shows an emotion of class `label`."""
    emotions = list(_EMOTIONS[label])
    weights = np.array(list(_EMOTIONS[label].values()), dtype=float)
    units = emotions[rng.choice(len(emotions), p=weights / weights.sum())]
    balance = _new_balance(person, rng)
    strength = person.intensity * rng.lognormal(sigma=0.25)
    leading = rng.integers(len(units))
    sides = []
    for index in range(len(units)):
        # Companions are often incomplete: that is what makes a micro-expression hard to read.
        share = 1.0 if index == leading else rng.uniform(0.2, 1.0)
        sides.append(tuple(float(strength * share * side) for side in balance))
    return Expression(
        action_units=units,
        sides=tuple(sides),
        head=tuple(_new_head_motion(person.restlessness, rng) for _ in range(_HEAD_MOTIONS)),
    )


def _new_balance(person: Person, rng: np.random.Generator) -> tuple[float, float]:
    """Relative intensity of the image-left and image-right side, the stronger one 1."""
    lean = person.lean + rng.normal(scale=0.2)
    if rng.random() < _ONE_SIDED:
        lean += rng.choice((-1, 1)) * rng.uniform(1.0, 3.0)
    return float(np.exp(min(0.0, -lean))), float(np.exp(min(0.0, lean)))


def _new_head_motion(restlessness: float, rng: np.random.Generator) -> dict:
    """Arguments of `head_motion_flow`; micro-expression clips show little of it, but never none."""
    return {
        "shift": tuple(rng.normal(scale=0.35, size=2) * restlessness),
        "roll": rng.normal(scale=0.12) * restlessness,
        "growth": rng.normal(scale=0.002) * restlessness,
        "turn": tuple(rng.normal(scale=0.1, size=2) * restlessness),
    }
