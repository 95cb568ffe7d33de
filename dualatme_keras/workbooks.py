"""Tables as text, out of workbooks and CSV files."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_rows, make_folder, read_csv_text, writing


class Table(NamedTuple):
    """A sheet of a workbook, or a CSV file.

    Attributes:
        where: `FILE`, or `FILE[SHEET]`.
        rows: texts of each row's cells by the row's number, from 1 (of a CSV: the line's). Stripped; whole
            numbers without decimals; empty where blank. Rows without any text are not there.
        merged: `(column, first row, last row)` of cells merged downwards, of which the first one has the
            text; columns count from 0.
        faults: what is wrong with a cell whose text is not to be trusted, by `(row, column)`.
    """

    where: str
    rows: Mapping[int, list[str]]
    merged: Sequence[tuple[int, int, int]] = ()
    faults: Mapping[tuple[int, int], str] = {}


def read_tables(path, sheet: str | None = None) -> list[Table]:
    """Reads a file of tables.

    Args:
        path: `.csv`, or a workbook (`.xlsx`).
        sheet: the one sheet wanted of a workbook; all by default.

    Returns:
        Its sheets in order; of a CSV one.

    Raises:
        DualATMEError: no such file or sheet, another format, or a CSV that is not in UTF-8; names the file.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise DualATMEError(f"Expected a file of annotations. Received: {path}, which is {what}.")
    return [_read_csv(path)] if path.suffix.lower() == ".csv" else _read_workbook(path, sheet)


def write_workbook(path, sheets: Mapping[str, Sequence[Sequence]]) -> None:
    """Writes sheets of rows as a workbook (`.xlsx`); folders are made where absent."""
    book = _openpyxl(path).Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    make_folder(Path(path).parent)
    with writing(path):
        book.save(path)


def _read_csv(path):
    text = read_csv_text(path)
    # Excel writes semicolons where the comma is the decimal point.
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = {}
    for line, row in csv_rows(path, text, delimiter):
        if any(texts := [cell.strip() for cell in row]):
            rows[line] = texts
    return Table(str(path), rows)


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
        # Cells are streamed: a whole sheet in memory fills what is blank, up to the last of a million rows.
        values, formulas = (
            openpyxl.load_workbook(path, read_only=True, data_only=data_only) for data_only in (True, False)
        )
        layout = openpyxl.load_workbook(path)  # the only one that knows merged cells
        titles = [page.title for page in values.worksheets]
        if sheet is not None and sheet not in titles:
            raise DualATMEError(f"{path}: Expected a sheet {sheet!r}. Received: {', '.join(titles)}.")
        tables = [
            _read_sheet(f"{path}[{title}]", values[title], formulas[title], layout[title])
            for title in (titles if sheet is None else [sheet])
        ]
        values.close()
        formulas.close()
    except DualATMEError:
        raise
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        ElementTree.ParseError,
        zipfile.BadZipFile,
        zlib.error,
        openpyxl.utils.exceptions.InvalidFileException,
    ) as error:
        raise DualATMEError(
            f"Expected a workbook (.xlsx) or a .csv. Received: {path} ({error}). "
            "Save an older .xls as .xlsx first."
        ) from error
    return tables


def _read_sheet(where, values, formulas, layout):
    rows, faults = {}, {}
    for page in (values, formulas):
        page.reset_dimensions()  # some programs write a size that leaves columns out
    pairs = zip(values.iter_rows(), formulas.iter_rows(), strict=True)
    for number, cells in enumerate(pairs, start=1):
        texts = [_text(cell.value) for cell in cells[0]]
        if any(texts):
            rows[number] = texts
        for place, (value, formula) in enumerate(zip(*cells, strict=True)):
            # An empty text that a formula gave is of type "str"; what nobody computed has no type of its own.
            if formula.data_type == "f" and value.value is None and value.data_type == "n":
                faults[number, place] = f"the formula of {formula.coordinate} without a stored value"
            elif value.data_type == "e":
                faults[number, place] = f"{value.value} in {value.coordinate}"
    merged = [(area.min_col - 1, area.min_row, area.max_row) for area in layout.merged_cells.ranges]
    return Table(where, rows, [area for area in merged if area[2] > area[1]], faults)


def _text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
