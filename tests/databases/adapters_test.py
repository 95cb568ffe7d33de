"""Annotation files with every quirk of the three databases, made by hand."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.data import ClipRecord, GroundTruth, read_ground_truth
from dualatme_keras.databases.casme2 import LEFT_OUT, read_casme2
from dualatme_keras.databases.comparison import choose_listed, compare_with_list, format_comparison
from dualatme_keras.databases.folder import read_folder
from dualatme_keras.databases.places import clip_numbers, open_clip
from dualatme_keras.databases.samm import read_samm
from dualatme_keras.databases.smic import read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.workbooks import write_workbook

CASME2 = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None]
CASME2 += ["Action Units", "Estimated Emotion"]
SAMM = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration"]
SAMM += ["Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]
SMIC = ["Subject", "Filename", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF", "Emotion"]


def write_book(path, **sheets):
    write_workbook(path, sheets)
    return path


def casme2_row(subject, clip, emotion, apex=59, onset=46, offset=86):
    return [subject, clip, None, onset, apex, offset, None, "4+L10", emotion]


def samm_row(subject, clip, emotion):
    return [subject, clip, 1, 5562, 5588.0, 5610, 49, "Micro - 1/2", "AU4", emotion, 3, None]


@pytest.fixture
def casme2(tmp_path):
    rows = [
        CASME2,
        casme2_row("01", "EP02_01f", "happiness"),
        casme2_row(1, "EP19_05f", "Disgust"),
        casme2_row("04", "EP12_01f", "disgust", apex="/"),
        casme2_row("05", "EP09_05f", "repression"),
        casme2_row("26", "EP18_50", "others"),
        casme2_row("26", "EP18_51", "fear"),
        [None] * 9,
    ]
    return write_book(tmp_path / "CASME2-coding-20140508.xlsx", Sheet1=rows)


def test_casme2(casme2):
    records = read_casme2(casme2)
    assert [record.name for record in records][:3] == ["sub01_EP02_01f", "sub01_EP19_05f", "sub04_EP12_01f"]
    assert [record.label for record in records] == [1, 0, None, None, None, None]
    assert records[2].apex is None
    assert {
        record.name
        for record in records
        if record.emotion in ("disgust", "repression") and record.label is None
    } == set(LEFT_OUT)
    first = records[0]
    assert (first.onset, first.apex, first.offset, first.action_units) == (46, 59, 86, "4+L10")
    assert first.source.endswith("[Sheet1]:2")


@pytest.mark.parametrize("notes", [0, 13])
def test_samm(notes, tmp_path):
    rows = [
        *[["A note"]] * notes,
        SAMM,
        samm_row("006", "006_1_2", "Anger"),
        samm_row(6, "006_1_3", "Other"),
        samm_row("007", "007_3_1", "Surprise"),
    ]
    records = read_samm(write_book(tmp_path / "SAMM.xlsx", MICRO_ONLY=rows))
    assert [(r.subject, r.name, r.label, r.apex) for r in records] == [
        ("006", "006_1_2", 0, 5588),
        ("006", "006_1_3", None, 5588),
        ("007", "007_3_1", 2, 5588),
    ]


def test_emotions_have_the_classes_of_megc2019(tmp_path):
    """As the organisers sort them: negative 0, positive 1, surprise 2; others take no part."""
    casme2 = {"disgust": 0, "repression": 0, "happiness": 1, "surprise": 2}
    casme2 |= dict.fromkeys(("others", "fear", "sadness"))
    samm = dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), 0)
    samm |= {"happiness": 1, "surprise": 2, "other": None}
    for read, header, row, classes in (
        (read_casme2, CASME2, casme2_row, casme2),
        (read_samm, SAMM, samm_row, samm),
    ):
        rows = [row("06", f"006_{index}", emotion) for index, emotion in enumerate(classes)]
        book = write_book(tmp_path / f"{read.__name__}.xlsx", Sheet1=[header, *rows])
        assert {record.emotion: record.label for record in read(book)} == classes


def smic_tree(root, clips, suffix=".bmp"):
    for subject, emotion, clip in clips:
        folder = root / subject / "micro" / emotion / clip
        folder.mkdir(parents=True)
        for number in range(30, 36):
            Image.new("RGB", (32, 32)).save(folder / f"reg_image{number:04d}{suffix}")


def test_smic_folders_and_annotations(tmp_path):
    smic_tree(
        tmp_path / "HS",
        [("s01", "negative", "s01_ne_01"), ("s1", "positive", "s1_po_1"), ("s02", "surprise", "s02_sur_03")],
    )
    hs = [
        SMIC,
        [1, "s1_ne_01", 31, 34, 40, 44, 30, 35, "negative"],
        [2, "s02_sur_03", 30, 35, None, None, 30, 35, "surprise"],
        [None],
        ["The last three clips", None],
    ]
    vis = [SMIC, [1, "s1_ne_01", 3, 4, None, None, 3, 4, "negative"]]
    book = write_book(tmp_path / "SMIC-HS-E_annotation.xlsx", VIS=vis, HS=hs)
    by_name = {record.name: record for record in read_smic(book, tmp_path)}
    assert set(by_name) == {"s01_ne_01", "s01_po_01", "s02_sur_03"}
    first = by_name["s01_ne_01"]
    assert (first.onset, first.apex, first.offset, first.label) == (31, None, 34, 0)
    assert by_name["s01_po_01"].onset is None
    frames = open_clip(first, tmp_path)
    assert clip_numbers(first, frames.numbers) == [31, 32, 33, 34]
    assert clip_numbers(by_name["s01_po_01"], frames.numbers) == [30, 31, 32, 33, 34, 35]
    assert {record.name for record in read_smic(book)} == {"s01_ne_01", "s02_sur_03"}
    assert len(read_smic(root=tmp_path)) == 3


def test_frames_by_number_whatever_the_padding(tmp_path):
    (tmp_path / "SAMM" / "006" / "006_1_2").mkdir(parents=True)
    for number, name in ((9, "006_0009.jpg"), (10, "006_00010.jpg"), (11, "006_11.jpg")):
        Image.fromarray(np.full((40, 40, 3), 10 * number, "uint8")).save(
            tmp_path / "SAMM" / "006" / "006_1_2" / name
        )
    rows = [SAMM, ["006", "006_1_2", 1, 9, 10, 11, 3, "", "AU4", "Anger", 3, None]]
    (record,) = read_samm(write_book(tmp_path / "SAMM.xlsx", S=rows))
    frames = open_clip(record, tmp_path)  # one folder further down
    assert frames.numbers == (9, 10, 11)
    assert abs(int(frames.read(10)[0, 0, 0]) - 100) < 3


def own_rows(tmp_path, *rows):
    with (tmp_path / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "subject", "label", "onset", "apex", "offset"), *rows])
    return tmp_path / "own.csv"


def test_own_clips(tmp_path):
    table = own_rows(tmp_path, ("a/clip.mp4", "sub01", "surprise", "", "", ""), ("b", "s02", "0", 3, 5, 9))
    records = read_folder(tmp_path, table)
    assert [(r.name, r.database, r.label, r.onset, r.apex) for r in records] == [
        ("sub01_clip", "casme2", 2, None, None),
        ("s02_b", "smic", 0, 3, 5),
    ]
    (tmp_path / "semicolons.csv").write_text(table.read_text().replace(",", ";"))
    assert [r.name for r in read_folder(tmp_path, tmp_path / "semicolons.csv")] == ["sub01_clip", "s02_b"]
    folder = tmp_path / "clips" / "sub03" / "positive" / "smile"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "1.png")
    (record,) = read_folder(tmp_path / "clips")
    assert (record.name, record.label) == ("sub03_smile", 1)


def own_people(tmp_path, *people):
    """A table of a clip for each database and subject."""
    header = ("database", "path", "subject", "label", "onset", "apex", "offset")
    rows = [(database, f"clip{i}", subject, 0, "", "", "") for i, (database, subject) in enumerate(people)]
    with (tmp_path / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return tmp_path / "own.csv"


def test_own_clips_are_of_the_database_that_they_name(tmp_path):
    table = own_people(tmp_path, ("lab", "Anna"), ("", "Bob"), ("", "s02"), ("lab2", "sub01"))
    records = read_folder(tmp_path, table)
    assert [(r.name, r.database) for r in records] == [
        ("Anna_clip0", "lab"),
        ("Bob_clip1", "own"),
        ("s02_clip2", "smic"),
        ("sub01_clip3", "lab2"),
    ]
    with pytest.raises(DualATMEError, match="own.csv:5: Expected clips of 'lab'.*'lab2'.*leave `database`"):
        read_folder(tmp_path, table, "lab")


def test_own_people_need_no_table(tmp_path):
    for place in ("Anna/positive/smile", "s01/negative/frown"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / place / "1.png")
    assert [r.database for r in read_folder(tmp_path)] == ["own", "smic"]
    assert [r.database for r in read_folder(tmp_path, database="lab")] == ["lab", "lab"]


@pytest.mark.parametrize(
    "place",
    [
        "Anna/smile.mp4",
        *("Anna/positive/smile.flv", "Anna/positive/more/smile.avi"),
        *("Anna/smile/%d.png", "Anna/positive/smile/%d.webp"),
    ],
)
def test_what_looks_like_a_clip_elsewhere_is_not_passed_over(tmp_path, place):
    for kept in ("s01/negative/frown", "s01/negative/frown/eyes", "s01/negative/.cache", "out/lab/flow"):
        (tmp_path / kept).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(tmp_path / kept / f"{number}.png")
    for kept in ("s01/portrait.png", "s01/._portrait.png", "s01/negative/notes.txt"):
        (tmp_path / kept).write_bytes(b"")
    assert [r.name for r in read_folder(tmp_path, output=tmp_path / "out")] == ["s01_frown"]
    for number in range(2):
        file = tmp_path / (place % number if "%" in place else place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(
            DualATMEError, match="Expected all clips .*Received: .*smile.*elsewhere, empty or"
        ):
            read_folder(tmp_path, output=tmp_path / "out")
        shutil.rmtree(tmp_path / "s01", ignore_errors=True)  # also where no clip is right


@pytest.mark.parametrize("place", ["s01/negative/grin.gif", "s01/negative/grin/1.webp"])
def test_a_single_file_of_another_kind_is_told_too(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_bytes(b"")
    (tmp_path / "s02" / "negative").mkdir(parents=True)
    (tmp_path / "s02" / "negative" / "frown.mp4").write_bytes(b"")
    with pytest.raises(DualATMEError, match="Received: .*grin.*of another kind"):
        read_folder(tmp_path)


def test_an_empty_folder_in_place_of_a_clip_is_told(tmp_path):
    (tmp_path / "s01" / "negative" / "frown").mkdir(parents=True)
    with pytest.raises(DualATMEError, match="Received: .*frown, elsewhere, empty or"):
        read_folder(tmp_path)


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    closed, scandir = tmp_path / "s01" / "negative" / "frown", os.scandir
    closed.mkdir(parents=True)

    def scan(path="."):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(PermissionError, match="frown"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ([("lab", "Anna"), ("home", "Anna")], "'Anna' of 'lab' .*own.csv:2.*'Anna' of 'home' .*'home_Anna'"),
        ([("lab", "Anna"), ("lab", "anna")], "one name per subject.*'Anna' and 'anna' .*own.csv:3"),
        ([("my lab", "Anna")], "own.csv:2: Expected the database's name.*'my lab', which has spaces"),
        ([("lab", "Anna_clip1_x"), ("lab", "..")], "own.csv:3: Expected the subject's name"),
    ],
)
def test_faulty_people(people, message, tmp_path):
    with pytest.raises(DualATMEError, match=message):
        read_folder(tmp_path, own_people(tmp_path, *people))


def test_clips_of_other_databases_are_compared_too(tmp_path):
    records = read_folder(tmp_path, own_people(tmp_path, ("lab", "Anna"), ("casme2", "sub01")))
    comparison = compare_with_list(records, [GroundTruth("casme2", "sub01", "clip1", 0)])
    assert comparison.counts["lab", 0] == (0, 1)
    assert [record.name for record in comparison.only_annotated] == ["Anna_clip0"]
    text = format_comparison(comparison)
    assert "\nlab  " in text
    assert "\nnot in the list: Anna_clip0 (" in text
    assert text.endswith("\n0 clips only in the list, 1 not in it, 0 with another label")


def test_comparison_names_every_difference(casme2):
    truth = [
        GroundTruth("casme2", "sub01", "EP02_01f", 1, "gt.csv:1"),
        GroundTruth("casme2", "sub01", "EP19_05f", 2, "gt.csv:2"),
        GroundTruth("casme2", "sub09", "EP01_01", 0, "gt.csv:3"),
        GroundTruth("smic", "s01", "s01_ne_01", 0, "gt.csv:4"),
    ]
    records = read_casme2(casme2)
    comparison = compare_with_list(records, truth)
    assert not comparison.agrees
    assert comparison.counts == {("casme2", 0): (1, 1), ("casme2", 1): (1, 1), ("casme2", 2): (1, 0)}
    assert comparison.subjects == {"casme2": (2, 1)}
    text = format_comparison(comparison)
    assert "only in the list: casme2 sub09 EP01_01 (gt.csv:3)" in text
    assert "other label: sub01_EP19_05f is surprise in the list (gt.csv:2), negative" in text
    assert "smic" not in text
    assert [(r.name, r.label) for r in choose_listed(records, truth)] == [
        ("sub01_EP02_01f", 1),
        ("sub01_EP19_05f", 2),
    ]


@pytest.fixture(scope="module")
def organisers_list():
    path = Path(__file__).parents[3] / "shared" / "protocol" / "megc2019_combined_3class_gt.csv"
    if not path.is_file():
        pytest.skip("the organisers' list is not beside this checkout")
    return read_ground_truth(path)


def test_conventions_and_list_meet_in_442_clips(organisers_list, tmp_path):
    """Tables with all rows of the databases, in their conventions, whose clips are those of the list."""
    emotions = {
        "casme2": (("disgust", "repression"), ("happiness",), ("surprise",)),
        "samm": (("Anger", "Contempt", "Disgust", "Fear", "Sadness"), ("Happiness",), ("Surprise",)),
    }
    rows = {"casme2": [], "samm": []}
    for index, row in enumerate(organisers_list):
        if row.database == "smic":
            clip = tmp_path / "HS" / row.subject / "micro" / CLASS_NAMES[row.label] / row.clip
            clip.mkdir(parents=True)
            continue
        choices = emotions[row.database][row.label]
        number = int(row.subject.removeprefix("sub"))
        subject = number if index % 2 else f"{number:02d}" if row.database == "casme2" else f"{number:03d}"
        new_row = casme2_row if row.database == "casme2" else samm_row
        rows[row.database].append(new_row(subject, row.clip, choices[index % len(choices)]))
    rows["casme2"] += [casme2_row("04", "EP12_01f", "disgust", apex="/")]
    rows["casme2"] += [casme2_row("05", "EP09_05f", "disgust")]
    left_out = ("others", "others", "others", "fear", "sadness")
    rows["casme2"] += [casme2_row(f"{1 + n % 26:02d}", f"EP90_{n}", left_out[n % 5]) for n in range(108)]
    rows["samm"] += [samm_row("037", f"037_9_{n}", "Other") for n in range(26)]
    assert (len(rows["casme2"]), len(rows["samm"])) == (255, 159)
    records = [
        *read_casme2(write_book(tmp_path / "CASME2-coding.xlsx", Sheet1=[CASME2, *rows["casme2"]])),
        *read_samm(write_book(tmp_path / "SAMM.xlsx", MICRO_ONLY=[*[["A note"]] * 13, SAMM, *rows["samm"]])),
        *read_smic(root=tmp_path),
    ]
    chosen = choose_listed(records, organisers_list)
    assert len(chosen) == 442
    assert len({(record.database, record.subject) for record in chosen}) == 68
    by_emotion = [record for record in records if record.label is not None]
    assert [record.name for record in by_emotion] == [record.name for record in chosen]
    comparison = compare_with_list(records, organisers_list)
    assert comparison.agrees, format_comparison(comparison)
    assert comparison.subjects == {"casme2": (24, 24), "samm": (28, 28), "smic": (16, 16)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[name for name in CASME2 if name != "ApexFrame"]], "columns.*Missing.*: ApexFrame"),
        ([CASME2, casme2_row("01", "EP1", "joy")], r"\]:2: Expected an emotion out of disgust.*'joy'"),
        (
            [CASME2, casme2_row("01", "EP1", "fear"), casme2_row(1, "EP1", "fear")],
            r"\]:3: Expected every clip once.*sub01_EP1, also at .*:2",
        ),
        ([CASME2, casme2_row("x", "EP1", "fear")], r"\]:2: Expected the subject's number. Received: 'x'"),
        (
            [CASME2, casme2_row("01", "EP1", "fear", apex="later")],
            r"\]:2: Expected a frame number as ApexFrame. Received: 'later'",
        ),
    ],
)
def test_faulty_annotations(rows, message, tmp_path):
    with pytest.raises(DualATMEError, match=message):
        read_casme2(write_book(tmp_path / "coding.xlsx", Sheet1=rows))


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({"onset": 60}, "apex after the onset.*onset 60, apex 59"),
        ({"onset": 86}, "onset before the offset.*onset 86, apex 59, offset 86"),
        ({"apex": 99}, "not after the offset.*apex 99"),
        ({"offset": 59, "onset": 40}, "Missing: 40"),
    ],
)
def test_faulty_frames(frames, message, tmp_path):
    (record,) = read_casme2(
        write_book(tmp_path / "c.xlsx", S=[CASME2, casme2_row("01", "EP1", "fear", **frames)])
    )
    with pytest.raises(DualATMEError, match=message):
        clip_numbers(record, tuple(range(46, 87)))


def test_the_apex_comes_after_the_first_frame_too():
    """Which is the onset where none is told."""
    with pytest.raises(DualATMEError, match="apex after the onset.*onset 46, apex 46"):
        clip_numbers(ClipRecord("lab", "Anna", "clip", 0, apex=46), (46, 47))


def test_missing_frames_are_named(tmp_path):
    (record,) = read_casme2(
        write_book(tmp_path / "c.xlsx", S=[CASME2, casme2_row("01", "EP1", "fear", apex="/")])
    )
    with pytest.raises(DualATMEError, match="Missing: 50, 51, 52, 53, 54 and 2 more; there are 46 to 86"):
        clip_numbers(record, tuple(n for n in range(46, 87) if not 50 <= n <= 56))
    with pytest.raises(DualATMEError, match="Missing: 85; there are 46 to 86"):
        clip_numbers(record, tuple(n for n in range(46, 87) if n != 85))


@pytest.mark.parametrize(
    "frames", [{"onset": 46, "offset": 86, "apex": 59}, {"onset": 46}, {"offset": 86}, {}]
)
def test_numbers_may_have_gaps_where_no_frame_in_them_is_needed(frames):
    """Two frames are enough where the apex is known, and what has no end cannot lack a frame."""
    numbers = (46, 47, 59, 86)
    assert clip_numbers(ClipRecord("lab", "Anna", "clip", 0, **frames), numbers) == list(numbers)


def test_faulty_places(tmp_path):
    (record,) = read_casme2(write_book(tmp_path / "c.xlsx", S=[CASME2, casme2_row("01", "EP1", "fear")]))
    with pytest.raises(DualATMEError, match="Expected the frames of sub01_EP1.*Received: no such"):
        open_clip(record, tmp_path)
    for base in ("RAW", "Cropped"):
        (tmp_path / base / "sub01" / "EP1").mkdir(parents=True)
    with pytest.raises(DualATMEError, match="Cropped.* and .*RAW"):
        open_clip(record, tmp_path)
    with pytest.raises(DualATMEError, match="Expected numbered frames"):
        open_clip(record, tmp_path / "RAW")
    for name in ("img46.jpg", "reg_img46.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / "RAW" / "sub01" / "EP1" / name)
    with pytest.raises(DualATMEError, match="one file per frame.*img46.jpg and reg_img46.jpg"):
        open_clip(record, tmp_path / "RAW")
    (tmp_path / "sub01").mkdir()
    (tmp_path / "sub01" / "clip.mp4").write_bytes(b"no video")
    (own,) = read_folder(tmp_path, own_rows(tmp_path, ("sub01/clip.mp4", "sub01", "0", "", "", "")))
    with pytest.raises(DualATMEError, match="Expected a video. Received: .*clip.mp4"):
        open_clip(own, tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("../x", "sub01", "0", "", "", ""), "own.csv:2: Expected a path below `root`"),
        (("x", "a/b", "0", "", "", ""), "own.csv:2: Expected the subject's name.*'a/b'"),
        (("x", "sub01", "angry", "", "", ""), "own.csv:2: Expected a label.*'angry'"),
    ],
)
def test_faulty_own_clips(row, message, tmp_path):
    with pytest.raises(DualATMEError, match=message):
        read_folder(tmp_path, own_rows(tmp_path, row))
