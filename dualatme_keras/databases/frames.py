"""Frames of a clip: which there are, and one of them as an image."""

import os
import re
from pathlib import Path

import numpy as np

from dualatme_keras.databases.records import ClipRecord
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import check_size

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")

_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
"""Pillow's names of what it makes RGB of."""

_BITS_PER_SAMPLE = 258
"""TIFF's tag: 16, or 12 in packed files of cameras."""

_NUMBER = re.compile(r"(\d+)\D*$")
"""A frame's number is the last one in its name, whatever its zero padding: `reg_img46`, `006_05562`."""


class FrameFolder:
    """Frames as image files.

    Attributes:
        numbers: of the frames, ascending.

    Raises:
        DualATMEError: no frames, or two files of the same number.
    """

    def __init__(self, path: Path):
        self._files = {}
        for file in sorted(path.iterdir()):
            match = _NUMBER.search(file.stem)
            if file.suffix.lower() not in IMAGE_SUFFIXES or not match:
                continue
            number = int(match[1])
            if number in self._files:
                raise DualATMEError(
                    f"Expected one file per frame in {path}. "
                    f"Received: {self._files[number].name} and {file.name}."
                )
            self._files[number] = file
        if not self._files:
            raise DualATMEError(f"Expected numbered frames (.jpg, .png, .bmp). Received: {path} without any.")
        self.numbers = tuple(sorted(self._files))

    def read(self, number: int) -> np.ndarray:
        """A frame as RGB `(height, width, 3)`, uint8."""
        return read_image(self._files[number])


class VideoFile:
    """Frames of a video, numbered from 0, read by OpenCV, turned as the file says.

    Attributes:
        numbers: of the frames, ascending.
        frames_per_second: as the file tells, None where it does not.

    Raises:
        DualATMEError: the file is no video, has no frames, or says to turn them by other than quarters.
    """

    def __init__(self, path: Path):
        import cv2

        self._path = path
        self._open()
        count = 0
        # Counted, because containers often tell a wrong number.
        while self._capture.grab():
            count += 1
        if not count:
            raise DualATMEError(f"Expected a video with frames. Received: {path}, of which none can be read.")
        # OpenCV turns by quarters only, and leaves others as they are.
        if turn := self._capture.get(cv2.CAP_PROP_ORIENTATION_META) % 90:
            raise DualATMEError(
                f"Expected a video whose frames are turned by quarters. Received: {path}, by {turn:g} "
                "degrees more. Write it anew with its frames upright."
            )
        self.numbers = tuple(range(count))
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS) or None
        self._open()

    def _open(self):
        import cv2

        self._capture, self._next = cv2.VideoCapture(str(self._path)), 0
        # The default, which builds and environments may change.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)

    def read(self, number: int) -> np.ndarray:
        """A frame as RGB `(height, width, 3)`, uint8."""
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
        return np.ascontiguousarray(frame[..., ::-1])


def read_image(path: str | os.PathLike) -> np.ndarray:
    """An image file as RGB `(height, width, 3)`, uint8, turned as its EXIF data say.

    Of 16 bits per channel the upper 8 are kept, grey and palette become RGB, alpha is dropped.

    Raises:
        DualATMEError: it is no image, too small or too large a one, which is not decoded then, one of several
            in its file, or its numbers have no known range.
    """
    from PIL import Image, ImageOps

    path = os.fspath(path)
    try:
        with Image.open(path) as image:
            check_size(image.height, image.width, path)
            _check_readable(image, path)
            bits = _grey_bits(image)
            upright = ImageOps.exif_transpose(image)
            if bits:
                grey = np.asarray(upright).astype("int32") >> (bits - 8)
                return np.repeat(grey.astype("uint8")[..., np.newaxis], 3, axis=-1)
            return np.asarray(upright.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise DualATMEError(f"Expected an image. Received: {path} ({error}).") from error


def _check_readable(image, path):
    """Raises `DualATMEError` for a file of several images, or of numbers without a range."""
    # Phones put a second picture behind a JPEG's first, which is the one that everybody sees.
    if image.format in ("PNG", "TIFF") and getattr(image, "n_frames", 1) > 1:
        raise DualATMEError(
            f"Expected one image in a file. Received: {path} with {image.n_frames}. Write a file for each."
        )
    if image.mode not in _MODES and not _grey_bits(image):
        raise DualATMEError(
            f"Expected an image of 8 or 16 bits per channel. Received: {path} of mode {image.mode!r} (I and "
            "F: 32 bits, whose black and white nobody knows). Scale it to one of them."
        )


def _grey_bits(image):
    """Bits of an image of more than 8 bits of grey, which Pillow's conversion cuts off; 0 of others."""
    if image.mode.startswith("I;16"):
        return image.tag_v2[_BITS_PER_SAMPLE][0] if image.format == "TIFF" else 16
    # Pillow before 11.
    return 16 if image.mode == "I" and image.format == "PNG" else 0


def frames_place(record: ClipRecord, root) -> Path:
    """Where the frames of a clip are.

    Args:
        record: the clip; its place is looked for below `root`, and below the folders right in it.
        root: folder of the database.

    Raises:
        DualATMEError: the place is not there, or there twice.
    """
    root = Path(root)
    bases = (root, *sorted(path for path in root.iterdir() if path.is_dir())) if root.is_dir() else ()
    places = [base / record.place for base in bases if (base / record.place).exists()]
    if len(places) != 1:
        found = " and ".join(map(str, places)) or "no such folder or file"
        raise DualATMEError(
            f"Expected the frames of {record.name} in {root / record.place}. Received: {found}."
        )
    return places[0]


def open_frames(record: ClipRecord, root) -> FrameFolder | VideoFile:
    """The frames of a clip; raises `DualATMEError` as `frames_place` and its kind of frames do."""
    place = frames_place(record, root)
    return FrameFolder(place) if place.is_dir() else VideoFile(place)


def clip_numbers(record: ClipRecord, numbers: tuple[int, ...]) -> list[int]:
    """Numbers of a clip's frames from onset to offset.

    Args:
        record: the clip.
        numbers: of the frames that are there.

    Raises:
        DualATMEError: onset, apex and offset are out of order, or frames are missing; names them.
    """
    record.check_order()
    onset = numbers[0] if record.onset is None else record.onset
    offset = numbers[-1] if record.offset is None else record.offset
    there = set(numbers)
    # With an annotated apex only two frames are needed; to spot one, all are.
    needed = {onset, record.apex} if record.apex is not None else {onset, offset}
    if record.apex is None and record.onset is not None and record.offset is not None:
        needed |= set(range(onset, offset + 1))
    missing = sorted(needed - there)
    if missing:
        listed = ", ".join(map(str, missing[:5])) + (
            f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        )
        raise DualATMEError(
            f"{record.source}: Expected the frames {onset} to {offset} of {record.name}. Missing: {listed}; "
            f"there are {numbers[0]} to {numbers[-1]}."
        )
    return [number for number in numbers if onset <= number <= offset]
