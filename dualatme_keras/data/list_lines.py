"""Lines of many lists: each distinct line is read and held once, however many lists have it.

With leave-one-subject-out every clip stands in the train lists of all other subjects: 100,000 clips of 1,000
people are 100 million lines, of which 100,000 differ.
"""

import os
from collections.abc import Sequence

import numpy as np

from dualatme_keras.data.lists import ListEntry, parse_line, read_list, read_text
from dualatme_keras.errors import DualATMEError


class KnownLines:
    """The distinct lines of all lists, numbered in the order in which they were first read.

    Args:
        class_names: of the labels 0, 1, ...

    Attributes:
        fields: path, label and database of each line, see `ListEntry`.
    """

    def __init__(self, class_names: Sequence[str]):
        self._class_names = class_names
        self.fields: list[tuple[str, int, int | str]] = []
        self._numbers = _Numbers(self._add)

    def read(self, path: str | os.PathLike) -> "ListLines":
        """Reads a list, see `lists.read_list`."""
        name = os.fspath(path)
        try:
            found = np.fromiter(map(self._numbers.__getitem__, read_text(path).split("\n")), "int32")
        except DualATMEError:
            read_list(path, self._class_names)  # says the same with file and line
            raise
        lines = np.flatnonzero(found >= 0)
        if not len(lines):
            read_list(path, self._class_names)
        return ListLines(self, name, found[lines], lines.astype("int32") + 1)

    def _add(self, text):
        """The number of a line that is new, or -1 of a blank one."""
        text = text.strip()
        if not text:
            return -1
        # The same text with other spaces around it is another key, and the same line.
        known = self._numbers.get(text)
        if known is not None:
            return known
        entry = parse_line(text, "", 0, self._class_names)
        self.fields.append((entry.path, entry.label, entry.database))
        self._numbers[text] = len(self.fields) - 1
        return len(self.fields) - 1


class _Numbers(dict):
    """A dict that makes what it does not have; looked up without a line of Python for each known line."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __missing__(self, key):
        self[key] = self._make(key)
        return self[key]


class ListLines(Sequence[ListEntry]):
    """The entries of one list.

    Args:
        known: the lines that it is made of.
        file: the list.
        codes: which line of `known` each entry is, `(n,)`.
        numbers: number of its line in the file, `(n,)`.
    """

    def __init__(self, known: KnownLines, file: str, codes: np.ndarray, numbers: np.ndarray):
        self.known, self.file, self.codes, self._numbers = known, file, codes, numbers

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return ListEntry(*self.known.fields[self.codes[place]], self.file, int(self._numbers[place]))


class OtherLines(Sequence[ListEntry]):
    """What a subject trains on where there are no train lists: the entries of all other test lists.

    Args:
        tests: the test lists of all subjects.
        codes: those of all their entries, one list after the other.
        own: which of these are the subject's.
    """

    def __init__(self, tests: Sequence[ListLines], codes: np.ndarray, own: slice):
        self._tests, self._codes, self._own = tests, codes, own
        self.known = tests[0].known

    @property
    def codes(self) -> np.ndarray:
        """Which line of `known` each entry is."""
        return np.concatenate([self._codes[: self._own.start], self._codes[self._own.stop :]])

    def __len__(self):
        return len(self._codes) - (self._own.stop - self._own.start)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        place += self._own.stop - self._own.start if place >= self._own.start else 0
        for test in self._tests:
            if place < len(test):
                return test[place]
            place -= len(test)
        raise IndexError(place)


def other_lines(tests: Sequence[ListLines]) -> list[OtherLines]:
    """For each test list the entries of all others."""
    codes = np.concatenate([test.codes for test in tests])
    ends = np.cumsum([len(test) for test in tests]).tolist()
    return [
        OtherLines(tests, codes, slice(end - len(test), end)) for test, end in zip(tests, ends, strict=True)
    ]
