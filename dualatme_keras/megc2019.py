"""Names and numbers of the MEGC2019 composite benchmark that every room agrees on.

Source: MEGC2019 cross-database challenge; Zhou et al., Entropy 25(3):460, section 4.1.
"""

import re

from dualatme_keras.errors import DualATMEError

CLASS_NAMES = ("negative", "positive", "surprise")
"""Class names; a label is an index into this tuple."""

DATABASES = ("casme2", "samm", "smic")
"""Database names; the third column of a published list is an index into this tuple (or index + 1)."""

DATABASE_TITLES = {"full": "Full", "casme2": "CASME II", "samm": "SAMM", "smic": "SMIC"}
"""How the parts of the composite are called in tables, in the order of the tables."""

_SUBJECT_PATTERNS = (
    ("casme2", re.compile(r"sub(\d+)", re.IGNORECASE)),
    ("smic", re.compile(r"s(\d+)", re.IGNORECASE)),
    ("samm", re.compile(r"(\d+)")),
)


def parse_subject(subject: str) -> tuple[str, int]:
    """Splits a subject's name into database and number, so that `6` and `006` compare equal.

    Args:
        subject: `sub01` (CASME II), `s01` (SMIC) or digits such as `006` or `6` (SAMM).

    Returns:
        `(database, number)`, e.g. `("samm", 6)`.

    Raises:
        DualATMEError: the name follows none of the three conventions.
    """
    for database, pattern in _SUBJECT_PATTERNS:
        match = pattern.fullmatch(subject)
        if match:
            return database, int(match.group(1))
    raise DualATMEError(
        "Expected a subject named sub<digits> (CASME II), s<digits> (SMIC) or <digits> (SAMM). "
        f"Received: {subject!r}."
    )
