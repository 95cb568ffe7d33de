"""Expressions in long videos, intervals of frames, in the form of the Micro-Expression Grand Challenge."""

import csv
import dataclasses
import io
import os
from collections.abc import Iterable

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_records, replace_file

INTERVAL_COLUMNS = ("subject", "video", "onset", "offset", "emotion")


@dataclasses.dataclass(frozen=True)
class LabelledInterval:
    """An expression in a video.

    Attributes:
        subject, video: whose video, and which; only both together tell videos apart.
        onset, offset: numbers of the first and the last frame, both a part of the expression.
        emotion: what it is called.
    """

    subject: str
    video: str
    onset: int
    offset: int
    emotion: str

    @property
    def length(self) -> int:
        """Number of frames, 1 at least."""
        return self.offset - self.onset + 1

    def overlap(self, other: "LabelledInterval") -> float:
        """Intersection over union of the frames of two intervals of a video, in [0, 1]."""
        both = min(self.offset, other.offset) - max(self.onset, other.onset) + 1
        return max(0, both) / (self.length + other.length - max(0, both))


def read_intervals(path: str | os.PathLike) -> tuple[LabelledInterval, ...]:
    """Reads a CSV with the columns `subject`, `video`, `onset`, `offset` and `emotion`, others as they like.

    Returns:
        Its rows in order; none of a file with nothing but the header.

    Raises:
        DualATMEError: the file is not there, a column is missing, a cell is empty, or onset and offset are no
            frames in their order; names file and line.
    """
    try:
        return tuple(_parse_row(row, f"{path}:{line}") for line, row in csv_records(path, INTERVAL_COLUMNS))
    except OSError as error:
        raise DualATMEError(f"Expected a CSV of intervals. Received: {path}: {error.strerror}.") from error


def _parse_row(row, where):
    subject, video, onset, offset, emotion = ((row[name] or "").strip() for name in INTERVAL_COLUMNS)
    if not (subject and video and emotion):
        raise DualATMEError(f"{where}: Expected subject, video and emotion. Received: {list(row.values())}.")
    try:
        interval = LabelledInterval(subject, video, int(onset), int(offset), emotion)
    except ValueError as error:
        raise DualATMEError(
            f"{where}: Expected onset and offset to be numbers of frames. Received: {onset!r}, {offset!r}."
        ) from error
    if interval.length < 1:
        raise DualATMEError(f"{where}: Expected the onset up to the offset. Received: {onset} to {offset}.")
    return interval


def write_intervals(path: str | os.PathLike, intervals: Iterable[LabelledInterval]) -> None:
    """Writes what `read_intervals` reads, as `files.replace_file`."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(INTERVAL_COLUMNS)
    writer.writerows(map(dataclasses.astuple, intervals))
    replace_file(path, content.getvalue().encode())
