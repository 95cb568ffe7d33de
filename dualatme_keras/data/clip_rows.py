"""Some clips of many, by their places: what folds train on differs in few of them."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dualatme_keras.data.clips import Clip


class ClipRows(Sequence[Clip]):
    """Clips of a table that folds share; equal to any sequence of the same clips.

    Args:
        table: the clips that there are.
        rows: which of them these are, in their order, int32 `(n,)`.
    """

    def __init__(self, table: Sequence[Clip], rows: np.ndarray):
        self._table, self._rows = table, rows

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return ClipRows(self._table, self._rows[place])
        return self._table[self._rows[place]]

    def __iter__(self) -> Iterator[Clip]:
        return map(self._table.__getitem__, self._rows.tolist())

    def __eq__(self, other):
        if isinstance(other, ClipRows) and other._table is self._table:
            return np.array_equal(self._rows, other._rows)
        return tuple(self) == tuple(other) if isinstance(other, (ClipRows, tuple)) else NotImplemented

    def __hash__(self):
        return hash(tuple(self))

    def __repr__(self):
        return repr(tuple(self))

    def where(self, wanted: Callable[[Clip], bool]) -> "ClipRows":
        """Those of which `wanted` is true, which is asked once for each clip of the table."""
        return ClipRows(self._table, self._rows[np.array([*map(wanted, self._table)], bool)[self._rows]])
