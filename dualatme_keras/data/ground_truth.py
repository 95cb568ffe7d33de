"""The organisers' ground truth of MEGC2019: which clips take part, and their labels.

Source: `megc2019_combined_3class_gt.csv` of the MEGC2019 cross-database challenge; rows
`database,subject,clip,label` without a header. SAMM subjects are unpadded there (`6`), its clips padded
(`006_1_2`).
"""

import csv
import dataclasses
import os
from collections.abc import Iterable, Mapping

from dualatme_keras.data.clips import Clip, stem
from dualatme_keras.data.lists import read_lines
from dualatme_keras.data.names import person_key
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, DATABASES, parse_subject

_LABELS = {str(label): label for label in range(len(CLASS_NAMES))}


@dataclasses.dataclass(frozen=True)
class GroundTruth:
    """One row of the organisers' table.

    Attributes:
        database: one of `megc2019.DATABASES`.
        subject: as written there: `sub01`, `s01`, `6`.
        clip: as written there: `EP02_01f`, `s01_ne_01`, `006_1_2`.
        label: 0 to 2.
        source: `FILE:LINE`, or empty; two rows compare equal without it.
    """

    database: str
    subject: str
    clip: str
    label: int
    source: str = dataclasses.field(default="", compare=False, repr=False)


def read_ground_truth(path: str | os.PathLike) -> tuple[GroundTruth, ...]:
    """Reads the organisers' table.

    Args:
        path: CSV file without a header: database, subject, clip, label.

    Returns:
        Its rows in order, at least one.

    Raises:
        DualATMEError: unreadable or empty file, malformed row, or a clip twice; names file and line.
    """
    rows, seen = [], {}
    for number, text in read_lines(path):
        source = f"{os.fspath(path)}:{number}"
        row = _parse_row(text, source)
        key = truth_key(row)
        if key in seen:
            raise DualATMEError(
                f"{source}: Expected every clip once. Received: {text!r}, also at {seen[key]}."
            )
        seen[key] = source
        rows.append(row)
    if not rows:
        raise DualATMEError(
            f"{os.fspath(path)}:1: Expected rows database,subject,clip,label. Received: none."
        )
    return tuple(rows)


def _parse_row(text: str, source: str) -> GroundTruth:
    expected = "Expected a row database,subject,clip,label such as casme2,sub01,EP02_01f,1, and no header"
    try:
        fields = [field.strip() for field in next(csv.reader([text]))]
    except csv.Error as error:
        raise DualATMEError(f"{source}: {expected}. Received: {error}.") from error
    if len(fields) != 4 or not fields[2]:
        raise DualATMEError(f"{source}: {expected}. Received: {text!r}.")
    database, subject, clip, label = fields
    if database not in DATABASES:
        raise DualATMEError(
            f"{source}: {expected}, with a database of {', '.join(DATABASES)}. Received: {text!r}."
        )
    key = parse_subject(subject)
    if key is None or key[0] != database:
        raise DualATMEError(f"{source}: {expected}, with a subject's name of {database}. Received: {text!r}.")
    if label not in _LABELS:
        raise DualATMEError(f"{source}: {expected}, with a label 0, 1 or 2. Received: {text!r}.")
    return GroundTruth(database, subject, clip, _LABELS[label], source)


def clips_from_ground_truth(
    truth: Iterable[GroundTruth], pattern: str = "{database}/flow/{name}_flow.png"
) -> list[Clip]:
    """A table of clips for `write_lists`, from the ground truth alone.

    Args:
        truth: rows of `read_ground_truth`.
        pattern: path of the entire-face flow image. Fields: `database`; `subject`, SAMM's padded to three
            digits as its clips are (`006`); `clip`, as in the table; `name`, the shortest name that tells
            the subject: the clip where it already begins with the subject (`006_1_2`, `s01_ne_01`),
            otherwise `SUBJECT_CLIP` (`sub01_EP02_01f`).

    Returns:
        One clip per row, in order.

    Raises:
        DualATMEError: a field that does not exist.
    """
    clips = []
    for row in truth:
        subject = f"{int(row.subject):03d}" if row.database == "samm" else row.subject
        name = row.clip if row.clip.startswith(subject + "_") else f"{subject}_{row.clip}"
        try:
            path = pattern.format(database=row.database, subject=subject, clip=row.clip, name=name)
        except (KeyError, IndexError, ValueError) as error:
            raise DualATMEError(
                "Expected a pattern with fields {database}, {subject}, {clip}, {name}. "
                f"Received: {pattern!r}."
            ) from error
        clips.append(Clip(path, subject, row.database, row.label, row.source))
    return clips


def index_truth(truth: Iterable[GroundTruth]) -> dict[tuple, GroundTruth]:
    """Rows by subject and clip name, for `find_truth`."""
    return {truth_key(row): row for row in truth}


def find_truth(clip: Clip, index: Mapping[tuple, GroundTruth]) -> GroundTruth | None:
    """The row of a clip, by its subject and the clip name in its file name.

    A file name begins with the clip's name or with `SUBJECT_` and the clip's name; anything may follow after
    `_` (published names go on with the frames: `sub01_EP02_01f_img59-img46_flow`). The longest name that
    fits wins, and only whole parts between `_` count, so that `006_1_25` is not taken for `006_1_2`.
    """
    subject = person_key(clip.database, clip.subject)
    parts = stem(clip.path).split("_")
    starts = [parts, parts[1:]] if parse_subject(parts[0]) == subject else [parts]
    for start in starts:
        name = _comparable(start, subject)
        for length in range(len(name), 0, -1):
            row = index.get((subject, name[:length]))
            if row is not None:
                return row
    return None


def truth_key(row) -> tuple:
    """Subject and clip of a row, or of any record of a clip, the same however either is padded."""
    subject = person_key(row.database, row.subject)
    return subject, _comparable(row.clip.split("_"), subject)


def _comparable(parts: list[str], subject: tuple[str, int | str]) -> tuple:
    """Parts of a name in small letters, a subject in front as its number: `s1_ne_01` equals `s01_ne_01`."""
    lower = tuple(part.lower() for part in parts)
    return (subject, *lower[1:]) if lower and parse_subject(lower[0]) == subject else lower
