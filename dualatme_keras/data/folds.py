"""Evaluation protocols: which clips a fold trains on and which it is tested on.

MEGC2019 knows three: composite (CDE) and single-database (SDE) evaluation leave one subject out,
holdout-database evaluation (HDE) leaves one database out.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from dualatme_keras.data.clip_rows import ClipRows
from dualatme_keras.data.clips import Clip, Fold
from dualatme_keras.data.loso_lists import LosoLists
from dualatme_keras.data.names import person_key
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import order_databases, parse_subject

PROTOCOLS = ("cde", "sde", "hde")


def make_folds(
    lists: LosoLists,
    protocol: str = "cde",
    databases: Iterable[str] | None = None,
    subjects: Iterable[str] | None = None,
) -> tuple[Fold, ...]:
    """The folds of one of MEGC2019's three evaluation protocols.

    Args:
        lists: the lists.
        protocol: `cde` (composite: leave one subject out of all databases), `sde` (leave one subject out
            within its database) or `hde` (train on all databases but one, test on that one).
        databases: cde and sde: the databases that take part, in training and testing; hde: those held out.
            None or empty: all in the lists.
        subjects: names of the folds to run, `6` and `006` being the same where they are SAMM's; for hde names
            of databases. None or empty: all.

    Returns:
        At least one fold, in the order of the lists (hde: of `order_databases`), none with an empty side.

    Raises:
        DualATMEError: unknown protocol, database or subject, or a fold without clips to train on.
    """
    chosen, names = choose_folds(lists, protocol, databases, subjects)
    folds = _holdout_folds(lists, chosen) if protocol == "hde" else _subject_folds(lists, protocol, chosen)
    folds = tuple(fold for fold in folds if fold.name in names)
    for fold in folds:
        if not fold.train or not fold.test:
            raise DualATMEError(
                f"Expected clips to train on and to test on in fold {fold.name!r} of {protocol} over "
                f"{', '.join(chosen)}. Received: {len(fold.train)} to train on, {len(fold.test)} to test on. "
                "Take more databases or subjects, or leave that database out with `databases`."
            )
    return folds


def choose_folds(
    lists: LosoLists,
    protocol: str,
    databases: Iterable[str] | None,
    subjects: Iterable[str] | None,
) -> tuple[list[str], list[str]]:
    """Names of the databases and of the folds that `make_folds` is asked for, whatever is in the lists.

    Raises:
        DualATMEError: unknown protocol, database or subject.
    """
    if protocol not in PROTOCOLS:
        raise DualATMEError(f"Expected `protocol` out of {', '.join(PROTOCOLS)}. Received: {protocol!r}.")
    present = order_databases(clip.database for clip in lists.clips)
    chosen = _choose("database", present, databases)
    persons = {person_key(one.database, one.subject): one.subject for one in lists.subjects}
    own = [one.subject for one in lists.subjects if one.database in chosen]
    return chosen, _choose("fold", chosen if protocol == "hde" else own, subjects, persons)


def _subject_folds(lists: LosoLists, protocol: str, databases: Sequence[str]) -> list[Fold]:
    if protocol == "cde" and {subject.database for subject in lists.subjects} <= set(databases):
        return list(lists.folds)
    folds = []
    for fold, subject in zip(lists.folds, lists.subjects, strict=True):
        own = subject.database
        if own in databases:
            allowed = (own,) if protocol == "sde" else databases
            folds.append(dataclasses.replace(fold, train=_of_databases(fold.train, allowed)))
    return folds


def _of_databases(clips: Sequence[Clip], databases: Sequence[str]) -> Sequence[Clip]:
    if isinstance(clips, ClipRows):
        return clips.where(lambda clip: clip is None or clip.database in databases)
    return tuple(clip for clip in clips if clip.database in databases)


def clips_of(folds: Iterable[Fold]) -> tuple[Clip, ...]:
    """Every clip of the folds once, in the order in which they come first."""
    # By identity first: folds share their clips, and comparing two takes ten times as long.
    clips = {}
    for fold in folds:
        for side in (fold.train, fold.test):
            clips.update(zip(map(id, side), side, strict=True))
    return tuple(dict.fromkeys(clips.values()))


def _holdout_folds(lists: LosoLists, databases: Sequence[str]) -> list[Fold]:
    return [
        Fold(
            name,
            train=tuple(clip for clip in lists.clips if clip.database != name),
            test=tuple(clip for clip in lists.clips if clip.database == name),
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
