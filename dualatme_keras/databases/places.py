"""Where the frames of a database's clip are, and which of them it needs."""

import dataclasses
import os
from pathlib import Path

from dualatme_keras.data import ClipRecord
from dualatme_keras.errors import DualATMEError
from dualatme_keras.text import shorten
from dualatme_keras.video import Frames, open_frames


def frames_place(record: ClipRecord, root) -> Path:
    """Where the frames of a clip are.

    Args:
        record: the clip; its place is looked for below `root`, and below the folders right in it.
        root: folder of the database.

    Raises:
        DualATMEError: the place is not there, or there twice.
    """
    root = Path(root)
    # Texts, not paths: this is asked for every clip of many, below as many folders as there are people.
    bases = (
        [str(root), *sorted(entry.path for entry in os.scandir(root) if entry.is_dir())]
        if root.is_dir()
        else ()
    )
    places = [path for path in (os.path.join(base, record.place) for base in bases) if os.path.exists(path)]
    if len(places) != 1:
        found = " and ".join(places) or "no such folder or file"
        raise DualATMEError(
            f"Expected the frames of {record.name} in {root / record.place}. Received: {found}."
        )
    return Path(places[0])


def open_clip(record: ClipRecord, root: str | os.PathLike) -> Frames:
    """The frames of a clip; raises `DualATMEError` as `frames_place` and `video.open_frames` do."""
    return open_frames(frames_place(record, root), record.name)


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
    if record.apex is not None:
        dataclasses.replace(record, onset=onset).check_order()
    there = set(numbers)
    # With an annotated apex only two frames are needed; to spot one, all are.
    needed = {onset, record.apex} if record.apex is not None else {onset, offset}
    if record.apex is None and record.onset is not None and record.offset is not None:
        needed |= set(range(onset, offset))
    missing = sorted(needed - there)
    if missing:
        raise DualATMEError(
            f"{record.source}: Expected the frames {onset} to {offset} of {record.name}. "
            f"Missing: {shorten(missing)}; there are {numbers[0]} to {numbers[-1]}."
        )
    return [number for number in numbers if onset <= number <= offset]
