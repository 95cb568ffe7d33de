"""One's own clips: folders of frames and video files, with a table or without -> clips."""

from pathlib import Path

from dualatme_keras.data.records import ClipRecord, check_names
from dualatme_keras.databases.annotations import read_annotations, whole_number
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, parse_subject
from dualatme_keras.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES

COLUMNS = ("path", "subject", "label", "onset", "apex", "offset")


def read_folder(root, annotations=None) -> list[ClipRecord]:
    """Own clips in the manner of one of the three databases.

    Lists tell a database by the subject's name, so subjects are called `sub01`, `001` or `s01`; clips count
    for CASME II, SAMM or SMIC in tables by database.

    Args:
        root: folder that paths are relative to. Without a table every folder of images and every video
            `ROOT/SUBJECT/LABEL/CLIP` is a clip.
        annotations: CSV or workbook `path,subject,label,onset,apex,offset`. A path has `/` or `\\` between
            folders. A label is a number or a name of `megc2019.CLASS_NAMES`; the last three may be blank
            (first frame, spotted, last frame).

    Raises:
        DualATMEError: no clips; a label or subject that is none; a name or path that leads
            out of the root; a clip twice.
    """
    root = Path(root)
    if annotations is not None:
        records = [_row_record(row) for row in read_annotations(annotations, COLUMNS)]
    else:
        records = [_path_record(path.relative_to(root), str(path)) for path in _clips(root)]
    if not records:
        raise DualATMEError(
            "Expected clips SUBJECT/LABEL/CLIP, folders of frames or videos, or --annotations. "
            f"Received: {annotations or root} without any."
        )
    return check_names(records)


def _clips(root):
    for path in sorted(root.glob("*/*/*")):
        if path.suffix.lower() in VIDEO_SUFFIXES or (
            path.is_dir() and any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())
        ):
            yield path


def _path_record(place, source):
    subject, label, _clip = place.parts
    return _new_record(place, subject, label, source)


def _row_record(row):
    place = Path(row.values["path"].replace("\\", "/"))  # as lists are read: tables come from Windows too
    frames = {name: row.number(name) for name in ("onset", "apex", "offset")}
    subject, label = row.values["subject"], row.values["label"]
    return _new_record(place, subject, label, row.source, warnings=row.warnings, **frames)


def _new_record(place, subject, label, source, **details):
    names = {name: index for index, name in enumerate(CLASS_NAMES)}
    number = names.get(label.lower(), whole_number(label))
    if number not in names.values():
        raise DualATMEError(
            f"{source}: Expected a label 0, 1, 2 or {', '.join(CLASS_NAMES)}. Received: {label!r}."
        )
    try:
        database, _number = parse_subject(subject)
    except DualATMEError as error:
        raise DualATMEError(f"{source}: {error}") from error
    clip = place.stem if place.suffix.lower() in VIDEO_SUFFIXES else place.name
    return ClipRecord(
        database=database,
        subject=subject,
        clip=clip,
        label=number,
        emotion=CLASS_NAMES[number],
        place=place,
        source=source,
        **details,
    )
