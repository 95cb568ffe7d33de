"""What the annotation tables of CASME II and SAMM have in common: a row per clip, coded after FACS."""

from collections.abc import Callable, Mapping
from pathlib import Path

from dualatme_keras.data.records import ClipRecord, check_names, label_of
from dualatme_keras.databases.annotations import read_annotations, whole_number
from dualatme_keras.errors import DualATMEError


def read_coded_clips(
    path,
    database: str,
    columns: Mapping[str, str],
    labels: Mapping[str, int | None],
    subject_name: Callable[[int], str],
) -> list[ClipRecord]:
    """Reads a table of coded clips.

    Args:
        path: the workbook, or the same table as CSV.
        database: one of `megc2019.DATABASES`.
        columns: what the table calls `clip`, `subject`, `onset`, `apex`, `offset`, `action_units` and
            `emotion`, in this order.
        labels: class of each emotion in small letters; None takes no part.
        subject_name: subject of a number; the table has the number, the name, or either as text.

    Returns:
        A record per row; frames are looked for in a folder SUBJECT/CLIP.

    Raises:
        DualATMEError: see `read_annotations`; an unknown emotion, a subject that is no number, a clip whose
            name is none (see `ClipRecord`), or a clip twice; names file and row.
    """
    records = []
    for row in read_annotations(path, tuple(columns.values())):
        values = {name: row.values[column] for name, column in columns.items()}
        number = whole_number(values["subject"].lower().removeprefix("sub"))
        if number is None:
            raise DualATMEError(
                f"{row.source}: Expected the subject's number. Received: {values['subject']!r} "
                f"for the clip {values['clip']!r}."
            )
        subject, clip, emotion = subject_name(number), values["clip"], values["emotion"].lower()
        records.append(
            ClipRecord(
                database=database,
                subject=subject,
                clip=clip,
                label=label_of(emotion, labels, row.source),
                emotion=emotion,
                **{name: row.number(columns[name]) for name in ("onset", "apex", "offset")},
                action_units=values["action_units"],
                place=Path(subject, clip),
                source=row.source,
                warnings=row.warnings,
            )
        )
    return check_names(records)
