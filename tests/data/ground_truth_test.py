import pytest

from dualatme_keras.data import (
    Clip,
    GroundTruth,
    clips_from_ground_truth,
    read_ground_truth,
    read_lists,
    write_lists,
)
from dualatme_keras.data.ground_truth import find_truth, index_truth
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import parse_subject

_TABLE = """casme2,sub01,EP02_01f,1
casme2,sub01,EP02_01,0

samm,6,006_1_2,0
samm,7,007_7_1,2
smic,s01,s01_ne_01,0
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(_TABLE, encoding="utf-8-sig", newline="\r\n")
    return path


def test_read_ground_truth(table):
    rows = read_ground_truth(table)
    assert len(rows) == 5
    assert rows[2] == GroundTruth("samm", "6", "006_1_2", 0)
    assert rows[2].source == f"{table}:4"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("samm,6,006_1_3", "database,subject,clip,label"),
        ("samm,6,,0", "database,subject,clip,label"),
        ("database,subject,clip,label", "a database of"),
        ("samm,sub06,006_1_3,0", "a subject's name of samm"),
        ("smic,anna,s01_ne_02,0", "a subject's name of smic"),
        ("samm,6,006_1_3,3", "a label 0, 1 or 2"),
        ("samm,006,6_1_2,0", r"also at .*truth\.csv:4"),
    ],
)
def test_faulty_rows_are_named(table, row, message):
    table.write_text(_TABLE + row + "\n")
    with pytest.raises(DualATMEError, match=rf"truth\.csv:7: .*{message}.*") as error:
        read_ground_truth(table)
    assert row in str(error.value)


def test_an_empty_table_is_refused(table):
    table.write_text("\n")
    with pytest.raises(DualATMEError, match=r"truth\.csv:1: "):
        read_ground_truth(table)


def test_clips_from_ground_truth_feed_write_lists(table, tmp_path):
    clips = clips_from_ground_truth(read_ground_truth(table))
    assert clips[0] == Clip("casme2/flow/sub01_EP02_01f_flow.png", "sub01", "casme2", 1)
    assert clips[2] == Clip("samm/flow/006_1_2_flow.png", "006", "samm", 0)
    assert clips[4] == Clip("smic/flow/s01_ne_01_flow.png", "s01", "smic", 0)
    write_lists(clips, tmp_path / "lists")
    assert list(read_lists(tmp_path / "lists").clips) == clips


def test_clips_from_ground_truth_follow_a_pattern(table):
    clips = clips_from_ground_truth(read_ground_truth(table), "/d/{subject}/{subject}_{clip}.jpg")
    assert [clips[2].path, clips[4].path] == ["/d/006/006_006_1_2.jpg", "/d/s01/s01_s01_ne_01.jpg"]
    with pytest.raises(DualATMEError, match="nope"):
        clips_from_ground_truth(read_ground_truth(table), "{nope}")


@pytest.mark.parametrize(
    ("stem", "subject", "clip"),
    [
        ("sub01_EP02_01f_img59-img46_flow", "sub01", "EP02_01f"),
        ("sub01_EP02_01_img59-img46_flow", "sub01", "EP02_01"),
        ("EP02_01f_flow", "sub01", "EP02_01f"),
        ("sub1_ep02_01f", "sub01", "EP02_01f"),
        ("sub02_EP02_01f_flow", "sub02", None),
        ("sub01_EP02_01g_flow", "sub01", None),
        ("sub02_EP02_01f_flow", "sub01", None),
        ("C:\\flow\\sub01_EP02_01f_flow", "sub01", "EP02_01f"),
        ("s01_s01_ne_01_image9-image1_flow", "s01", "s01_ne_01"),
        ("s1_ne_01_flow", "s01", "s01_ne_01"),
        ("s01_ne_011_flow", "s01", None),
        ("006_1_2_flow", "006", "006_1_2"),
        ("6_006_1_2_flow", "6", "006_1_2"),
        ("006_1_25_flow", "006", None),
        ("006_1_2_3_flow", "006", "006_1_2_3"),
        # Subject 7 has an expression 7; only one leading part is the subject.
        ("007_7_1_flow", "007", "007_7_1"),
        ("007_007_7_1_flow", "007", "007_7_1"),
        ("007_7_3_1_flow", "007", "007_7_3"),
    ],
)
def test_find_truth_by_subject_and_clip_name(stem, subject, clip):
    names = {
        "sub01": ["EP02_01", "EP02_01f"],
        "6": ["006_1_2", "006_1_2_3"],
        "7": ["007_3_1", "007_7_1", "007_7_3"],
        "s01": ["s01_ne_01"],
    }
    databases = {"sub01": "casme2", "6": "samm", "7": "samm", "s01": "smic"}
    truth = [GroundTruth(databases[s], s, name, 0) for s, group in names.items() for name in group]
    database, _ = parse_subject(subject)
    row = find_truth(Clip(f"/d/flow/{stem}.png", subject, database, 0), index_truth(truth))
    assert (row and row.clip) == clip


def test_a_subject_of_another_database_has_no_row():
    index = index_truth([GroundTruth("casme2", "sub01", "EP02_01f", 0)])
    clips = [Clip("/d/flow/sub01_EP02_01f_flow.png", "sub01", name, 0) for name in ("casme2", "lab")]
    assert [find_truth(clip, index) is None for clip in clips] == [False, True]
