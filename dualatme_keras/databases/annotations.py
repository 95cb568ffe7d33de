"""Annotation tables as their authors wrote them: Excel or CSV, a header somewhere near the top."""

import csv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dualatme_keras.errors import DualATMEError

_HEADER_ROWS = 40
"""How far down a header is looked for."""


class AnnotationRow(NamedTuple):
    """A row below the header.

    Attributes:
        values: text of each named column, stripped; whole numbers without decimals; empty where blank.
        source: `FILE:ROW`, or `FILE[SHEET]:ROW`.
    """

    values: Mapping[str, str]
    source: str

    def number(self, column: str) -> int | None:
        """The column's whole number; None where it is blank or `/` (not annotated)."""
        text = self.values[column]
        if text in ("", "/", "-"):
            return None
        if not text.isdigit():
            raise DualATMEError(f"{self.source}: Expected a frame number as {column}. Received: {text!r}.")
        return int(text)


def read_annotations(path, columns: Sequence[str], sheet: str | None = None) -> list[AnnotationRow]:
    """Reads a table of annotations.

    The header is the first row that has all `columns`, whatever their case, order and what stands between
    them. Rows without a value in the first of `columns` are left out: blank lines and notes below a table.

    Args:
        path: `.xlsx` or `.csv`.
        columns: names of the columns needed.
        sheet: sheet of a workbook; the first one by default.

    Returns:
        The rows below the header.

    Raises:
        DualATMEError: no such file or sheet, another format, or no header with these columns; names the file
            and what is missing.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise DualATMEError(f"Expected a file of annotations. Received: {path}, which is {what}.")
    table, where = _read_csv(path) if path.suffix.lower() == ".csv" else _read_workbook(path, sheet)
    places, start = _find_header(table, columns, where)
    rows = []
    for number, cells in enumerate(table[start:], start=start + 1):
        values = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        if values[columns[0]]:
            rows.append(AnnotationRow(values, f"{where}:{number}"))
    return rows


def write_workbook(path, sheets: Mapping[str, Sequence[Sequence]]) -> None:
    """Writes sheets of rows as a workbook (`.xlsx`); folders are made where absent."""
    book = _openpyxl(path).Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _find_header(table, columns, where):
    best = None
    for number, cells in enumerate(table[:_HEADER_ROWS]):
        found = {_simple(cell): place for place, cell in reversed(list(enumerate(cells))) if cell}
        missing = [name for name in columns if _simple(name) not in found]
        if not missing:
            return {name: found[_simple(name)] for name in columns}, number + 1
        if best is None or len(missing) < len(best):
            best = missing
    raise DualATMEError(
        f"{where}: Expected a header with the columns {', '.join(columns)} in the first {_HEADER_ROWS} rows. "
        f"Missing in the row that comes closest: {', '.join(best or columns)}."
    )


def _simple(name):
    return "".join(name.lower().split())


def _read_csv(path):
    text = path.read_text(encoding="utf-8-sig")
    # Excel writes semicolons where the comma is the decimal point.
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = csv.reader(text.splitlines(), delimiter=delimiter)
    return [[cell.strip() for cell in row] for row in rows], str(path)


def _openpyxl(path):
    try:
        import openpyxl
    except ImportError as error:
        raise DualATMEError(
            f"Expected the package openpyxl for {path}. Received: {error}. "
            "pip install 'dualatme-keras[prepare]'."
        ) from error
    return openpyxl


def _read_workbook(path, sheet):
    openpyxl = _openpyxl(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (
        OSError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        openpyxl.utils.exceptions.InvalidFileException,
    ) as error:
        raise DualATMEError(
            f"Expected a workbook (.xlsx) or a .csv. Received: {path} ({error}). "
            "Save an older .xls as .xlsx first."
        ) from error
    if sheet is not None and sheet not in book.sheetnames:
        raise DualATMEError(f"{path}: Expected a sheet {sheet!r}. Received: {', '.join(book.sheetnames)}.")
    page = book[sheet or book.sheetnames[0]]
    table = [[_text(value) for value in row] for row in page.iter_rows(values_only=True)]
    book.close()
    return table, f"{path}[{page.title}]"


def _text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
