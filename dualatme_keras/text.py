"""Lists of names, and numbers of things, in what users read."""

import os
from collections.abc import Iterable

_MOST = 5
"""How many names are shown; a sixth and all after it are counted."""


def shorten(names: Iterable) -> str:
    """The first five names with commas, and how many more there are; empty where there are none.

    Args:
        names: what to list; each is shown as `str` shows it.
    """
    names = [str(name) for name in names]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def printable(name: str | os.PathLike) -> str:
    """A name of a file as UTF-8 has it, whatever bytes it was made of."""
    return os.fsencode(name).decode(errors="backslashreplace")


def count(number: int, noun: str) -> str:
    """`1 clip`, `2 clips`: a number and what it counts, a word whose plural ends in s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
