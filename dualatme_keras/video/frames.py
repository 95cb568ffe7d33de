"""Frames of a clip in their order: a video file, a folder of numbered images, frames in memory."""

import abc
import bisect
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.video.images import IMAGE_SUFFIXES, check_size, read_image

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")

_NUMBER = re.compile(r"(\d+)\D*$")
"""A frame's number is the last one in its name, whatever its zero padding: `reg_img46`, `006_05562`."""

_CONTAINER = re.compile(
    rb"RIFF....AVI |.{4}(ftyp|moov|mdat|free|skip|wide|pnot)|\x1aE\xdf\xa3|"
    rb"\0\0\1[\xb3\xba]|0&\xb2u|FLV\1|OggS",
    re.DOTALL,
)
"""How a file begins that holds its video itself: AVI, MP4 and MOV, Matroska and WebM, MPEG, WMV, Flash, Ogg.
What reads videos also takes lists of other files and addresses for one, whatever they are called."""

_SQUARE = 0.02
"""How far pixels may be from square: less than faces differ."""

_KEPT_BYTES = 2**27
"""A video whose frames take no more memory is decoded once, when it is opened."""

Frame = np.ndarray | str | os.PathLike
"""An image: RGB `(height, width, 3)` or grey `(height, width)`, uint8, or a file."""

Clip = str | os.PathLike | Sequence[Frame] | np.ndarray
"""A video file, a folder of numbered images, frames in their order, or the pair (onset, apex)."""


class Frames(abc.ABC):
    """The frames of a clip. A context manager, which closes the file.

    A frame has a number: that in the name of its file, or its place from 0 in a video or an array. Frames are
    evenly spaced in time, whatever their numbers.

    Attributes:
        name: of the clip.
        numbers: of its frames, ascending.
        frames_per_second: None where it is not known.
    """

    def __init__(self, name: str, numbers: Sequence[int], frames_per_second: float | None = None):
        self.name, self.numbers, self.frames_per_second = name, tuple(numbers), frames_per_second

    @abc.abstractmethod
    def read(self, number: int) -> np.ndarray:
        """A frame as RGB `(height, width, 3)`, uint8, upright.

        Raises:
            DualATMEError: it cannot be decoded.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Gives back what is open; frames cannot be read afterwards."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __len__(self):
        return len(self.numbers)

    def between(self, onset: int | None, offset: int | None) -> list[int]:
        """Numbers from onset to offset, from the first and to the last where None.

        Raises:
            DualATMEError: a frame of that number is not there.
        """
        for what, number in (("onset", onset), ("offset", offset)):
            if number is not None and number not in self.numbers:
                raise DualATMEError(
                    f"Expected the {what} to be a frame of {self.name}, {self.numbers[0]} to "
                    f"{self.numbers[-1]}. Received: {number}."
                )
        first = self.numbers[0] if onset is None else onset
        last = self.numbers[-1] if offset is None else offset
        return [number for number in self.numbers if first <= number <= last]

    def seconds(self, number: int | None) -> float | None:
        """When a frame is, in seconds since the first one; None for no frame, or without a rate."""
        if number is None or self.frames_per_second is None:
            return None
        return bisect.bisect_left(self.numbers, number) / self.frames_per_second


def open_frames(clip: Clip, name: str | None = None, frames_per_second: float | None = None) -> Frames:
    """Opens the frames of a clip.

    Args:
        clip: see `Clip`; frames in memory are numbered from 0.
        name: of the clip; that of its file or folder by default.
        frames_per_second: of the clip; as its file tells by default.

    Raises:
        DualATMEError: there is nothing, nothing that can be read, no video or frames in it, or no such frame
            rate.
    """
    if frames_per_second is not None and not 0 < frames_per_second < math.inf:
        raise DualATMEError(
            f"Expected a positive number of frames per second. Received: {frames_per_second}."
        )
    if not isinstance(clip, (str, os.PathLike)):
        return _FramesInMemory(clip, name or "clip", frames_per_second)
    try:
        return _open_path(Path(clip), os.fspath(clip), name, frames_per_second)
    except OSError as error:
        raise DualATMEError(
            f"Expected a clip that can be read. Received: {os.fspath(clip)} ({error.strerror or error})."
        ) from error


def _open_path(path, clip, name, frames_per_second):
    if not clip or not path.exists():
        raise DualATMEError(
            f"Expected a video file or a folder of frames. Received: {clip!r}, which is not there."
        )
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise DualATMEError(
            f"Expected a video file or a folder of frames. Received: {path}, a single image. "
            "Give the folder of the frames; in Python two images go as (onset, apex)."
        )
    if path.is_dir():
        return _FrameFolder(path, name or path.name, frames_per_second)
    return _VideoFile(path, name or path.stem, frames_per_second)


def check_frame_count(path: str | os.PathLike, most: int) -> None:
    """Looks whether a video is short enough, without decoding more of it than that.

    Args:
        path: a video file.
        most: frames that it may have.

    Raises:
        DualATMEError: it has more, does not begin as a video, or its frames are too large or too small. One
            that is damaged further on may have none: `open_frames` says so.
    """
    capture = _open_video(path)
    try:
        if all(capture.grab() for _ in range(most + 1)):
            raise DualATMEError(
                f"Expected a video of at most {most} frames. Received: {path}, which has more."
            )
    finally:
        capture.release()


def _open_video(path):
    """OpenCV's reader of a file, which is looked at before OpenCV decodes anything of it."""
    import cv2

    with open(path, "rb") as file:
        if not _CONTAINER.match(file.read(16)):
            raise DualATMEError(
                f"Expected a video. Received: {path}, which does not begin as one "
                f"({', '.join(VIDEO_SUFFIXES)}). Is it damaged, or a list of other files?"
            )
    capture = cv2.VideoCapture(os.fspath(path))
    # The default, which builds and environments may change.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    if capture.isOpened():
        size = (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        check_size(*(int(capture.get(side)) for side in size), str(path))
    return capture


def frame_number(file: Path) -> int | None:
    """The last number in the name of a frame's file; None where it has none."""
    match = _NUMBER.search(file.stem)
    return int(match[1]) if match else None


class _FrameFolder(Frames):
    """Frames as image files; two files of the same number are an error."""

    def __init__(self, path, name, frames_per_second):
        self._files = {}
        for file in sorted(path.iterdir()):
            number = frame_number(file)
            if file.suffix.lower() not in IMAGE_SUFFIXES or number is None:
                continue
            if number in self._files:
                raise DualATMEError(
                    f"Expected one file per frame in {path}. "
                    f"Received: {self._files[number].name} and {file.name}."
                )
            self._files[number] = file
        if not self._files:
            what = (
                "which holds folders: give one of them"
                if any(map(Path.is_dir, path.iterdir()))
                else "without any"
            )
            raise DualATMEError(f"Expected numbered frames (.jpg, .png, .bmp). Received: {path}, {what}.")
        super().__init__(name, sorted(self._files), frames_per_second)

    def read(self, number):
        return read_image(self._files[number])


class _VideoFile(Frames):
    """Frames of a video, numbered from 0, read by OpenCV, turned by quarters as the file says."""

    def __init__(self, path, name, frames_per_second):
        import cv2

        self._path = path
        self._open()
        count = self._count()
        if not count:
            raise DualATMEError(
                f"Expected a video. Received: {path}, in which OpenCV finds no frame that it can read."
            )
        # OpenCV turns by quarters only, and leaves others as they are.
        if turn := self._capture.get(cv2.CAP_PROP_ORIENTATION_META) % 90:
            raise DualATMEError(
                f"Expected a video whose frames are turned by quarters. Received: {path}, by {turn:g} "
                "degrees more. Write it anew with its frames upright."
            )
        wide, high = map(self._capture.get, (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
        if wide > 0 and high > 0 and abs(wide / high - 1) > _SQUARE:
            raise DualATMEError(
                f"Expected a video of square pixels. Received: {path}, whose are {wide / high:.3g}:1. Write "
                "it anew: ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 -c:v ffv1 OUT.avi."
            )
        super().__init__(name, range(count), frames_per_second or self._rate(count))
        self._open()

    def _count(self):
        """Decodes the video, because containers often tell a wrong number; keeps frames that are few."""
        import cv2

        # A guess, which only saves memory: as many frames as the container tells would not be kept.
        told = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        many = 3 * math.prod(map(self._capture.get, told)) > _KEPT_BYTES
        count, self._kept = 0, None if many else []
        self._milliseconds = 0.0
        while self._capture.grab():
            count += 1
            self._milliseconds = max(self._milliseconds, self._capture.get(cv2.CAP_PROP_POS_MSEC))
            if self._kept is None:
                continue
            good, frame = self._capture.retrieve()
            if not good or count * frame.nbytes > _KEPT_BYTES:
                self._kept = None
            else:
                self._kept.append(frame)
        return count

    def _rate(self, count):
        """What the file says. Browsers that record a camera write no rate, and OpenCV then says 1,000, the
        unit of their times: then it is the mean. Smaller differences are those of videos that were cut."""
        import cv2

        told = self._capture.get(cv2.CAP_PROP_FPS) or None
        if count < 2 or self._milliseconds <= 0:
            return told
        mean = 1000 * (count - 1) / self._milliseconds
        return told if told and told < 2 * mean else mean

    def _open(self):
        self._capture, self._next = _open_video(self._path), 0

    def read(self, number):
        frame = self._decode(number) if self._kept is None else self._kept[number]
        return np.ascontiguousarray(frame[..., ::-1])

    def _decode(self, number):
        if number < self._next:
            self._open()
        while self._next < number:
            self._capture.grab()
            self._next += 1
        good, frame = self._capture.read()
        self._next += 1
        if not good:
            raise DualATMEError(
                f"Expected frame {number} of {self._path}. Received: nothing that can be decoded."
            )
        return frame

    def close(self):
        self._capture.release()
        self._kept = None


class _FramesInMemory(Frames):
    """Arrays or image files, numbered from 0."""

    def __init__(self, frames, name, frames_per_second):
        self._frames = [_checked(frame, index) for index, frame in enumerate(_sequence(frames))]
        super().__init__(name, range(len(self._frames)), frames_per_second)

    def read(self, number):
        frame = self._frames[number]
        if isinstance(frame, (str, os.PathLike)):
            return read_image(frame)
        return np.repeat(frame[..., np.newaxis], 3, axis=-1) if frame.ndim == 2 else frame


def _sequence(clip):
    expected = "Expected a video file, a folder of frames, or at least two frames"
    try:
        frames = list(clip)
    except TypeError as error:
        raise DualATMEError(f"{expected}. Received: {clip!r:.80} of type {type(clip).__name__}.") from error
    if not frames:
        raise DualATMEError(f"{expected}. Received: none.")
    return frames


def _checked(frame, index):
    if isinstance(frame, (str, os.PathLike)):
        return frame
    try:
        frame = np.asarray(frame)
    except ValueError as error:  # rows of unequal length
        raise DualATMEError(f"Expected frames that are images. Received: frame {index}; {error}.") from error
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (3,)):
        raise DualATMEError(
            "Expected frames (height, width, 3) or (height, width), uint8. "
            f"Received: frame {index} of shape {frame.shape}, {frame.dtype}. Frames of 16 bits become so by "
            "`(frames >> 8).astype('uint8')`, of [0, 1] by `numpy.rint(frames * 255).astype('uint8')`."
        )
    return frame
