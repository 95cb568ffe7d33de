"""One's own clips: folders of frames and video files, with a table or without -> clips."""

import os
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.data.names import check_subjects
from dualatme_keras.data.records import ClipRecord, check_names
from dualatme_keras.databases.annotations import read_annotations, whole_number
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, describe_classes, parse_subject
from dualatme_keras.text import shorten
from dualatme_keras.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES

COLUMNS = ("path", "subject", "label", "onset", "apex", "offset")

OWN_DATABASE = "own"
"""Database of clips of which nothing tells another."""

_OTHER_VIDEOS = (
    *(".3g2", ".3gp", ".asf", ".divx", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts"),
    *(".vob", ".wmv"),
)
_OTHER_IMAGES = (".gif", ".heic", ".jp2", ".jpe", ".pgm", ".ppm", ".tga", ".webp")
"""What is not read, and not passed over either."""

_DEEPEST = 5
"""Folders below the root in which clips that lie too deep are looked for; links may lead in circles."""


def read_folder(
    root: str | os.PathLike,
    annotations: str | os.PathLike | None = None,
    database: str | None = None,
    class_names: Sequence[str] = CLASS_NAMES,
    output: str | os.PathLike | None = None,
) -> list[ClipRecord]:
    """Own clips, of any databases and subjects.

    A clip is of the database that its row or `database` names. Without either, subjects that are called as
    MEGC2019 calls them (`sub01`, `001`, `s01`) are of CASME II, SAMM or SMIC, all others of `OWN_DATABASE`.

    Args:
        root: folder that paths are relative to. Without a table every folder of images and every video
            `ROOT/SUBJECT/LABEL/CLIP` is a clip.
        annotations: CSV or workbook `path,subject,label,onset,apex,offset`, perhaps with a column `database`.
            A path has `/` or `\\` between folders. A label is a number or one of `class_names`;
            onset, apex and offset may be blank (first frame, spotted, last frame), and so may the database.
        database: the database of all clips; a row that names another is refused.
        class_names: of the labels 0, 1, ...
        output: a folder whose content is no clip, where it lies below the root.

    Raises:
        DualATMEError: no clips; without a table, videos or images in other places than those of clips too; a
            label or database that is none; a name or path that leads out of the root; a clip twice; a
            subject's name in two databases.
    """
    root = Path(root)
    if annotations is not None:
        rows = read_annotations(annotations, COLUMNS, optional=("database",))
        records = [_row_record(row, database, class_names) for row in rows]
    else:
        records = [
            _path_record(path.relative_to(root), str(path), database, class_names)
            for path in _clips(root, output)
        ]
    if not records:
        raise DualATMEError(
            "Expected clips SUBJECT/LABEL/CLIP, folders of frames or videos, or `annotations`. "
            f"Received: {annotations or root} without any."
        )
    check_subjects((record.database, record.subject, record.source) for record in records)
    return check_names(records)


def _clips(root, output):
    """Paths of the clips in order; raises where something looks like a clip in another place."""
    own = output and Path(output).resolve()
    clips, others = [], []
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_raise):
        place = Path(folder)
        depth = len(place.relative_to(root).parts)
        if depth > _DEEPEST or (own and place.resolve().is_relative_to(own)):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [Path(name) for name in names if not name.startswith(".")]
        suffixes = [file.suffix.lower() for file in files]
        if depth == 3 and any(suffix in IMAGE_SUFFIXES for suffix in suffixes):
            clips.append(place)
            folders.clear()
            continue
        empty = depth == 3 and not folders and not files  # a copy that was stopped
        # A single image of a subject may be a portrait; at the place of a clip it is one.
        unread = [place / file for file in files if depth >= 2 and file.suffix.lower() in _OTHER_IMAGES]
        if empty or sum(suffix in (*IMAGE_SUFFIXES, *_OTHER_IMAGES) for suffix in suffixes) > 1:
            unread = [place]
        others += unread
        for file, suffix in zip(files, suffixes, strict=True):
            if depth == 2 and suffix in VIDEO_SUFFIXES:
                clips.append(place / file)
            elif suffix in (*VIDEO_SUFFIXES, *_OTHER_VIDEOS):
                others.append(place / file)
    if others:
        raise DualATMEError(
            f"Expected all clips at SUBJECT/LABEL/CLIP, videos ({', '.join(VIDEO_SUFFIXES)}) or folders of "
            f"frames ({', '.join(IMAGE_SUFFIXES)}). Received: {shorten(sorted(map(str, others)))}, "
            "elsewhere, empty or of another kind. Move or convert them, or name the clips by `annotations`."
        )
    return sorted(clips)


def _raise(error):
    raise error


def _path_record(place, source, database, class_names):
    subject, label, _clip = place.parts
    return _new_record(place, subject, label, database, source, class_names)


def _row_record(row, database, class_names):
    place = Path(row.values["path"].replace("\\", "/"))  # as lists are read: tables come from Windows too
    frames = {name: row.number(name) for name in ("onset", "apex", "offset")}
    subject, label, told = row.values["subject"], row.values["label"], row.values.get("database")
    if told and database and told != database:
        raise DualATMEError(
            f"{row.source}: Expected clips of {database!r}, as `database` says. Received: {told!r}. "
            "With several databases in a table, leave `database` out."
        )
    return _new_record(
        place, subject, label, told or database, row.source, class_names, warnings=row.warnings, **frames
    )


def _new_record(place, subject, label, database, source, class_names, **details):
    names = {name.lower(): index for index, name in enumerate(class_names)}
    number = names.get(label.lower(), whole_number(label))
    if number not in names.values():
        raise DualATMEError(
            f"{source}: Expected a label, {describe_classes(class_names)}. Received: {label!r}."
        )
    named = parse_subject(subject)
    clip = place.stem if place.suffix.lower() in VIDEO_SUFFIXES else place.name
    return ClipRecord(
        database=database or (named[0] if named else OWN_DATABASE),
        subject=subject,
        clip=clip,
        label=number,
        emotion=class_names[number],
        place=place,
        source=source,
        **details,
    )
