"""Protocols: which clips a fold trains on and which it is tested on.

MEGC2019 knows three: composite (CDE) and single-database (SDE) evaluation leave one subject out,
holdout-database evaluation (HDE) leaves one database out.
"""

import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dualatme_keras.data.clips import Clip
from dualatme_keras.data.lists import SUBJECTS_FILE, ListEntry, list_names, read_lines, read_list
from dualatme_keras.data.names import fault_of_subject, person_key
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, DATABASES, order_databases, parse_subject
from dualatme_keras.text import shorten

KINDS = ("cde", "sde", "hde")


@dataclasses.dataclass(frozen=True)
class Fold:
    """What one model is trained on and tested on.

    Attributes:
        name: the left-out subject, or for HDE the left-out database.
        train: clips to train on.
        test: clips of the left-out subject or database.
    """

    name: str
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


@dataclasses.dataclass(frozen=True)
class SubjectLists:
    """The two lists of one subject, as written, and the subject's database."""

    subject: str
    database: str
    train: tuple[ListEntry, ...]
    test: tuple[ListEntry, ...]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The lists of all subjects.

    Attributes:
        directory: where they were read.
        database_base: number of the first database in the third column: 0 in published lists, 1 in the
            paper's README, None where the column has names.
        lists: raw entries per subject, in the order of `subName.txt`.
    """

    directory: str
    database_base: int | None
    lists: tuple[SubjectLists, ...]

    @functools.cached_property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip of a test list; that list's subject is its subject."""
        return tuple(
            Clip(entry.path, lists.subject, lists.database, entry.label, entry.source)
            for lists in self.lists
            for entry in lists.test
        )

    @functools.cached_property
    def folds(self) -> tuple[Fold, ...]:
        """One fold per subject, as the lists have it.

        Raises:
            DualATMEError: a clip stands in a train list but in no test list, so that its subject is unknown.
        """
        known = {clip.path: clip for clip in self.clips}
        return tuple(
            Fold(
                lists.subject,
                tuple(_train_clip(entry, known) for entry in lists.train),
                tuple(clip for clip in self.clips if clip.subject == lists.subject),
            )
            for lists in self.lists
        )


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


def read_protocol(directory: str | os.PathLike, class_names: Sequence[str] = CLASS_NAMES) -> Protocol:
    """Reads `subName.txt` and each subject's `SUBJECT_train.txt` and `SUBJECT_test.txt`.

    The third column has names of databases or, as published, numbers; one way in all lists. A name is the
    clip's database, whatever its subject is called. With numbers, the subject's name tells the database.
    Whether they count from 0 or from 1 is decided once for all lists (`Protocol.database_base`); where a
    number disagrees with the subject's name, `audit` reports it.

    Args:
        directory: where the lists are.
        class_names: of the labels 0, 1, ...

    Returns:
        The protocol; see `audit` for what may still be wrong with it, `make_folds` for what to train.

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
    there = [name for name in names if (directory / name).is_file()]
    entries = {name: tuple(read_list(directory / name, class_names)) for name in there}
    numbered = _are_numbered([entry for some in entries.values() for entry in some])
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
    return Protocol(os.fspath(directory), _database_base(lists) if numbered else None, tuple(lists))


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


def _are_numbered(entries: Sequence[ListEntry]) -> bool:
    """Whether databases are told by numbers, not by names."""
    number = next((entry for entry in entries if isinstance(entry.database, int)), None)
    name = next((entry for entry in entries if isinstance(entry.database, str)), None)
    if number and name:
        raise DualATMEError(
            "Expected databases by number or by name in the third column, one way in all lists. "
            f"Received: {number.database} at {number.source} and {name.database!r} at {name.source}."
        )
    return number is not None


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


def _database_base(lists: Sequence[SubjectLists]) -> int:
    """0 or 1: what the third column of the lists counts from."""
    entries = [entry for item in lists for entry in (*item.test, *item.train)]
    zero = next((entry for entry in entries if entry.database == 0), None)
    three = next((entry for entry in entries if entry.database == len(DATABASES)), None)
    if zero and three:
        raise DualATMEError(
            "Expected databases numbered 0 to 2 or 1 to 3, one way in all lists. "
            f"Received: 0 at {zero.source} and 3 at {three.source}."
        )
    if zero or three:
        return 0 if zero else 1
    # 1 and 2 alone fit both countings; the names of the test subjects tell which.
    numbers = [(entry.database, DATABASES.index(item.database)) for item in lists for entry in item.test]
    from_one = sum(number == index + 1 for number, index in numbers)
    return 1 if from_one > sum(number == index for number, index in numbers) else 0


def make_folds(
    protocol: Protocol,
    kind: str = "cde",
    databases: Iterable[str] | None = None,
    subjects: Iterable[str] | None = None,
) -> tuple[Fold, ...]:
    """The folds of one of the three MEGC2019 protocols.

    Args:
        protocol: the lists.
        kind: `cde` (composite: leave one subject out of all databases), `sde` (leave one subject out within
            its database) or `hde` (train on all databases but one, test on that one).
        databases: cde and sde: the databases that take part, in training and testing; hde: those held out.
            None or empty: all in the lists.
        subjects: names of the folds to run, `6` and `006` being the same where they are SAMM's; for hde names
            of databases. None or empty: all.

    Returns:
        At least one fold, in the order of the lists (hde: of `order_databases`), none with an empty side.

    Raises:
        DualATMEError: unknown kind, database or subject, or a fold without clips to train on.
    """
    if kind not in KINDS:
        raise DualATMEError(f"Expected kind to be one of {', '.join(KINDS)}. Received: {kind!r}.")
    present = order_databases(clip.database for clip in protocol.clips)
    chosen = _choose("database", present, databases)
    folds = _holdout_folds(protocol, chosen) if kind == "hde" else _subject_folds(protocol, kind, chosen)
    persons = {person_key(lists.database, lists.subject): lists.subject for lists in protocol.lists}
    names = _choose("fold", [fold.name for fold in folds], subjects, persons)
    folds = tuple(fold for fold in folds if fold.name in names)
    for fold in folds:
        if not fold.train or not fold.test:
            raise DualATMEError(
                f"Expected clips to train on and to test on in fold {fold.name!r} of {kind} over "
                f"{', '.join(chosen)}. Received: {len(fold.train)} to train on, {len(fold.test)} to test on. "
                "Take more databases or subjects, or leave this fold out."
            )
    return folds


def _subject_folds(protocol: Protocol, kind: str, databases: Sequence[str]) -> list[Fold]:
    folds = []
    for fold, lists in zip(protocol.folds, protocol.lists, strict=True):
        own = lists.database
        if own in databases:
            allowed = (own,) if kind == "sde" else databases
            train = tuple(clip for clip in fold.train if clip.database in allowed)
            folds.append(dataclasses.replace(fold, train=train))
    return folds


def _holdout_folds(protocol: Protocol, databases: Sequence[str]) -> list[Fold]:
    return [
        Fold(
            name,
            train=tuple(clip for clip in protocol.clips if clip.database != name),
            test=tuple(clip for clip in protocol.clips if clip.database == name),
        )
        for name in databases
    ]


def _choose(
    what: str, known: Sequence[str], wanted: Iterable[str] | None, persons: Mapping | None = None
) -> list[str]:
    """Those of `known` that are wanted, in the order of `known`; all where nothing is asked for.

    `persons` has names by `person_key`, so that `6` is found where the lists have SAMM's `006`.
    """
    wanted = list(wanted or ())
    if not wanted:
        return list(known)
    found = {name: name if name in known else (persons or {}).get(parse_subject(name)) for name in wanted}
    unknown = [name for name, one in found.items() if one not in known]
    if unknown:
        raise DualATMEError(
            f"Expected names of a {what} among: {', '.join(known)}. Received: {', '.join(unknown)}."
        )
    return [name for name in known if name in found.values()]
