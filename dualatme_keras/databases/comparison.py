"""What a database's annotations and the organisers' list say of each other."""

import dataclasses
from collections.abc import Iterable, Sequence

from dualatme_keras.data import Finding, GroundTruth
from dualatme_keras.data.ground_truth import index_truth, truth_key
from dualatme_keras.data.records import ClipRecord, warnings_of
from dualatme_keras.megc2019 import CLASS_NAMES, database_title, order_databases
from dualatme_keras.text import count


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Annotated clips against the organisers' list.

    Attributes:
        counts: `{(database, label): (in the list, annotated)}`.
        subjects: `{database: (in the list, annotated)}`.
        only_listed: rows of the list without an annotated clip.
        only_annotated: clips with a class that the list does not have.
        other_label: pairs of the same clip with different labels.
        warnings: what the annotations' reader doubts; no difference from the list.
    """

    counts: dict
    subjects: dict
    only_listed: tuple[GroundTruth, ...]
    only_annotated: tuple[ClipRecord, ...]
    other_label: tuple[tuple[GroundTruth, ClipRecord], ...]
    warnings: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether there is no difference."""
        return not (self.only_listed or self.only_annotated or self.other_label)


def compare_with_list(records: Iterable[ClipRecord], truth: Sequence[GroundTruth]) -> Comparison:
    """Compares annotated clips with the rows of the list that are of the same databases."""
    records = list(records)
    taking_part = {truth_key(record): record for record in records if record.label is not None}
    databases = order_databases(record.database for record in records)
    listed = index_truth(row for row in truth if row.database in databases)
    counts, subjects = {}, {}
    for database in databases:
        sides = (
            [row for row in listed.values() if row.database == database],
            [record for record in taking_part.values() if record.database == database],
        )
        for label in range(len(CLASS_NAMES)):
            counts[database, label] = tuple(sum(clip.label == label for clip in side) for side in sides)
        subjects[database] = tuple(len({truth_key(clip)[0] for clip in side}) for side in sides)
    return Comparison(
        counts=counts,
        subjects=subjects,
        only_listed=tuple(row for key, row in listed.items() if key not in taking_part),
        only_annotated=tuple(record for key, record in taking_part.items() if key not in listed),
        other_label=tuple(
            (row, taking_part[key])
            for key, row in listed.items()
            if key in taking_part and taking_part[key].label != row.label
        ),
        warnings=warnings_of(records),
    )


def choose_listed(records: Iterable[ClipRecord], truth: Sequence[GroundTruth]) -> list[ClipRecord]:
    """The clips of the list, with its labels."""
    listed = index_truth(truth)
    return [
        dataclasses.replace(record, label=listed[truth_key(record)].label)
        for record in records
        if truth_key(record) in listed
    ]


def format_comparison(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    lines = [f"{'':<10}" + "".join(f"{name:>22}" for name in (*CLASS_NAMES, "subjects")), ""]
    lines[1] = f"{'':<10}" + f"{'expected':>13}{'found':>9}" * 4
    for database, subjects in comparison.subjects.items():
        pairs = [comparison.counts[database, label] for label in range(len(CLASS_NAMES))] + [subjects]
        cells = "".join(f"{expected:>13}{found:>9}" for expected, found in pairs)
        lines.append(f"{database_title(database):<10}{cells}")
    for row in comparison.only_listed:
        lines.append(f"only in the list: {row.database} {row.subject} {row.clip} ({row.source})")
    for record in comparison.only_annotated:
        lines.append(f"not in the list: {record.name} ({record.emotion}, {record.source})")
    for row, record in comparison.other_label:
        lines.append(
            f"other label: {record.name} is {CLASS_NAMES[row.label]} in the list ({row.source}), "
            f"{CLASS_NAMES[record.label]} without it ({record.emotion}, {record.source})"
        )
    lines += [f"warning: {warning}" for warning in comparison.warnings]
    differences = (
        f"{count(len(comparison.only_listed), 'clip')} only in the list, "
        f"{len(comparison.only_annotated)} not in it, {len(comparison.other_label)} with another label"
    )
    lines.append("every clip and label agrees" if comparison.agrees else differences)
    return "\n".join(lines)
