"""Annotation tables as their authors wrote them: Excel or CSV, a header somewhere near the top of a sheet."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dualatme_keras.data import Finding
from dualatme_keras.errors import DualATMEError
from dualatme_keras.workbooks import Table, read_tables

_HEADER_ROWS = 40
"""How far down a header is looked for."""


class AnnotationRow(NamedTuple):
    """A row below the header.

    Attributes:
        values: text of each named column, see `Table.rows`.
        source: `FILE:ROW`, or `FILE[SHEET]:ROW`.
        warnings: what its reader doubts of the whole table.
    """

    values: Mapping[str, str]
    source: str
    warnings: tuple[Finding, ...] = ()

    def number(self, column: str) -> int | None:
        """The column's whole number; None where it is blank or `/` (not annotated)."""
        text = self.values[column]
        if text in ("", "/", "-"):
            return None
        number = whole_number(text)
        if number is None:
            raise DualATMEError(f"{self.source}: Expected a frame number as {column}. Received: {text!r}.")
        return number


def whole_number(text: str) -> int | None:
    """The number of `46`, and of `46.0` or `46,0` as programs write it; None where the text is none."""
    match = re.fullmatch(r"(\d{1,9})([.,]0*)?", text)
    return int(match[1]) if match else None


def read_annotations(
    path, columns: Sequence[str], sheet: str | None = None, optional: Sequence[str] = ()
) -> list[AnnotationRow]:
    """Reads a table of annotations.

    The header is the first row that has all `columns`, whatever their case, order and what stands between
    them. Cells that are merged downwards have the text of the first in each of their rows. Rows that tell no
    clip are left out: blank lines, headings of groups and notes.

    Args:
        path: `.xlsx` or `.csv`.
        columns: names of the columns needed; the first one names the clip, the second one its subject.
        optional: columns that the header may have too; rows have no value of those that it lacks.
        sheet: sheet of a workbook; by default the first one that has a header with clips below it.

    Returns:
        The rows that name a clip, or a subject and anything else. They have a warning where other sheets
        have clips too.

    Raises:
        DualATMEError: see `read_tables`; no header with these columns, or a formula of which the file has no
            value; names the file and what is missing.
    """
    tables = read_tables(path, sheet)
    headed = [(table, *header) for table in tables if (header := _find_header(table, columns, optional))]
    if not headed:
        raise DualATMEError(_no_header(path, tables, columns))
    found = {table.where: _rows_below(table, number, places) for table, number, places in headed}
    with_clips = [where for where, rows in found.items() if rows]
    if not with_clips:
        return []
    warnings = ()
    if len(with_clips) > 1:
        message = f"read, and not {', '.join(with_clips[1:])}, which have these columns and clips too"
        warnings = (Finding("sheet", message, with_clips[0]),)
    return [row._replace(warnings=warnings) for row in found[with_clips[0]]]


def _find_header(table: Table, columns, optional):
    """Number of the header's row, and each column's place in it; None where there is no header."""
    for number, cells in _top_rows(table):
        places = _places(cells, columns)
        if len(places) == len(columns):
            return number, places | _places(cells, optional)
    return None


def _top_rows(table):
    return [(number, cells) for number, cells in table.rows.items() if number <= _HEADER_ROWS]


def _places(cells, columns):
    found = {_simple(cell): place for place, cell in reversed(list(enumerate(cells))) if cell}
    return {name: found[_simple(name)] for name in columns if _simple(name) in found}


def _simple(name):
    return "".join(name.lower().split())


def _no_header(path, tables, columns):
    rows = [
        (_places(cells, columns), f"{table.where}:{number}")
        for table in tables
        for number, cells in _top_rows(table)
    ]
    closest, where = max(rows, key=lambda row: len(row[0]), default=({}, path))
    missing = ", ".join(name for name in columns if name not in closest)
    return (
        f"{path}: Expected a header with the columns {', '.join(columns)} in the first {_HEADER_ROWS} rows. "
        f"Missing in the row that comes closest, {where}: {missing}."
    )


def _rows_below(table: Table, header: int, places):
    """The rows below the header that tell a clip, merged cells filled."""
    clip, subject, *_ = places
    texts = {
        number: {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        for number, cells in table.rows.items()
        if number > header
    }
    columns = {place: name for name, place in places.items()}
    for place, first, last in table.merged:
        # Cells that the header is merged with hold no clips.
        if place in columns and first in texts:
            for number in texts.keys() & range(first + 1, last + 1):
                texts[number][columns[place]] = texts[first][columns[place]]
    for (number, place), fault in table.faults.items():
        if number > header and place in columns:
            raise DualATMEError(
                f"{table.where}:{number}: Expected a value as {columns[place]}. Received: {fault}. "
                "Open the file in a spreadsheet program, let it calculate, and save it."
            )
    return [
        AnnotationRow(values, f"{table.where}:{number}")
        for number, values in texts.items()
        if values[clip] or (values[subject] and sum(map(bool, values.values())) > 1)
    ]
