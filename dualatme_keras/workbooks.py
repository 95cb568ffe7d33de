"""Tables as text, out of workbooks and CSV files."""

import collections
import contextlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_rows, make_folder, read_csv_text, writing

_MOST_BYTES = 2**26
"""Of a workbook, unpacked: pictures too."""

_CELLS = {"row", "c", "v", "f", "is", "si", "t", "r"}
_MOST_ELEMENTS, _MOST_OTHERS = 250_000, 20_000
"""Of rows, cells and their texts, and of all other XML: formats, merged cells. openpyxl takes two or three
seconds for either."""

_MOST_ROWS, _MOST_CELLS = 2**20, 2**20
"""Of a sheet, blank ones included. Excel has no more rows."""


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
        DualATMEError: no such file or sheet, another format, a file that is damaged or so large that it is no
            table of clips, or a CSV that is not in UTF-8; names the file.
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
        import openpyxl.reader.excel
    except ImportError as error:
        raise DualATMEError(
            f"Expected the package openpyxl for {path}. Received: {error}. "
            "pip install 'dualatme-keras[prepare]'."
        ) from error
    return openpyxl


def _read_workbook(path, sheet):
    openpyxl = _openpyxl(path)
    try:
        merged = _look_at_parts(path)
        # Cells are streamed: a whole sheet in memory fills what is blank, up to the last of a million rows.
        values, formulas = (
            openpyxl.reader.excel.ExcelReader(path, read_only=True, keep_links=False, data_only=data_only)
            for data_only in (True, False)
        )
        for reader in (values, formulas):
            reader.read()
        parts = {found.name: relation.target for found, relation in values.parser.find_sheets()}
        titles = [page.title for page in values.wb.worksheets]
        if sheet is not None and sheet not in titles:
            raise DualATMEError(f"{path}: Expected a sheet {sheet!r}. Received: {', '.join(titles)}.")
        tables = [
            _read_sheet(f"{path}[{title}]", values.wb[title], formulas.wb[title], merged[parts[title]])
            for title in (titles if sheet is None else [sheet])
        ]
        values.wb.close()
        formulas.wb.close()
    except DualATMEError:
        raise
    except Exception as error:  # whatever openpyxl stumbles over in a damaged file
        raise DualATMEError(
            f"Expected a workbook (.xlsx) or a .csv. Received: {path} ({error}). "
            "Save an older .xls as .xlsx first."
        ) from error
    return tables


def _look_at_parts(path) -> Mapping[str, list[str]]:
    """Refuses a workbook that would take much memory or time, which it need not be large for.

    Returns:
        Merged cells of each part of the archive, as written: `A1:A3`. openpyxl tells them of a sheet in
        memory only, and there makes a cell of each of them.
    """
    merged = collections.defaultdict(list)
    counts = {True: 0, False: 0}
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise _too_large(path, f"of {size} bytes")
        for entry in archive.infolist():

            def start(name, attributes, part=entry.filename):
                kind = name.rpartition("}")[2]
                counts[kind in _CELLS] += 1
                if counts[True] > _MOST_ELEMENTS or counts[False] > _MOST_OTHERS:
                    raise _too_large(path, "which has more")
                if kind == "mergeCell":
                    merged[part].append(attributes["ref"])

            parser = expat.ParserCreate(namespace_separator="}")
            parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, _refuse_definitions
            with archive.open(entry) as part, contextlib.suppress(expat.ExpatError):
                # What is no XML, as a picture is not, is for openpyxl to judge, which may not need it.
                parser.ParseFile(part)
    return merged


def _refuse_definitions(*_declaration):
    raise DualATMEError(
        "Expected a workbook without definitions of its own (DOCTYPE). Received: one with them."
    )


def _too_large(path, what):
    return DualATMEError(
        f"Expected a workbook of at most {_MOST_ELEMENTS} rows, cells and texts, {_MOST_OTHERS} formats and "
        f"others, {_MOST_BYTES >> 20} MiB unpacked. Received: {path}, {what}. Save the clips' sheet as a "
        ".csv."
    )


def _read_sheet(where, values, formulas, merged):
    rows, faults, width = {}, {}, 0
    for page in (values, formulas):
        page.reset_dimensions()  # some programs write a size that leaves columns out
    pairs = zip(values.iter_rows(), formulas.iter_rows(), strict=True)
    for number, cells in enumerate(pairs, start=1):
        width += len(cells[0])
        if number > _MOST_ROWS or width > _MOST_CELLS:
            raise _too_large(where, f"of more than {_MOST_ROWS} rows, or {_MOST_CELLS} cells with blank ones")
        texts = [_text(cell.value) for cell in cells[0]]
        if any(texts):
            rows[number] = texts
        for place, (value, formula) in enumerate(zip(*cells, strict=True)):
            # An empty text that a formula gave is of type "str"; what nobody computed has no type of its own.
            if formula.data_type == "f" and value.value is None and value.data_type == "n":
                faults[number, place] = f"the formula of {formula.coordinate} without a stored value"
            elif value.data_type == "e":
                faults[number, place] = f"{value.value} in {value.coordinate}"
    return Table(where, rows, _merged_downwards(where, merged), faults)


def _merged_downwards(where, merged):
    from openpyxl.utils import range_boundaries

    areas, heights = [], collections.Counter()
    for text in merged:
        column, first, _, last = range_boundaries(text)
        if last > first:
            areas.append((column - 1, first, last))
            heights[column] += last - first
            if heights[column] > _MOST_ROWS:
                raise DualATMEError(
                    f"{where}: Expected merged cells that do not overlap. Received: some that do."
                )
    return areas


def _text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
