"""What people's spreadsheets do to a table: merged cells, formulas, decimals, notes in front, encodings."""

import re
import zipfile

import openpyxl
import pytest

from dualatme_keras.databases import read_casme2, read_folder, read_samm, read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.workbooks import read_tables, write_workbook

HEADER = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"]
HEADER += ["Estimated Emotion"]

SMIC = ["Subject", "Filename", "OnsetF", "OffsetF", "Emotion"]

OWN = ["path", "subject", "label", "onset", "apex", "offset"]


def row(subject, clip, onset=46, apex=59, offset=86, units="4", emotion="happiness"):
    return [subject, clip, onset, apex, offset, units, emotion]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "coding.xlsx"


def write(path, *rows, merged=(), **sheets):
    write_workbook(path, {**sheets, "Coding": rows})
    book = openpyxl.load_workbook(path)
    for area in merged:
        book["Coding"].merge_cells(area)
    book.save(path)
    return path


def write_csv(path, *rows, encoding="utf-8"):
    path.write_text("".join(",".join(map(str, cells)) + "\n" for cells in rows), encoding=encoding)
    return path


def replace_cell(path, name, xml):
    """Puts a cell into the first sheet as a spreadsheet program would have saved it."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet], count = re.subn(
        rf'<c r="{name}".*?(</c>|/>)(?=<c|</row)', xml, parts[sheet].decode(), flags=re.DOTALL
    )
    assert count == 1
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


def names(records):
    return [record.name for record in records]


def test_a_merged_subject_is_that_of_all_its_rows(path):
    rows = [row("01", "EP01"), row(None, "EP02"), row(None, "EP03"), row("02", "EP01"), row("03", "EP01")]
    write(path, ["CASME II"], HEADER, *rows, row(None, "EP02"), merged=["A1:G1", "A3:A5", "A7:A9"])
    assert names(read_casme2(path)) == [
        *("sub01_EP01", "sub01_EP02", "sub01_EP03", "sub02_EP01", "sub03_EP01", "sub03_EP02")
    ]


def test_other_merged_cells_stand_in_each_of_their_rows(path):
    rows = [row("01", "EP01"), row("01", "EP02", units=None, emotion=None), [None], ["A note"]]
    write(path, HEADER, *rows, merged=["F2:F3", "G2:G3", "B4:B5", "A5:G5"])
    assert [(r.action_units, r.label) for r in read_casme2(path)] == [("4", 1)] * 2


def test_tables_tell_of_cells_merged_downwards_only(path):
    write(path, HEADER, row("01", "EP01"), row("01", "EP02"), merged=["A2:A3", "B1:C1"])
    (table,) = read_tables(path)
    assert table.merged == [(0, 2, 3)]


def test_a_merged_header_holds_no_clips(path):
    write(
        path,
        HEADER,
        [None, None, "frames", None, None],
        row("01", "EP01"),
        merged=["A1:A2", "B1:B2", "G1:G2"],
    )
    assert names(read_casme2(path)) == ["sub01_EP01"]


@pytest.mark.parametrize("kind", [".xlsx", ".csv"])
def test_a_clip_without_a_subject_is_named(tmp_path, kind):
    rows = [HEADER, row("01", "EP01"), row("", "EP02"), row("02", "EP01")]
    path = (write if kind == ".xlsx" else write_csv)(tmp_path / f"coding{kind}", *rows)
    with pytest.raises(
        DualATMEError, match=r":3: Expected the subject's number. Received: '' for the clip 'EP02'"
    ):
        read_casme2(path)


def test_own_and_smic_clips_without_a_subject_are_named(tmp_path):
    own = [OWN, ["a.mp4", "", 0, "", "", ""]]
    with pytest.raises(DualATMEError, match=r"own.csv:2: Expected the subject's name.*is empty"):
        read_folder(tmp_path, write_csv(tmp_path / "own.csv", *own))
    smic = [SMIC, ["", "s01_ne_01", 1, 2, "negative"]]
    with pytest.raises(DualATMEError, match=r"smic.csv:2: Expected a clip such as s01_ne_01 and its subject"):
        read_smic(write_csv(tmp_path / "smic.csv", *smic))


def test_headings_notes_and_blank_lines_are_no_clips(path):
    write(path, HEADER, ["Subject 1"], row("01", "EP01"), [None] * 7, ["Coded twice"], [None, None, 5, 7, 9])
    assert names(read_casme2(path)) == ["sub01_EP01"]


def test_a_subject_with_frames_and_no_clip_is_named(path):
    for told in (row("01", None), ["01", *[None] * 5, "fear"]):
        write(path, HEADER, row("01", "EP01"), told)
        with pytest.raises(DualATMEError, match=r"\[Coding\]:3: Expected the clip's name"):
            read_casme2(path)


def test_a_header_is_looked_for_in_forty_rows(path):
    for notes, found in ((39, True), (40, False)):
        write(path, *[["Coded twice"]] * notes, HEADER, row("01", "EP01"))
        if found:
            assert names(read_casme2(path)) == ["sub01_EP01"]
        else:
            with pytest.raises(DualATMEError, match="in the first 40 rows"):
                read_casme2(path)


@pytest.mark.parametrize(("column", "letter"), [("Subject", "A"), ("ApexFrame", "D")])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("<f>1+1</f><v></v>", "the formula of {}3 without a stored value"),
        ("<f>1+1</f>", "the formula of {}3 without a stored value"),
        ('<f t="shared" si="0"/>', "the formula of {}3 without a stored value"),
    ],
)
def test_a_formula_without_a_value_is_no_blank(path, column, letter, cell, message):
    write(path, HEADER, row("01", "EP01"), row("01", "EP02"))
    replace_cell(path, f"{letter}3", f'<c r="{letter}3">{cell}</c>')
    wanted = rf"\[Coding\]:3: Expected a value as {column}. Received: {message.format(letter)}"
    with pytest.raises(DualATMEError, match=wanted):
        read_casme2(path)


def test_formulas_above_the_header_do_not_matter(path):
    write(path, ["=TODAY()"], HEADER, row("01", "EP01"))
    assert names(read_casme2(path)) == ["sub01_EP01"]


def test_an_error_is_no_value(path):
    write(path, HEADER, row("01", "EP01"))
    replace_cell(path, "B2", '<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>')
    with pytest.raises(
        DualATMEError, match=r"\[Coding\]:2: Expected a value as Filename. Received: #DIV/0! in B2"
    ):
        read_casme2(path)


def test_formulas_with_values_are_their_values(path):
    """As spreadsheet programs save them; an empty text that a formula gave is blank."""
    write(path, [*HEADER, "Remark"], [*row("01", "EP01"), "=1+1"], row("01", "EP02"))
    replace_cell(path, "D2", '<c r="D2" t="str"><f>IF(1,"","x")</f><v></v></c>')
    replace_cell(path, "D3", '<c r="D3"><f>29*2</f><v>58</v></c>')
    assert [record.apex for record in read_casme2(path)] == [None, 58]


@pytest.mark.parametrize("number", ["46", "46.0", "46.", "46.00"])
@pytest.mark.parametrize("kind", [".xlsx", ".csv"])
def test_decimals_of_whole_numbers_are_read(tmp_path, kind, number):
    rows = [HEADER, row("1.0", "EP01", onset=number), row("sub02", "EP01")]
    records = read_casme2((write if kind == ".xlsx" else write_csv)(tmp_path / f"coding{kind}", *rows))
    assert [(r.subject, r.onset) for r in records] == [("sub01", 46), ("sub02", 46)]


def test_decimal_commas_beside_semicolons(tmp_path):
    rows = [HEADER, row("1", "EP01", onset="46,0")]
    (tmp_path / "coding.csv").write_text("".join(";".join(map(str, cells)) + "\n" for cells in rows))
    assert [r.onset for r in read_casme2(tmp_path / "coding.csv")] == [46]


def test_decimals_of_own_and_smic_clips(tmp_path):
    own = [["path", "subject", "label", "onset", "apex", "offset"], ["a.mp4", "sub01", "2.0", "1.0", "", ""]]
    assert [(r.label, r.onset) for r in read_folder(tmp_path, write_csv(tmp_path / "own.csv", *own))] == [
        (2, 1)
    ]
    smic = [
        ["Subject", "Filename", "OnsetF", "OffsetF", "Emotion"],
        ["1.0", "s01_ne_01", "3.0", 9, "negative"],
    ]
    assert [r.onset for r in read_smic(write_csv(tmp_path / "smic.csv", *smic))] == [3]


@pytest.mark.parametrize("number", ["46.5", "-46", "²", "4 6", "46.0.0", "9" * 5000])
def test_other_numbers_are_refused(tmp_path, number):
    path = write_csv(tmp_path / "coding.csv", HEADER, row("01", "EP01", onset=number))
    with pytest.raises(DualATMEError, match=r"coding.csv:2: Expected a frame number as OnsetFrame"):
        read_casme2(path)
    path = write_csv(tmp_path / "coding.csv", HEADER, row(number, "EP01"))
    with pytest.raises(DualATMEError, match=r"coding.csv:2: Expected the subject's number"):
        read_casme2(path)


def test_sheets_of_notes_are_passed_over(path):
    notes = [["How to cite"], ["Subject", "Filename", "are columns"]]
    (record,) = read_casme2(write(path, HEADER, row("01", "EP01"), Notes=notes, Template=[HEADER], Empty=[]))
    assert record.source == f"{path}[Coding]:2"
    assert record.warnings == ()


def test_of_several_sheets_the_first_is_read_and_said(path):
    sheets = {"All": [["A note"], HEADER, row("01", "EP01"), row("02", "EP01")], "Notes": [["A note"]]}
    records = read_casme2(write(path, HEADER, row("01", "EP09"), **sheets))
    assert names(records) == ["sub01_EP01", "sub02_EP01"]
    for record in records:
        (warning,) = record.warnings
        assert str(warning).startswith(f"{path}[All]: read, and not {path}[Coding],")


def test_no_sheet_with_the_columns(path):
    lacking = [name for name in HEADER if name != "ApexFrame"]
    with pytest.raises(DualATMEError, match=r"Expected a header.*closest, .*\[Coding\]:2: ApexFrame\."):
        read_casme2(write(path, ["A note"], lacking, Notes=[["Subject", "Filename"]]))


@pytest.mark.parametrize("reader", [read_casme2, read_samm, read_smic])
@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_other_encodings_are_named(tmp_path, encoding, reader):
    path = write_csv(tmp_path / "编码.csv", HEADER, row("01", "EP01", units="动作单元"), encoding=encoding)
    line = 2 if encoding == "gbk" else 1
    with pytest.raises(
        DualATMEError, match=rf"编码.csv:{line}: Expected a CSV in UTF-8.*GBK.*Save it as 'CSV UTF-8'"
    ):
        reader(path)


def test_rows_of_a_csv_are_its_lines(tmp_path):
    path = tmp_path / "coding.csv"
    path.write_text(",".join(HEADER) + '\n\n01,EP01,46,59,86,"4\nor 5",happiness\n01,EP02,46,59,86,4,joy\n')
    with pytest.raises(DualATMEError, match="coding.csv:5: Expected an emotion"):
        read_casme2(path)


def test_a_wrong_size_in_the_file_hides_nothing(path):
    write(path, HEADER, row("01", "EP01"), row("01", "EP02"))
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'<dimension ref="A1:G3"', b'<dimension ref="A1:G2"')
    assert b"A1:G2" in parts[sheet]
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert len(read_casme2(path)) == 2


def test_a_broken_workbook_is_named(path):
    write(path, HEADER, row("01", "EP01"))
    replace_cell(path, "B2", "<c r=")
    with pytest.raises(
        DualATMEError, match=r"Expected a workbook \(.xlsx\) or a .csv. Received: .*coding.xlsx"
    ):
        read_casme2(path)
