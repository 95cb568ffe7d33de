"""Recordings of invented people, frame by frame, and the truth about them."""

import abc
import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from dualatme_keras.preprocessing import OnsetApex
from dualatme_keras.synthetic.faces import FaceLook, render_frame
from dualatme_keras.synthetic.head_motion import head_motion_flow
from dualatme_keras.synthetic.muscles import REFERENCE_SIZE, action_unit_flow, pixel_grid
from dualatme_keras.synthetic.people import Expression, Person
from dualatme_keras.synthetic.warping import backward_map

_FACE_SHARE = 0.62
"""Side of the face relative to that of the frame."""

_BLINK_FRAMES = 7
"""Length of a blink; at the 30 to 40 frames of a clip it is over before the expression is."""

_BLINK = 4.0
"""Intensity of action unit 45 in a blink; a lid travels this many pixels of a face of `REFERENCE_SIZE`."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """When what happens, in frames from the start of the recording.

    Attributes:
        onset, apex, offset: of the expression.
        length: number of frames.
        blinks: frames at which the lids are closed.
    """

    onset: int
    apex: int
    offset: int
    length: int
    blinks: tuple[int, ...]


class Recording(abc.ABC):
    """A person before a camera. This class renders the frames; a subclass says what moves when.

    A subclass has `expression_motion`, `head_phases` and `light`, and sets `blinks`.

    Args:
        person: who.
        head: arguments of `head_motion_flow` for each of the motions that make up the head's.
        look: what the person looks like.
        rng: of the place of the face, head motion, light and noise.
        size: side of the square frames in pixels.

    Attributes:
        blinks: frames at which the lids are closed.
        blink_frames: length of a blink.
    """

    blinks: Sequence[int] = ()
    blink_frames: float = _BLINK_FRAMES

    def __init__(self, person: Person, head: Sequence, look: FaceLook, rng: np.random.Generator, size: int):
        self._person, self._look, self._size = person, look, size
        self._seed = int(rng.integers(2**31))
        self._shift = rng.normal(scale=0.02, size=2)
        self._phases = rng.random(len(head))
        self._light = rng.normal(scale=0.02, size=2)
        self._grid = pixel_grid(self._size, tuple(self._shift), _FACE_SHARE)
        self._blink = action_unit_flow(45, _BLINK, _BLINK, person.landmarks, self._grid)
        self._head = [head_motion_flow(**motion, grid=self._grid) for motion in head]

    @property
    def face_pixels(self) -> float:
        """Side of the face in pixels of the frame."""
        return self._size * _FACE_SHARE

    @abc.abstractmethod
    def expression_motion(self, frame: int) -> np.ndarray | float:
        """Displacement by the expression, `(size, size, 2)` in pixels of a face of `REFERENCE_SIZE`."""

    @abc.abstractmethod
    def head_phases(self, frame: int) -> Sequence[float]:
        """How many rounds each motion of the head has made since the start."""

    @abc.abstractmethod
    def light(self, frame: int) -> float:
        """Brightness, about 1."""

    def expression_field(self, expression: Expression) -> np.ndarray:
        """`expression_motion` where all of an expression shows."""
        return sum(
            action_unit_flow(unit, left, right, self._person.landmarks, self._grid)
            for unit, (left, right) in zip(expression.action_units, expression.sides, strict=True)
        )

    def landmarks(self, frame: int) -> np.ndarray:
        """The true five landmarks of a frame, `(5, 2)` in pixels (see `regions.TEMPLATE_LANDMARKS`)."""
        own = self._person.landmarks
        (eye_x, eye_y), (mouth_x, mouth_y) = own["eye"], own["mouth_corner"]
        nose_y = own["nose_wing"][1]
        points = [(-eye_x, eye_y), (eye_x, eye_y), (0.0, nose_y), (-mouth_x, mouth_y), (mouth_x, mouth_y)]
        face = np.array([(0.5 + out, down) for out, down in points])
        pixels = ((face - 0.5) * _FACE_SHARE + self._shift + 0.5) * self._size - 0.5
        displacement = self.displacement(frame)
        nearest = np.clip(np.rint(pixels).astype(int), 0, self._size - 1)
        return pixels + displacement[nearest[:, 1], nearest[:, 0]]

    def displacement(self, frame: int) -> np.ndarray:
        """How far each point has moved from its place at rest, `(size, size, 2)`, pixels of the frame."""
        closed = max(
            (max(0.0, 1.0 - (abs(frame - at) / (self.blink_frames / 2)) ** 2) for at in self.blinks),
            default=0.0,
        )
        head = sum(
            field * np.sin(2 * np.pi * (phase + start))
            for field, phase, start in zip(self._head, self.head_phases(frame), self._phases, strict=True)
        )
        motion = self.expression_motion(frame) + self._blink * closed + head
        return motion * (self.face_pixels / REFERENCE_SIZE)

    def true_flow(self, first: int, second: int) -> np.ndarray:
        """Motion between two frames, `(size, size, 2)` in pixels, at the pixels of the first one."""
        import cv2

        before, after = (self.displacement(frame).astype("float32") for frame in (first, second))
        rest_x, rest_y = backward_map(before)  # where each pixel of the first frame is at rest
        rows, columns = np.mgrid[: self._size, : self._size]
        end = cv2.remap(after, rest_x, rest_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return end - np.stack([columns - rest_x, rows - rest_y], axis=-1)

    def frame(self, number: int) -> np.ndarray:
        """A frame, RGB `(size, size, 3)`, uint8, with changing light and sensor noise."""
        image = render_frame(self._look, self.displacement(number), self._grid)
        noise = np.random.default_rng([self._seed, number]).normal(scale=1.0, size=image.shape)
        return np.clip(np.rint(image * self.light(number) + noise), 0, 255).astype("uint8")


class ClipRecording(Recording):
    """A person's clip, rendered frame by frame.

    Args:
        person, expression: who does what.
        look: what the person looks like.
        rng: of timing, head motion, light and noise.
        size: side of the square frames in pixels.
        blinks: number of blinks in the clip.
    """

    def __init__(
        self,
        person: Person,
        expression: Expression,
        look: FaceLook,
        rng: np.random.Generator,
        size: int = 180,
        blinks: int = 0,
    ):
        super().__init__(person, expression.head, look, rng, size)
        self.timing = _new_timing(rng, blinks)
        self.blinks = self.timing.blinks
        self._expression = self.expression_field(expression)

    def true_onset_apex(self) -> OnsetApex:
        """Onset and apex as they are in truth, with the true landmarks."""
        onset, apex = self.timing.onset, self.timing.apex
        return OnsetApex(
            onset=onset,
            apex=apex,
            apex_found="given",
            onset_frame=self.frame(onset),
            apex_frame=self.frame(apex),
            landmarks=self.landmarks(onset),
            course=np.array([]),
        )

    def strength(self, frame: int) -> float:
        """How much of the expression shows, 0 to 1."""
        timing = self.timing
        return rise_and_fall(frame, timing.onset, timing.apex, timing.offset)

    def expression_motion(self, frame: int) -> np.ndarray:
        return self._expression * self.strength(frame)

    def head_phases(self, frame: int) -> list[float]:
        return [frame / self.timing.length] * len(self._head)

    def light(self, frame: int) -> float:
        phase = frame / self.timing.length
        return 1.0 + self._light[0] * np.sin(2 * np.pi * phase) + self._light[1] * phase


def rise_and_fall(frame: int, onset: int, apex: int, offset: int) -> float:
    """How much of an expression shows in a frame, 0 to 1."""
    if not onset < frame < offset:
        return 0.0
    start, stop = (onset, apex) if frame <= apex else (offset, apex)
    return float(np.sin(0.5 * np.pi * (frame - start) / (stop - start)) ** 2)


def _new_timing(rng, blinks):
    onset = int(rng.integers(1, 4))
    apex = onset + int(rng.integers(9, 16))
    offset = apex + int(rng.integers(9, 16))
    length = offset + int(rng.integers(1, 4))
    # Neither at the onset, from which all motion is measured, nor two at once.
    edges = np.linspace(onset + _BLINK_FRAMES, offset - 2, blinks + 1).round().astype(int)
    at = tuple(int(rng.integers(low, max(high, low + 1))) for low, high in itertools.pairwise(edges))
    return Timing(onset, apex, offset, length, at)
