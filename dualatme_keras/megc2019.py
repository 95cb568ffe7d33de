"""Names and numbers of the MEGC2019 composite benchmark that every room agrees on.

Source: MEGC2019 cross-database challenge; Zhou et al., Entropy 25(3):460, section 4.1.
"""

import re
from collections.abc import Iterable, Sequence

from dualatme_keras.errors import DualATMEError

CLASS_NAMES = ("negative", "positive", "surprise")
"""Class names; a label is an index into this tuple."""

DATABASES = ("casme2", "samm", "smic")
"""Database names; the third column of a published list is an index into this tuple (or index + 1)."""

ALL_DATABASES = "full"
"""What all databases together are called where scores are told by database."""

_TITLES = {ALL_DATABASES: "Full", "casme2": "CASME II", "samm": "SAMM", "smic": "SMIC"}

_SUBJECT_PATTERNS = (
    ("casme2", re.compile(r"sub(\d{1,9})", re.IGNORECASE)),
    ("smic", re.compile(r"s(\d{1,9})", re.IGNORECASE)),
    ("samm", re.compile(r"(\d{1,9})")),
)


def describe_classes(class_names: Sequence[str]) -> str:
    """`0 (negative), 1 (positive) or 2 (surprise)`, for messages."""
    *others, last = (f"{label} ({name})" for label, name in enumerate(class_names))
    return f"{', '.join(others)} or {last}"


NO_EXPRESSION = "none"
"""Label of a clip in which no expression is found."""


def check_class_names(class_names: Sequence[str], ground_truth: str | None = None) -> None:
    """Raises `DualATMEError` unless these can be classes; with the organisers' list, unless they are its."""
    names = {name.casefold() for name in class_names}
    if NO_EXPRESSION in names:
        raise DualATMEError(
            f"Expected `class_names` without {NO_EXPRESSION!r}, which is the answer where no expression is "
            f"seen. Received: {class_names!r}. Call the class otherwise, neutral for example."
        )
    if len(names) < max(2, len(class_names)) or not all(class_names):
        raise DualATMEError(
            "Expected `class_names` to be two names or more that differ by more than capitals. "
            f"Received: {class_names!r}."
        )
    if ground_truth is not None and tuple(class_names) != CLASS_NAMES:
        raise DualATMEError(
            f"Expected the classes of the organisers' list, {', '.join(CLASS_NAMES)}, with `ground_truth`. "
            f"Received: {ground_truth}, and `class_names` {', '.join(class_names)}."
        )


def database_title(name: str) -> str:
    """What a database, or `ALL_DATABASES`, is called in tables; one that is not MEGC2019's by its name."""
    return _TITLES.get(name, name)


def order_databases(names: Iterable[str]) -> list[str]:
    """Each name once: those of `DATABASES` in their order, then the others in order of appearance."""
    names = dict.fromkeys(names)
    return [
        *(name for name in DATABASES if name in names),
        *(name for name in names if name not in DATABASES),
    ]


def parse_subject(subject: str) -> tuple[str, int] | None:
    """Splits a subject's name into database and number, so that `6` and `006` compare equal.

    Args:
        subject: `sub01` (CASME II), `s01` (SMIC) or digits such as `006` or `6` (SAMM).

    Returns:
        `(database, number)`, e.g. `("samm", 6)`; None where the name follows none of the three conventions.
    """
    for database, pattern in _SUBJECT_PATTERNS:
        match = pattern.fullmatch(subject)
        if match:
            return database, int(match.group(1))
    return None
