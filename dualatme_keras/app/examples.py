"""Made-up clips to begin with: painted people, no person's face."""

import dataclasses

import numpy as np

from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.people import new_expression, new_person
from dualatme_keras.synthetic.recording import ClipRecording

_FRAMES_PER_SECOND = 30.0
_SIZE = 240
_SECONDS = 12.0
"""Length of the longer video."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A made-up clip.

    Attributes:
        title: what is painted.
        seed: of person, light and head.
        label: class of the expression, an index into `megc2019.CLASS_NAMES`.
        sides: intensity of each action unit on the image-left and the image-right side.
        spot: whether it is a longer video, with an expression of each class.
    """

    title: str
    seed: int
    label: int
    sides: dict[int, tuple[float, float]]
    spot: bool = False

    def frames(self) -> tuple[np.ndarray, float]:
        """Its frames `(n, height, width, 3)`, uint8, and how many of them a second has."""
        rng = np.random.default_rng(self.seed)
        person = new_person("casme2", rng)
        look = new_look(person.landmarks, rng)
        if self.spot:
            recording = LongRecording(person, look, rng, (2, 0, 1), _SECONDS, _FRAMES_PER_SECOND, size=_SIZE)
            return np.stack(
                [recording.frame(number) for number in range(recording.length)]
            ), _FRAMES_PER_SECOND
        expression = dataclasses.replace(
            new_expression(self.label, person, rng),
            action_units=tuple(self.sides),
            sides=tuple(self.sides.values()),
        )
        recording = ClipRecording(person, expression, look, rng, _SIZE)
        shown = range(recording.timing.onset, recording.timing.offset + 1)
        return np.stack([recording.frame(number) for number in shown]), _FRAMES_PER_SECOND


EXAMPLES = (
    Example("Brows go up", 2, 2, {1: (2.0, 2.0), 2: (2.0, 2.0)}),
    Example("Lip corners go up", 6, 1, {12: (2.0, 2.0)}),
    Example("Brows come down, on one side more", 4, 0, {4: (2.4, 1.0)}),
    Example("12 seconds with three expressions", 5, 0, {}, spot=True),
)
