"""From a clip to the pair of frames that is asked about, whoever answers."""

import abc
import dataclasses
from collections.abc import Callable

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import FramePair, choose_pair, spot_intervals
from dualatme_keras.preprocessing.landmarks import Locate
from dualatme_keras.recognition.clip_frames import Clip, open_clip
from dualatme_keras.recognition.result import Recognition, SpottedVideo


class ClipRecognizer(abc.ABC):
    """Finds face, onset and apex of a clip; `answer` tells what the pair shows.

    Args:
        locate: finds the face in a frame, see `preprocessing.landmark_source`.
        margin: around the faces in which the apex is spotted, see `preprocessing.PrepareSettings`.
    """

    def __init__(self, locate: Locate, margin: float):
        self._locate, self._margin = locate, margin

    @abc.abstractmethod
    def answer(self, pair: FramePair, name: str, offset: int | None = None) -> Recognition:
        """Tells the expression between two frames.

        Args:
            pair: onset and apex frame, and the face.
            name: of the clip.
            offset: number of the expression's last frame, to be kept in the answer.
        """

    def recognize(
        self,
        clip: Clip,
        name: str | None = None,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
    ) -> Recognition:
        """Tells the expression of a clip.

        Args:
            clip: a video file, a folder of numbered images, a sequence of frames (RGB `(height, width, 3)` or
                grey `(height, width)`, uint8), or the pair (onset, apex) of frames or image files.
            name: of the clip; that of its file or folder by default.
            onset, offset: numbers of the first and last frame to look at, the clip's by default. Files in
                folders are numbered as they are named, other frames from 0.
            apex: number of the apex, which is spotted by default; of two frames it is the second.

        Returns:
            The answer, and all that led to it.

        Raises:
            DualATMEError: no frames, no face, no motion at all, frames of unequal size, or numbers that are
                none of theirs.
        """
        frames = open_clip(clip, name)
        numbers = frames.between(onset, offset)
        if len(numbers) == 2 and apex is None:
            apex = numbers[1]
        if apex is not None and apex not in numbers[1:]:
            raise DualATMEError(
                f"Expected the apex after the onset {numbers[0]} and up to the offset {numbers[-1]}. "
                f"Received: {apex}."
            )
        pair = choose_pair(numbers, frames.read, self._locate, self._margin, apex, frames.name)
        if np.array_equal(pair.onset_frame, pair.apex_frame):
            raise DualATMEError(
                f"Expected motion. Received: frames {pair.onset} and {pair.apex}, which are the same."
            )
        return self.answer(pair, frames.name, offset)

    def spot(
        self,
        video: Clip,
        name: str | None = None,
        frames_per_second: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> SpottedVideo:
        """Finds the expressions of a longer video and tells each.

        Args:
            video, name: as `recognize` takes them.
            frames_per_second: of frames that do not come from a video file, which knows its own.
            progress: called with the number of frames looked at and that of all.

        Returns:
            The answers in the order of time, and the course of motion in which they were found.

        Raises:
            DualATMEError: as `recognize`, or the frame rate is not known.
        """
        frames = open_clip(video, name)
        rate = frames_per_second or frames.frames_per_second
        if not rate:
            raise DualATMEError(
                f"Expected the frame rate of {frames.name}, which tells short motions from long ones. "
                "Received: none, and images in a folder have none. Give --fps, or frames_per_second."
            )
        intervals, course = spot_intervals(
            frames.numbers, frames.read, self._locate, rate, frames.name, progress
        )
        recognitions = []
        for interval in intervals:
            numbers = frames.between(interval.onset, interval.apex)
            pair = choose_pair(numbers, frames.read, self._locate, self._margin, interval.apex, frames.name)
            pair = dataclasses.replace(pair, apex_found="spotted")
            recognitions.append(self.answer(pair, frames.name, interval.offset))
        return SpottedVideo(frames.name, recognitions, course, rate)
