"""A made-up long video: an invented person, mostly neutral, with micro-expressions now and then."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.synthetic.faces import FaceLook
from dualatme_keras.synthetic.people import Person, new_expression
from dualatme_keras.synthetic.recording import Recording, rise_and_fall

_RISE = (0.2, 0.5)
"""Range in seconds from onset to apex, and from apex to offset: all in all 0.4 to 1.0 seconds."""

_NEUTRAL = 1.5
"""Shortest time in seconds before, between and after expressions."""

_BETWEEN_BLINKS = (2.0, 5.0)
"""Range in seconds from one blink to the next."""

_BLINK = 0.23
"""Length of a blink in seconds."""

_SWAYS = (1.0, 8.0)
"""Range of the periods in seconds in which the head sways."""

_POSTURE = (20.0, 60.0)
"""Range of the periods in seconds in which the posture changes."""

_POSTURE_REACH = 5.0
"""How much further the posture takes the head than a sway does."""

_FLICKER = (3.0, 10.0)
"""Range of the periods in seconds in which the light changes."""


@dataclasses.dataclass(frozen=True)
class ShownExpression:
    """When which expression shows.

    Attributes:
        onset, apex, offset: in frames from the start of the recording.
        label: its class, an index into `megc2019.CLASS_NAMES`.
    """

    onset: int
    apex: int
    offset: int
    label: int


class LongRecording(Recording):
    """A person's long video, rendered frame by frame.

    The head sways and the posture drifts all the time, the light changes, sensors are noisy, and every few
    seconds there is a blink, within an expression or not.

    Args:
        person: who.
        look: what the person looks like.
        rng: of expressions, blinks, head motion, light and noise.
        labels: classes of the expressions, in their order, indices into `megc2019.CLASS_NAMES`.
        seconds: length of the video.
        frames_per_second: of the video.
        size: side of the square frames in pixels.

    Attributes:
        expressions: the truth, one `ShownExpression` for each of `labels`.
        blinks: frames at which the lids are closed.
        length: number of frames.
        frames_per_second: as given.

    Raises:
        DualATMEError: so many expressions do not fit into the time.
    """

    def __init__(
        self,
        person: Person,
        look: FaceLook,
        rng: np.random.Generator,
        labels: Sequence[int] = (0, 1, 2),
        seconds: float = 30.0,
        frames_per_second: float = 30.0,
        size: int = 180,
    ):
        # An expression brings the motion of the head with it; nothing else of this one is shown.
        sways = new_expression(0, person, rng).head
        super().__init__(person, [*sways, *map(_as_posture, sways)], look, rng, size)
        self.length, self.frames_per_second = round(seconds * frames_per_second), frames_per_second
        self.blink_frames = _BLINK * frames_per_second
        self.blinks = _new_blinks(rng, seconds, frames_per_second)
        self.expressions = _new_expressions(rng, labels, seconds, frames_per_second)
        self._fields = [self.expression_field(new_expression(label, person, rng)) for label in labels]
        ranges = [_SWAYS] * len(sways) + [_POSTURE] * len(sways)
        self._periods = [frames_per_second * rng.uniform(*allowed) for allowed in ranges]
        self._flicker = frames_per_second * rng.uniform(*_FLICKER)

    def expression_motion(self, frame: int) -> np.ndarray | float:
        return sum(
            field * rise_and_fall(frame, shown.onset, shown.apex, shown.offset)
            for field, shown in zip(self._fields, self.expressions, strict=True)
            if shown.onset < frame < shown.offset
        )

    def head_phases(self, frame: int) -> list[float]:
        return [frame / period for period in self._periods]

    def light(self, frame: int) -> float:
        flicker = np.sin(2 * np.pi * frame / self._flicker)
        return 1.0 + self._light[0] * flicker + self._light[1] * frame / self.length


def _as_posture(sway):
    return {
        name: tuple(_POSTURE_REACH * np.asarray(value)) if np.ndim(value) else _POSTURE_REACH * value
        for name, value in sway.items()
    }


def _new_blinks(rng, seconds, rate):
    blinks, time = [], rng.uniform(0.0, _BETWEEN_BLINKS[1])
    while time < seconds:
        blinks.append(round(time * rate))
        time += rng.uniform(*_BETWEEN_BLINKS)
    return tuple(blinks)


def _new_expressions(rng, labels, seconds, rate):
    rises, falls = rng.uniform(*_RISE, size=(2, len(labels)))
    left = seconds - np.sum(rises + falls) - _NEUTRAL * (len(labels) + 1)
    if left < 0:
        raise DualATMEError(
            f"Expected time for {len(labels)} expressions, some {2.5 * len(labels) + 1.5:.1f} seconds. "
            f"Received: {seconds:.1f} seconds."
        )
    # The time that is left goes at random before, between and after.
    gaps = _NEUTRAL + left * rng.dirichlet(np.ones(len(labels) + 1))
    expressions, time = [], 0.0
    for label, gap, rise, fall in zip(labels, gaps, rises, falls, strict=False):
        onset = time + gap
        time = onset + rise + fall
        expressions.append(
            ShownExpression(round(onset * rate), round((onset + rise) * rate), round(time * rate), label)
        )
    return tuple(expressions)
