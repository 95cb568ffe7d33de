"""Names out of tables and lists: what can be a subject's or a database's, and which mean the same."""

import functools
import re
import unicodedata
from collections.abc import Iterable

from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import ALL_DATABASES, DATABASES, parse_subject

LONGEST_NAME = 200
"""Bytes of a name, so that what is written for a clip fits into the 255 of a file's name."""


def fault_of_name(name: str) -> str | None:
    """Why this is no name of a file or folder right below another; None where it is one."""
    if not name.strip(" ."):  # Windows takes `.. ` for `..`
        return "is empty" if not name else "has only dots and spaces"
    if set(name) & set("/\\"):
        return "leads to another folder"
    if re.match("[A-Za-z]:", name):
        return "begins with a drive"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return "has line breaks or control characters"
    if len(name.encode()) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    return None


def fault_of_subject(name: str) -> str | None:
    """Why no subject can be called this: subjects name files, and stand on a line of their own in lists."""
    return fault_of_name(name) or ("has spaces around it" if name != name.strip() else None)


@functools.cache  # lists tell the same few names on each of thousands of lines
def fault_of_database(name: str) -> str | None:
    """Why no database can be called this: databases name folders, and are one word at the end of a line."""
    if fault := fault_of_name(name):
        return fault
    if len(name.split()) > 1 or name != name.strip():
        return "has spaces"
    if re.fullmatch(r"[-+.,\d]+", name):
        return "is a number"
    if name.lower() == ALL_DATABASES:
        return "is what all databases together are called"
    if name.lower() in DATABASES and name not in DATABASES:
        return f"is spelled {name.lower()!r} in MEGC2019"
    return None


def person_key(database: str, subject: str) -> tuple[str, int | str]:
    """Database and subject as they are compared.

    Returns:
        Subjects named as MEGC2019 names those of this database have their number, so that `6` and `006` are
        the same; others their name in small letters, since not all disks tell `Anna` from `anna`.
    """
    key = parse_subject(subject)
    return key if key and key[0] == database else (database, subject.lower())


def check_subjects(subjects: Iterable[tuple[str, str, str]]) -> list[str]:
    """Names of the subjects, in order of appearance.

    Args:
        subjects: database and subject of each clip, and where it was read.

    Raises:
        DualATMEError: two databases have a subject of the same name, or a subject has two names.
    """
    names, databases = {}, {}
    for database, subject, where in subjects:
        first = databases.setdefault(subject.lower(), (database, subject, where))
        if first[0] != database:
            raise DualATMEError(
                "Expected a subject's name in one database only: lists and folds are called after subjects. "
                f"Received: {first[1]!r} of {first[0]!r} ({first[2]}) and {subject!r} of {database!r} "
                f"({where}). Call one of them something else, e.g. '{database}_{subject}'."
            )
        known = names.setdefault(person_key(database, subject), subject)
        if known != subject:
            raise DualATMEError(
                f"Expected one name per subject. Received: {known!r} and {subject!r} ({where})."
            )
    return list(names.values())
