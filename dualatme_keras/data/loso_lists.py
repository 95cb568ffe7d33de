"""The train and test lists of all subjects, a folder of them, as MEGC2019's are published."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.data.clip_rows import ClipRows
from dualatme_keras.data.clips import Clip, Fold
from dualatme_keras.data.list_lines import KnownLines, ListLines, OtherLines, other_lines
from dualatme_keras.data.lists import SUBJECTS_FILE, ListEntry, list_names, read_lines
from dualatme_keras.data.names import fault_of_subject, person_key
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, DATABASES, parse_subject
from dualatme_keras.text import shorten


@dataclasses.dataclass(frozen=True)
class SubjectLists:
    """The two lists of one subject, as written, and the subject's database; `train` is what all other test
    lists have where there are no train lists."""

    subject: str
    database: str
    train: ListLines | OtherLines
    test: ListLines


@dataclasses.dataclass(frozen=True)
class LosoLists:
    """The train and test lists of all subjects; the folds of leave-one-subject-out (LOSO) evaluation.

    Attributes:
        directory: where they were read.
        database_base: number of the first database in the third column: 0 in published lists, 1 in the
            paper's README, None where the column has names.
        subjects: raw entries of each subject, in the order of `subName.txt`.
    """

    directory: str
    database_base: int | None
    subjects: tuple[SubjectLists, ...]

    @functools.cached_property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip of a test list; that list's subject is its subject."""
        return tuple(
            Clip(entry.path, lists.subject, lists.database, entry.label, entry.source)
            for lists in self.subjects
            for entry in lists.test
        )

    @functools.cached_property
    def folds(self) -> tuple[Fold, ...]:
        """One fold per subject, as the lists have it.

        Raises:
            DualATMEError: a clip stands in a train list but in no test list, so that its subject is unknown.
        """
        known = {clip.path: clip for clip in self.clips}
        # The clip that each line names; None where that is in no test list, or has another label there.
        named = [(known.get(path), label) for path, label, _ in self.lines.fields]
        table = [clip if clip and clip.label == label else None for clip, label in named]
        odd = np.array([clip is None for clip in table], bool)
        own = {}
        for clip in self.clips:
            own.setdefault(clip.subject, []).append(clip)

        def train(lists):
            codes = lists.train.codes
            if odd[codes].any():
                return tuple(_train_clip(entry, known) for entry in lists.train)
            return ClipRows(table, codes)

        return tuple(Fold(lists.subject, train(lists), tuple(own[lists.subject])) for lists in self.subjects)

    @property
    def lines(self) -> KnownLines:
        """The distinct lines of all lists."""
        return self.subjects[0].test.known


def _train_clip(entry: ListEntry, known: dict[str, Clip]) -> Clip:
    clip = known.get(entry.path)
    if clip is None:
        raise DualATMEError(
            f"{entry.source}: Expected a clip that stands in some subject's test list, which tells whose "
            f"it is. Received: {entry.path!r}."
        )
    if clip.label == entry.label:
        return clip
    return dataclasses.replace(clip, label=entry.label, source=entry.source)


def read_lists(directory: str | os.PathLike, class_names: Sequence[str] = CLASS_NAMES) -> LosoLists:
    """Reads `subName.txt` and each subject's `SUBJECT_train.txt` and `SUBJECT_test.txt`.

    The third column has names of databases or, as published, numbers; one way in all lists. A name is the
    clip's database, whatever its subject is called. With numbers, the subject's name tells the database.
    Whether they count from 0 or from 1 is decided once for all lists (`LosoLists.database_base`); where a
    number disagrees with the subject's name, `audit` reports it. Where no subject has a train list, each
    trains on the test lists of all others.

    Args:
        directory: where the lists are.
        class_names: of the labels 0, 1, ...

    Returns:
        The lists; see `audit` for what may still be wrong with them, `make_folds` for what to train.

    Raises:
        DualATMEError: missing directory or files, a malformed line, an unknown or repeated subject, numbers
            of both countings or mixed with names, or one subject's clips in two databases.
    """
    directory = Path(directory)
    if not (directory / SUBJECTS_FILE).is_file():
        what = f"a directory without {SUBJECTS_FILE}" if directory.is_dir() else "no directory"
        raise DualATMEError(
            f"Expected a directory with {SUBJECTS_FILE} and a SUBJECT_train.txt and SUBJECT_test.txt for "
            f"each subject. Received: {os.fspath(directory)!r}, which is {what}."
        )
    subjects = _read_subjects(directory / SUBJECTS_FILE)
    names = [name for subject in subjects for name in list_names(subject)]
    there = {name for name in names if (directory / name).is_file()}
    known = KnownLines(class_names)
    # Test lists first: of each clip they are what is read first.
    entries = {name: known.read(directory / name) for name in [*names[1::2], *names[::2]] if name in there}
    if not there.intersection(names[::2]) and there.issuperset(names[1::2]):
        tests = [entries[name] for name in names[1::2]]
        entries |= dict(zip(names[::2], other_lines(tests), strict=True))
    numbered = _are_numbered(known, [entries[name] for name in names if name in entries])
    if numbered:
        _check_each_once(subjects, {name: (parse_subject(name) or (None,))[0] for name in subjects})
    if missing := [name for name in names if name not in entries]:
        raise DualATMEError(
            f"Expected a train and a test list in {os.fspath(directory)!r} for each of the {len(subjects)} "
            f"subjects of {SUBJECTS_FILE}. Received: no {shorten(missing)}."
        )
    lists = []
    for subject in subjects:
        train, test = (entries[name] for name in list_names(subject))
        database = parse_subject(subject)[0] if numbered else _only_database(test)
        lists.append(SubjectLists(subject, database, train, test))
    _check_each_once(subjects, {each.subject: each.database for each in lists})
    base = _database_base(known, lists) if numbered else None
    return LosoLists(os.fspath(directory), base, tuple(lists))


def _read_subjects(path: Path) -> dict[str, str]:
    """The subjects, each with `FILE:LINE`."""
    subjects = {}
    for number, name in read_lines(path):
        where = f"{os.fspath(path)}:{number}"
        fault = "is there twice" if name in subjects else fault_of_subject(name)
        if fault:
            raise DualATMEError(
                f"{where}: Expected every subject once, by a name that a file can have. "
                f"Received: {name!r}, which {fault}."
            )
        subjects[name] = where
    if not subjects:
        raise DualATMEError(f"{os.fspath(path)}:1: Expected one subject a line. Received: an empty file.")
    return subjects


def _check_each_once(subjects: Mapping[str, str], databases: Mapping[str, str | None]) -> None:
    """Raises where a subject's name tells no database, or two names are one person's."""
    seen = {}
    for name, where in subjects.items():
        if databases[name] is None:
            raise DualATMEError(
                f"{where}: Expected a subject named sub<digits> (CASME II), s<digits> (SMIC) or <digits> "
                f"(SAMM), since the lists tell databases by numbers. Received: {name!r}. "
                "Subjects of other names need lists whose third column is the database's name."
            )
        first = seen.setdefault(person_key(databases[name], name), name)
        if first != name:
            raise DualATMEError(f"{where}: Expected every subject once. Received: {name!r} after {first!r}.")


def _are_numbered(known: KnownLines, lists: Sequence[Sequence[ListEntry]]) -> bool:
    """Whether databases are told by numbers, not by names."""
    kinds = {type(database) for _, _, database in known.fields}
    if len(kinds) > 1:
        number, name = (
            next(entry for one in lists for entry in one if isinstance(entry.database, kind))
            for kind in (int, str)
        )
        raise DualATMEError(
            "Expected databases by number or by name in the third column, one way in all lists. "
            f"Received: {number.database} at {number.source} and {name.database!r} at {name.source}."
        )
    return int in kinds


def _only_database(test: Sequence[ListEntry]) -> str:
    """The database that a test list names."""
    first = test[0]
    other = next((entry for entry in test if entry.database != first.database), None)
    if other:
        raise DualATMEError(
            "Expected the clips of a subject in one database, since a list is one subject's. "
            f"Received: {first.database!r} at {first.source} and {other.database!r} at {other.source}. "
            "Where these are two people, give them two names and lists."
        )
    return first.database


def _database_base(known: KnownLines, lists: Sequence[SubjectLists]) -> int:
    """0 or 1: what the third column of the lists counts from."""
    told = {0, len(DATABASES)} & {database for _, _, database in known.fields}
    if len(told) > 1:
        zero, three = (
            next(
                entry
                for item in lists
                for entry in itertools.chain(item.test, item.train)
                if entry.database == number
            )
            for number in (0, len(DATABASES))
        )
        raise DualATMEError(
            "Expected databases numbered 0 to 2 or 1 to 3, one way in all lists. "
            f"Received: 0 at {zero.source} and 3 at {three.source}."
        )
    if told:
        return 0 if 0 in told else 1
    # 1 and 2 alone fit both countings; the names of the test subjects tell which.
    numbers = [(entry.database, DATABASES.index(item.database)) for item in lists for entry in item.test]
    from_one = sum(number == index + 1 for number, index in numbers)
    return 1 if from_one > sum(number == index for number, index in numbers) else 0
