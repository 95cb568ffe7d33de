"""Protocols: which clips a fold trains on and which it is tested on.

MEGC2019 knows three: composite (CDE) and single-database (SDE) evaluation leave one subject out,
holdout-database evaluation (HDE) leaves one database out.
"""

import dataclasses
import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dualatme_keras.data.clips import Clip, subject_key
from dualatme_keras.data.lists import SUBJECTS_FILE, ListEntry, list_names, read_lines, read_list
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import DATABASES, parse_subject

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
    """The two lists of one subject, as written."""

    subject: str
    train: tuple[ListEntry, ...]
    test: tuple[ListEntry, ...]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The lists of all subjects.

    Attributes:
        directory: where they were read.
        database_base: number of the first database in the third column: 0 in published lists, 1 in the
            paper's README.
        lists: raw entries per subject, in the order of `subName.txt`.
    """

    directory: str
    database_base: int
    lists: tuple[SubjectLists, ...]

    @functools.cached_property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip of a test list; that list's subject is its subject, whose name tells its database."""
        return tuple(
            Clip(entry.path, lists.subject, parse_subject(lists.subject)[0], entry.label, entry.source)
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


def read_protocol(directory: str | os.PathLike) -> Protocol:
    """Reads `subName.txt` and each subject's `SUBJECT_train.txt` and `SUBJECT_test.txt`.

    The database of a clip follows from its subject's name. Whether the third column counts from 0 or from 1
    is decided once for all lists (`Protocol.database_base`); where a number disagrees with the subject's
    name, `audit` reports it.

    Args:
        directory: where the lists are.

    Returns:
        The protocol; see `audit` for what may still be wrong with it, `make_folds` for what to train.

    Raises:
        DualATMEError: missing directory or files, a malformed line, an unknown or repeated subject, or
            numbers of both countings.
    """
    directory = Path(directory)
    if not (directory / SUBJECTS_FILE).is_file():
        what = f"a directory without {SUBJECTS_FILE}" if directory.is_dir() else "no directory"
        raise DualATMEError(
            f"Expected a directory with {SUBJECTS_FILE} and a SUBJECT_train.txt and SUBJECT_test.txt for "
            f"each subject. Received: {os.fspath(directory)!r}, which is {what}."
        )
    subjects = _read_subjects(directory / SUBJECTS_FILE)
    missing = [
        name for subject in subjects for name in list_names(subject) if not (directory / name).is_file()
    ]
    if missing:
        shown = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
        raise DualATMEError(
            f"Expected a train and a test list in {os.fspath(directory)!r} for each of the {len(subjects)} "
            f"subjects of {SUBJECTS_FILE}. Received: no {shown}."
        )
    lists = []
    for subject in subjects:
        train, test = (tuple(read_list(directory / name)) for name in list_names(subject))
        lists.append(SubjectLists(subject, train, test))
    return Protocol(os.fspath(directory), _database_base(lists), tuple(lists))


def _read_subjects(path: Path) -> list[str]:
    subjects = {}
    for number, name in read_lines(path):
        key = subject_key(name)
        if key is None or key in subjects:
            raise DualATMEError(
                f"{os.fspath(path)}:{number}: Expected every subject once, named sub<digits> (CASME II), "
                f"s<digits> (SMIC) or <digits> (SAMM). Received: {name!r}"
                + (f" after {subjects[key]!r}." if key else ".")
            )
        subjects[key] = name
    if not subjects:
        raise DualATMEError(f"{os.fspath(path)}:1: Expected one subject a line. Received: an empty file.")
    return list(subjects.values())


def _database_base(lists: Sequence[SubjectLists]) -> int:
    """0 or 1: what the third column of the lists counts from."""
    entries = [entry for item in lists for entry in (*item.test, *item.train)]
    zero = next((entry for entry in entries if entry.database_number == 0), None)
    three = next((entry for entry in entries if entry.database_number == len(DATABASES)), None)
    if zero and three:
        raise DualATMEError(
            "Expected databases numbered 0 to 2 or 1 to 3, one way in all lists. "
            f"Received: 0 at {zero.source} and 3 at {three.source}."
        )
    if zero or three:
        return 0 if zero else 1
    # 1 and 2 alone fit both countings; the names of the test subjects tell which.
    numbers = [
        (entry.database_number, DATABASES.index(parse_subject(item.subject)[0]))
        for item in lists
        for entry in item.test
    ]
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
        subjects: names of the folds to run, `6` and `006` being the same; for hde names of databases.
            None or empty: all.

    Returns:
        At least one fold, in the order of the lists (hde: of `DATABASES`), none with an empty side.

    Raises:
        DualATMEError: unknown kind, database or subject, or a fold without clips to train on.
    """
    if kind not in KINDS:
        raise DualATMEError(f"Expected kind to be one of {', '.join(KINDS)}. Received: {kind!r}.")
    present = [name for name in DATABASES if any(clip.database == name for clip in protocol.clips)]
    chosen = _choose("database", present, databases)
    folds = _holdout_folds(protocol, chosen) if kind == "hde" else _subject_folds(protocol, kind, chosen)
    names = _choose("fold", [fold.name for fold in folds], subjects)
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
    for fold in protocol.folds:
        own = parse_subject(fold.name)[0]
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


def _choose(what: str, known: Sequence[str], wanted: Iterable[str] | None) -> list[str]:
    """Those of `known` that are wanted, in the order of `known`; all where nothing is asked for."""
    wanted = list(wanted or ())
    if not wanted:
        return list(known)
    by_key = {subject_key(name) or name: name for name in known}
    keys = {name: subject_key(name) or name for name in wanted}
    unknown = [name for name, key in keys.items() if key not in by_key]
    if unknown:
        raise DualATMEError(
            f"Expected names of a {what} among: {', '.join(known)}. Received: {', '.join(unknown)}."
        )
    return [name for key, name in by_key.items() if key in keys.values()]
