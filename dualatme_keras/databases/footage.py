"""A made-up clip frame by frame: an invented person's micro-expression before a camera, and the truth."""

import dataclasses
import itertools

import numpy as np

from dualatme_keras.databases.faces import FaceLook, render_frame
from dualatme_keras.databases.head import head_motion_flow
from dualatme_keras.databases.muscles import REFERENCE_SIZE, action_unit_flow, pixel_grid
from dualatme_keras.databases.performers import Performance, Performer
from dualatme_keras.databases.warping import backward_map

_FACE_SHARE = 0.62
"""Side of the face relative to that of the frame."""

_BLINK_FRAMES = 7
"""Length of a blink; at the 30 to 40 frames of a clip it is over before the expression is."""

_BLINK = 4.0
"""Intensity of action unit 45 in a blink; a lid travels this many pixels of a face of `REFERENCE_SIZE`."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """When what happens, in frames from the start of the footage.

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


class Footage:
    """A person's clip, rendered frame by frame.

    Args:
        performer, performance: who does what.
        look: what the person looks like.
        rng: of timing, head motion, light and noise.
        size: side of the square frames in pixels.
        blinks: number of blinks in the clip.
    """

    def __init__(
        self,
        performer: Performer,
        performance: Performance,
        look: FaceLook,
        rng: np.random.Generator,
        size: int = 180,
        blinks: int = 0,
    ):
        self._performer, self._look, self._size = performer, look, size
        self._seed = int(rng.integers(2**31))
        self._shift = rng.normal(scale=0.02, size=2)
        self._phases = rng.random(len(performance.head))
        self._light = rng.normal(scale=0.02, size=2)
        self.timing = _new_timing(rng, blinks)
        self._grid = pixel_grid(self._size, tuple(self._shift), _FACE_SHARE)
        self._expression = sum(
            action_unit_flow(unit, left, right, performer.landmarks, self._grid)
            for unit, (left, right) in zip(performance.action_units, performance.sides, strict=True)
        )
        self._blink = action_unit_flow(45, _BLINK, _BLINK, performer.landmarks, self._grid)
        self._head = [head_motion_flow(**motion, grid=self._grid) for motion in performance.head]

    @property
    def face_pixels(self) -> float:
        """Side of the face in pixels of the frame."""
        return self._size * _FACE_SHARE

    def landmarks(self, frame: int) -> np.ndarray:
        """The true five landmarks of a frame, `(5, 2)` in pixels (see `regions.TEMPLATE_LANDMARKS`)."""
        own = self._performer.landmarks
        (eye_x, eye_y), (mouth_x, mouth_y) = own["eye"], own["mouth_corner"]
        nose_y = own["nose_wing"][1]
        points = [(-eye_x, eye_y), (eye_x, eye_y), (0.0, nose_y), (-mouth_x, mouth_y), (mouth_x, mouth_y)]
        face = np.array([(0.5 + out, down) for out, down in points])
        pixels = ((face - 0.5) * _FACE_SHARE + self._shift + 0.5) * self._size - 0.5
        displacement = self.displacement(frame)
        nearest = np.clip(np.rint(pixels).astype(int), 0, self._size - 1)
        return pixels + displacement[nearest[:, 1], nearest[:, 0]]

    def strength(self, frame: int) -> float:
        """How much of the expression shows, 0 to 1."""
        timing = self.timing
        if not timing.onset < frame < timing.offset:
            return 0.0
        start, stop = (timing.onset, timing.apex) if frame <= timing.apex else (timing.offset, timing.apex)
        return float(np.sin(0.5 * np.pi * (frame - start) / (stop - start)) ** 2)

    def displacement(self, frame: int) -> np.ndarray:
        """How far each point has moved from its place at rest, `(size, size, 2)`, pixels of the frame."""
        closed = max(
            (max(0.0, 1.0 - (abs(frame - at) / (_BLINK_FRAMES / 2)) ** 2) for at in self.timing.blinks),
            default=0.0,
        )
        phase = frame / self.timing.length
        head = sum(
            field * np.sin(2 * np.pi * (phase + start))
            for field, start in zip(self._head, self._phases, strict=True)
        )
        motion = self._expression * self.strength(frame) + self._blink * closed + head
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
        phase = number / self.timing.length
        gain = 1.0 + self._light[0] * np.sin(2 * np.pi * phase) + self._light[1] * phase
        noise = np.random.default_rng([self._seed, number]).normal(scale=1.0, size=image.shape)
        return np.clip(np.rint(image * gain + noise), 0, 255).astype("uint8")


def _new_timing(rng, blinks):
    onset = int(rng.integers(1, 4))
    apex = onset + int(rng.integers(9, 16))
    offset = apex + int(rng.integers(9, 16))
    length = offset + int(rng.integers(1, 4))
    # Neither at the onset, from which all motion is measured, nor two at once.
    edges = np.linspace(onset + _BLINK_FRAMES, offset - 2, blinks + 1).round().astype(int)
    at = tuple(int(rng.integers(low, max(high, low + 1))) for low, high in itertools.pairwise(edges))
    return Timing(onset, apex, offset, length, at)
