"""From a clip to the pair of frames that is asked about, whoever answers."""

import abc
import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.preprocessing import (
    OnsetApex,
    PrepareSettings,
    check_length,
    expression_motion,
    find_onset_apex,
    landmark_source,
    spot_intervals,
)
from dualatme_keras.preprocessing.landmarks import Locate
from dualatme_keras.recognition.result import LostExpression, Recognition, SpottedVideo
from dualatme_keras.video import Clip, open_frames


def face_source(
    settings: PrepareSettings | None,
    who: str,
    landmarks: str | None,
    file: str | os.PathLike | None,
    face: str,
) -> Locate:
    """Returns the function that finds the face in a frame of clips to be recognised.

    Args:
        settings: with which the images were prepared that the networks were trained on, where they are known.
        who: answers, for messages.
        landmarks: where faces are found; as in the settings by default, and where there are none by MTCNN.
        file, face: see `landmark_source`.

    Raises:
        DualATMEError: as `landmark_source`, or the settings name a table of the clips that they were for.
    """
    source = landmarks or (settings.landmarks if settings else "mtcnn")
    if source == "file" and landmarks is None and file is None:
        raise DualATMEError(
            f"Expected to be told where faces are found. Received: images of {who} that were prepared with "
            "`landmarks='file'`, a table of their own clips. Name a detector, `landmarks='mtcnn'`, or give a "
            "table of these clips, `landmarks='file'` and `landmarks_file`."
        )
    return landmark_source(source, file, face)


def identity_of_faces(landmarks: str | None, file: str | os.PathLike | None, face: str) -> dict:
    """What decides where faces are found, of the arguments of `face_source`: a file by its content."""
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file is not None else None
    return {"landmarks": landmarks, "landmarks_file": digest, "face": face}


class ClipRecognizer(abc.ABC):
    """Finds face, onset and apex of a clip; `recognize_onset_apex` tells what the pair shows.

    Args:
        locate: finds the face in a frame, see `preprocessing.landmark_source`.
        margin: around the faces in which the apex is spotted, see `preprocessing.PrepareSettings`.
    """

    nbytes = 0
    """What networks take in memory, at least."""

    def __init__(self, locate: Locate, margin: float, class_names: Sequence[str] = CLASS_NAMES):
        self._locate, self._margin, self.class_names = locate, margin, tuple(class_names)

    def identity(self) -> dict | None:
        """What decides the answers besides the clips, for JSON; None where nobody knows, as of a server."""
        return None

    @abc.abstractmethod
    def recognize_onset_apex(
        self, onset_apex: OnsetApex, name: str, offset: int | None = None
    ) -> Recognition:
        """Tells the expression between two frames.

        Args:
            onset_apex: onset and apex frame, and the face.
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
        frames_per_second: float | None = None,
    ) -> Recognition:
        """Tells the expression of a clip.

        Args:
            clip: a video file, a folder of numbered images, a sequence of frames (RGB `(height, width, 3)` or
                grey `(height, width)`, uint8), or the pair (onset, apex) of frames or image files.
            name: of the clip; that of its file or folder by default.
            onset, offset: numbers of the first and last frame to look at, the clip's by default. Files in
                folders are numbered as they are named, other frames from 0.
            apex: number of the apex, which is spotted by default; of two frames it is the second.
            frames_per_second: of the clip, as its file tells by default; gives the answer its seconds.

        Returns:
            The answer, and all that led to it.

        Raises:
            DualATMEError: no frames, no face, no motion at all, frames of unequal size, numbers that are
                none of theirs, or more than 10 seconds (2,000 frames) to spot the apex in.
        """
        with open_frames(clip, name, frames_per_second) as frames:
            onset_apex = self._find_onset_apex(frames, onset, apex, offset)
        return self._answer(onset_apex, frames, offset)

    def _find_onset_apex(self, frames, onset, apex, offset):
        numbers = frames.between(onset, offset)
        if not numbers:
            raise DualATMEError(f"Expected the onset before the offset. Received: {onset} and {offset}.")
        if len(numbers) == 2 and apex is None:
            apex = numbers[1]
        if apex is None:
            instead = "Find its expressions with `spot`, or cut out the one."
            check_length(frames.name, len(numbers), frames.frames_per_second, instead)
        if apex is not None and apex not in numbers[1:]:
            raise DualATMEError(
                f"Expected the apex after the onset {numbers[0]} and up to the offset {numbers[-1]}. "
                f"Received: {apex}."
            )
        onset_apex = find_onset_apex(numbers, frames.read, self._locate, self._margin, apex, frames.name)
        onset_apex.check_motion()
        return onset_apex

    def spot(
        self,
        video: Clip,
        name: str | None = None,
        frames_per_second: float | None = None,
        progress: Callable[[int, int], None] | None = None,
        answered: Callable[[int, int], None] | None = None,
        keep: Callable[[Recognition], Recognition] = lambda recognition: recognition,
    ) -> SpottedVideo:
        """Finds the expressions of a longer video and tells each.

        Args:
            video, name: as `recognize` takes them.
            frames_per_second: of the video; as its file tells by default.
            progress: called with the number of frames looked at and that of all.
            answered: called with the number of expressions answered, or lost, and that of all.
            keep: called with each answer as soon as it is there; what it returns is kept. An answer has both
                frames, which take 12 MB in full HD: `Recognition.without_frames` leaves them out.

        Returns:
            The answers in the order of time, the expressions that could not be answered, and the course of
            motion in which all were found.

        Raises:
            DualATMEError: as `recognize`, or the frame rate is not known.
        """
        with open_frames(video, name, frames_per_second) as frames:
            return self._spot(frames, progress, answered, keep)

    def _spot(self, frames, progress, answered, keep):
        rate = frames.frames_per_second
        if not rate:
            raise DualATMEError(
                f"Expected the frame rate of {frames.name}, which tells short motions from long ones. "
                "Received: none, and images in a folder have none. Give `frames_per_second`."
            )
        intervals, course = spot_intervals(
            frames.numbers, frames.read, self._locate, rate, frames.name, progress
        )
        recognitions, lost = [], []
        for done, interval in enumerate(intervals, start=1):
            try:
                recognition = self._answer_interval(interval, frames)
            except DualATMEError as error:  # the others have answers of their own
                spotted = (interval.onset, interval.apex, interval.offset)
                lost.append(LostExpression(*spotted, str(error), *map(frames.seconds, spotted)))
            else:
                recognitions.append(keep(recognition))
            if answered is not None:
                answered(done, len(intervals))
        return SpottedVideo(frames.name, recognitions, course, rate, tuple(lost), frames.numbers)

    def _answer_interval(self, interval, frames):
        numbers = frames.between(interval.onset, interval.apex)
        onset_apex = find_onset_apex(
            numbers, frames.read, self._locate, self._margin, interval.apex, frames.name
        )
        return self._answer(dataclasses.replace(onset_apex, apex_found="spotted"), frames, interval.offset)

    def _answer(self, onset_apex, frames, offset):
        """The answer, with what does not depend on who gives it."""
        return dataclasses.replace(
            self.recognize_onset_apex(onset_apex, frames.name, offset),
            motion=expression_motion(onset_apex, self._margin),
            onset_seconds=frames.seconds(onset_apex.onset),
            apex_seconds=frames.seconds(onset_apex.apex),
            offset_seconds=frames.seconds(offset),
        )
