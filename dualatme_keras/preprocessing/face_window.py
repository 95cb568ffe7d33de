"""The last faces of a video, aligned, and the motion of the expression between two of them."""

from typing import NamedTuple

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing.alignment import align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE, counted_pixels
from dualatme_keras.preprocessing.flow import optical_flow
from dualatme_keras.preprocessing.head_motion import HeadMotion
from dualatme_keras.preprocessing.landmarks import Locate
from dualatme_keras.preprocessing.onset_apex import to_grey
from dualatme_keras.video import check_size

_MARGIN = 0.1
"""What is left around the face on each side, as a fraction of `SPOTTING_SIZE`."""

SPOTTING_EYES = (1 - 2 * _MARGIN) * float(TEMPLATE_LANDMARKS[1, 0] - TEMPLATE_LANDMARKS[0, 0]) * SPOTTING_SIZE
"""Distance between the eyes of the aligned faces of a video, in pixels."""

_CELL = 4
"""Side in pixels of the squares in which flow is averaged: DIS tells no finer motion, and noise cancels."""


_CELLS = SPOTTING_SIZE // _CELL
"""Squares in a row."""


class _Place(NamedTuple):
    """Where the face is: `transform` to the aligned one, `head` and `counted` squares of that."""

    transform: np.ndarray
    head: HeadMotion
    counted: np.ndarray


def _new_place(landmarks):
    transform = eye_transform(landmarks, SPOTTING_SIZE, _MARGIN)
    places = (transform_points(landmarks, transform) + 0.5) / SPOTTING_SIZE
    shape = (_CELLS, _CELLS)
    return _Place(transform, HeadMotion(places, shape), counted_pixels(places, shape))


class FaceWindow:
    """Holds the last faces of a video, so aligned that flow between two of them is motion.

    Each second of the video has a transform of its own, from the landmarks of its first frame. Both faces of
    a pair are aligned by that of the earlier one, so a new second shows in no motion.

    Args:
        locate, name: see `spotting.spot_intervals`.
        second: steps from one look for the face to the next.
        reach: largest distance in steps of two faces to be compared.
        kept: number of faces to hold.

    Attributes:
        missed: steps at which no face was found.
        error: the last reason for it.
    """

    def __init__(self, locate: Locate, name: str, second: int, reach: int, kept: int):
        self._locate, self._name = locate, name
        self._second, self._reach, self._kept = second, reach, kept
        self._places, self._faces, self._shape = {}, {}, None
        self.missed, self.error = [], None

    def add(self, step: int, frame: np.ndarray, number: int) -> None:
        """Takes the next frame, whose number is for messages; looks for the face once in a second."""
        self._check_shape(frame, number)
        start = self._start(step)
        if step == start:
            self._places[start] = self._find(step, frame)
        # A pair has the transform of its earlier face, so a later one may need that of the second before.
        starts = [start, start - self._second] if step - start < self._reach else [start]
        here = [] if self._places[start] is None else [at for at in starts if self._places.get(at)]
        self._faces[step] = {
            at: to_grey(align_face(frame, self._places[at].transform, SPOTTING_SIZE)) for at in here
        }
        self._faces.pop(step - self._kept, None)
        self._places.pop(start - (2 + self._kept // self._second) * self._second, None)

    def motion(self, first: int, second: int) -> np.ndarray | None:
        """Motion of the expression from one step to a later one, None where a face is missing.

        Returns:
            float32 array `(cells, cells, 2)`, right and down in pixels of the aligned face of
            `SPOTTING_SIZE`, 0 where nothing is counted.
        """
        import cv2

        start = self._start(first)
        pair = [self._faces.get(step, {}).get(start) for step in (first, second)]
        if pair[0] is None or pair[1] is None:
            return None
        _, head, counted = self._places[start]
        cells = cv2.resize(optical_flow(*pair, "dis"), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        still = (cells - head.design @ head.fit(cells)) * counted[..., np.newaxis]
        return still.astype("float32")

    def counted(self, step: int) -> int:
        """Number of the cells that are counted in a face."""
        return np.count_nonzero(self._places[self._start(step)].counted)

    def _start(self, step):
        """The step at which the face of a step was looked for."""
        return step - step % self._second

    def _find(self, step, frame):
        try:
            return _new_place(self._locate(frame, self._name).landmarks)
        except DualATMEError as error:
            self.missed.append(step)
            self.error = error
            return None

    def _check_shape(self, frame, number):
        if self._shape is None:
            check_size(*frame.shape[:2], f"frame {number}")
            self._shape = frame.shape
        if frame.shape != self._shape:
            raise DualATMEError(
                f"Expected frames of the first one's shape, {self._shape}. "
                f"Received: frame {number} of {frame.shape}."
            )
