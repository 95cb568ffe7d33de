"""SMIC-HS (Li et al., FG 2013): folders, and for most clips an annotation file -> clips.

    ROOT/s01/micro/negative/s01_ne_01/*.jpg   or .bmp, or below ROOT/HS
    SMIC-HS-E_annotation.xlsx, sheet HS       Subject, Filename, OnsetF, OffsetF, ..., Emotion

The folders hold the frames from onset to offset, so they alone are enough; there is no apex. The annotation
file names 157 of the 164 clips. Where a clip holds a second or third movement, the first one is taken.

A clip's name tells its emotion. Row 38 of the annotation file calls s18_sur_03 negative; the organisers of
MEGC2019 list it as surprise. So the name decides where no list does; what says otherwise is a warning.
"""

import dataclasses
import os
import re
from pathlib import Path

from dualatme_keras.data import Finding
from dualatme_keras.data.records import ClipRecord, check_names
from dualatme_keras.databases.annotations import read_annotations, whole_number
from dualatme_keras.errors import DualATMEError

COLUMNS = ("Filename", "Subject", "OnsetF", "OffsetF", "Emotion")

SHEET = "HS"
"""Sheet of the high-speed camera; others repeat the names of clips with the frames of other cameras."""

LABELS = {"negative": 0, "positive": 1, "surprise": 2}

_NAME = re.compile(r"s(\d{1,9})_(ne|po|sur)_(\d{1,9})", re.IGNORECASE | re.ASCII)
_EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}


def read_smic(
    annotations: str | os.PathLike | None = None, root: str | os.PathLike | None = None
) -> list[ClipRecord]:
    """The clips of the folders below `root`, with onset and offset where the annotation file has them.

    Args:
        annotations: the workbook or its HS sheet as CSV; None for the folders alone.
        root: folder of the subjects' folders, or of `HS`; None for the clips of the annotation file alone.

    Returns:
        One record per clip, all with the label of its name; a warning where the annotation file or the
        folder calls it otherwise.

    Raises:
        DualATMEError: neither is given; see `read_annotations`; a name that is no clip's; a clip twice; an
            annotated clip without a folder.
    """
    if annotations is None and root is None:
        raise DualATMEError("Expected `annotations` or `root` for SMIC. Received: neither.")
    annotated = {} if annotations is None else {record.clip: record for record in _read_table(annotations)}
    if root is None:
        return list(annotated.values())
    records = check_names([_record(path, path.relative_to(root)) for path in _clip_folders(Path(root))])
    found = {record.clip for record in records}
    for clip, record in annotated.items():
        if clip not in found:
            raise DualATMEError(
                f"{record.source}: Expected a folder of frames of {clip} below {root}. Received: none."
            )
    return [_with_frames(record, annotated.get(record.clip)) for record in records]


def _read_table(path):
    sheet = None if Path(path).suffix.lower() == ".csv" else SHEET
    records = []
    for row in read_annotations(path, COLUMNS, sheet):
        named, number = _NAME.fullmatch(row.values["Filename"]), whole_number(row.values["Subject"])
        if not row.values["Filename"] or (not named and number is None):
            continue  # notes below the table
        if not named or number != int(named[1]):
            raise DualATMEError(
                f"{row.source}: Expected a clip such as s01_ne_01 and its subject's number. "
                f"Received: {row.values['Filename']!r}, {row.values['Subject']!r}."
            )
        frames = {"onset": row.number("OnsetF"), "offset": row.number("OffsetF")}
        records.append(
            _named_record(row.values["Filename"], row.values["Emotion"], source=row.source, **frames)
        )
    return check_names(records)


def _clip_folders(root):
    for base in (root, root / "HS"):
        folders = sorted(path for path in base.glob("s*/micro/*/*") if path.is_dir())
        if folders:
            return folders
    raise DualATMEError(
        "Expected folders s01/micro/negative/s01_ne_01 and so on below `root`. "
        f"Received: {root}, which has none."
    )


def _record(path, place):
    if not _NAME.fullmatch(path.name):
        raise DualATMEError(f"Expected a clip's folder such as s01_ne_01. Received: {path}.")
    return _named_record(path.name, path.parent.name, source=str(path), place=place)


def _named_record(name, called, source, **details):
    """The record of a clip of this name, with a warning where `called` is not the emotion of the name."""
    subject, kind, number = _NAME.fullmatch(name.lower()).groups()
    subject, emotion = f"s{int(subject):02d}", _EMOTIONS[kind]
    warnings = ()
    if called.lower() != emotion:
        message = (
            f"{name} is {emotion} by its name, and here {called or 'without an emotion'}; "
            "the organisers' list (`ground_truth`) decides, and the name where there is none"
        )
        warnings = (Finding("emotion", message, source),)
    return ClipRecord(
        database="smic",
        subject=subject,
        clip=f"{subject}_{kind}_{int(number):02d}",
        label=LABELS[emotion],
        emotion=emotion,
        source=source,
        warnings=warnings,
        **details,
    )


def _with_frames(record, annotated):
    if annotated is None:
        return record
    return dataclasses.replace(
        record,
        onset=annotated.onset,
        offset=annotated.offset,
        source=annotated.source,
        warnings=annotated.warnings + record.warnings,
    )
