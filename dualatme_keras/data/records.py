"""One clip as a database describes it."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from dualatme_keras.data.findings import Finding
from dualatme_keras.data.names import fault_of_database, fault_of_name, fault_of_subject
from dualatme_keras.errors import DualATMEError

_FAULTS = {"database": fault_of_database, "subject": fault_of_subject, "clip": fault_of_name}


@dataclasses.dataclass(frozen=True)
class ClipRecord:
    """A clip on the user's disk and what its annotation says.

    Names become files below an output and are looked for below a root. Whatever table they come from, they
    cannot lead out of these; links that the user has put there are followed.

    Attributes:
        database: one of `megc2019.DATABASES`, or any other word.
        subject: `sub01` (CASME II), `006` (SAMM), `s01` (SMIC), `Anna` (any other).
        clip: its name in the organisers' list: `EP02_01f`, `006_1_2`, `s01_ne_01`.
        label: index into `megc2019.CLASS_NAMES`, or None where the emotion takes no part.
        emotion: as annotated, in small letters.
        onset, apex, offset: numbers of frames as in their file names (of a video: from 0); None where not
            annotated: onset and offset are then the first and last frame, the apex is spotted.
        action_units: as annotated, or empty.
        place: folder of the frames or video file, relative to the root; None before it is looked for.
        source: `FILE:ROW`, or the folder, that this was read from.
        warnings: what its reader doubts; the clip takes part all the same.
    """

    database: str
    subject: str
    clip: str
    label: int | None
    emotion: str = ""
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    action_units: str = ""
    place: Path | None = None
    source: str = ""
    warnings: tuple[Finding, ...] = ()

    def __post_init__(self):
        for what, fault_of in _FAULTS.items():
            name = getattr(self, what)
            if fault := fault_of(name):
                raise DualATMEError(
                    f"{self.source}: Expected the {what}'s name, one that a file can have. "
                    f"Received: {name!r}, which {fault}."
                )
        for name in self.place.parts if self.place is not None else ():
            if fault := fault_of_name(name):
                raise DualATMEError(
                    f"{self.source}: Expected a path below `root`. "
                    f"Received: {str(self.place)!r}, of which {name!r} {fault}."
                )

    @property
    def name(self) -> str:
        """The shortest name that tells the subject: `sub01_EP02_01f`, `006_1_2`, `s01_ne_01`."""
        return self.clip if self.clip.startswith(f"{self.subject}_") else f"{self.subject}_{self.clip}"

    def check_order(self) -> None:
        """Raises `DualATMEError` unless onset, apex and offset follow each other."""
        onset, apex, offset = self.onset, self.apex, self.offset
        numbers = f"onset {onset}, apex {apex}, offset {offset}"
        if onset is not None and offset is not None and onset >= offset:
            raise DualATMEError(f"{self.source}: Expected the onset before the offset. Received: {numbers}.")
        if apex is not None and (
            (onset is not None and apex <= onset) or (offset is not None and apex > offset)
        ):
            raise DualATMEError(
                f"{self.source}: Expected the apex after the onset and not after the offset. "
                f"Received: {numbers}."
            )


def check_names(records: list[ClipRecord]) -> list[ClipRecord]:
    """Returns the records; raises `DualATMEError` where two clips have the same name."""
    seen = {}
    for record in records:
        key = record.name.lower()
        if key in seen:
            raise DualATMEError(
                f"{record.source}: Expected every clip once. Received: {record.name}, also at {seen[key]}. "
                "A subject's clips need names of their own: rename one."
            )
        seen[key] = record.source
    return records


def warnings_of(records: Iterable[ClipRecord]) -> tuple[Finding, ...]:
    """The warnings of all records, each once."""
    return tuple(dict.fromkeys(warning for record in records for warning in record.warnings))


def label_of(emotion: str, labels: dict[str, int | None], source: str) -> int | None:
    """Class of an annotated emotion; raises `DualATMEError` where the database has no such emotion."""
    if emotion not in labels:
        raise DualATMEError(
            f"{source}: Expected an emotion out of {', '.join(labels)}. Received: {emotion!r}."
        )
    return labels[emotion]
