"""What can be recognised: videos, folders of frames, frames in memory, or just onset and apex."""

import bisect
import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.databases.frames import IMAGE_SUFFIXES, FrameFolder, VideoFile, read_image
from dualatme_keras.errors import DualATMEError

Frame = np.ndarray | str | os.PathLike
"""An image: RGB `(height, width, 3)` or grey `(height, width)`, uint8, or a file."""

Clip = str | os.PathLike | Sequence[Frame] | np.ndarray
"""A video file, a folder of numbered images, frames in their order, or the pair (onset, apex)."""


@dataclasses.dataclass(frozen=True)
class ClipFrames:
    """The frames of a clip.

    Attributes:
        name: of the clip.
        numbers: of its frames, ascending.
        read: gives a frame of that number, RGB `(height, width, 3)`, uint8.
        frames_per_second: None where not known. Frames are evenly spaced, whatever their numbers.
    """

    name: str
    numbers: tuple[int, ...]
    read: Callable[[int], np.ndarray]
    frames_per_second: float | None = None

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


def open_clip(clip: Clip, name: str | None = None, frames_per_second: float | None = None) -> ClipFrames:
    """The frames of a clip.

    Args:
        clip: see `Clip`; frames in memory are numbered from 0.
        name: of the clip; that of its file or folder by default.
        frames_per_second: of the clip; as its file tells by default.

    Raises:
        DualATMEError: there is nothing, no video or frames in it, or no such frame rate.
    """
    if frames_per_second is not None and not 0 < frames_per_second < math.inf:
        raise DualATMEError(
            f"Expected a positive number of frames per second. Received: {frames_per_second}."
        )
    frames = _open(clip, name)
    return dataclasses.replace(frames, frames_per_second=frames_per_second or frames.frames_per_second)


def _open(clip, name):
    if not isinstance(clip, (str, os.PathLike)):
        frames = [_checked(frame, index) for index, frame in enumerate(_sequence(clip))]
        return ClipFrames(name or "clip", tuple(range(len(frames))), lambda number: _read(frames[number]))
    path = Path(clip)
    if not os.fspath(clip) or not path.exists():
        raise DualATMEError(
            f"Expected a video file or a folder of frames. Received: {os.fspath(clip)!r}, which is not there."
        )
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise DualATMEError(
            f"Expected a video file or a folder of frames. Received: {path}, a single image. "
            "Two images are given as (onset, apex)."
        )
    frames = FrameFolder(path) if path.is_dir() else VideoFile(path)
    rate = getattr(frames, "frames_per_second", None)
    return ClipFrames(name or (path.name if path.is_dir() else path.stem), frames.numbers, frames.read, rate)


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


def _read(frame):
    if isinstance(frame, (str, os.PathLike)):
        return read_image(frame)
    return np.repeat(frame[..., np.newaxis], 3, axis=-1) if frame.ndim == 2 else frame
