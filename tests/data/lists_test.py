import dataclasses
import re

import pytest

from dualatme_keras.data import Clip, read_list, read_lists, write_lists
from dualatme_keras.errors import DualATMEError


def _file(tmp_path, content):
    path = tmp_path / "x_train.txt"
    path.write_bytes(content)
    return path


def test_read_list_tolerates_spaces_blank_lines_bom_and_crlf(tmp_path):
    path = _file(
        tmp_path, b"\xef\xbb\xbf/my data/a b.png 0 0\r\n\r\n  \r\nC:\\d\\c.png\t2  3\r\n/\xc3\xa9.png 1 1"
    )
    entries = read_list(path)
    assert [(e.path, e.label, e.database, e.line) for e in entries] == [
        ("/my data/a b.png", 0, 0, 1),
        ("C:\\d\\c.png", 2, 3, 4),
        ("/é.png", 1, 1, 5),
    ]
    assert entries[1].source == f"{path}:4"


@pytest.mark.parametrize(
    ("content", "line", "received"),
    [
        (b"a.png 0 0\na.png 1", 2, "'a.png 1'"),
        (b"a.png", 1, "'a.png'"),
        (b"\na.png 3 0", 2, "label '3'"),
        (b"a.png -1 0", 1, "label '-1'"),
        (b"a b.png 1", 1, "label 'b.png'"),
        (b"a.png 1.0 0", 1, "label '1.0'"),
        (b"a.png 1 4", 1, "'4'"),
        (b"a.png 1 0.5", 1, "'0.5', which is a number"),
        (b"a.png 1 Full", 1, "'Full', which is what all databases"),
        (b"a.png 1 CASME2", 1, "'CASME2', which is spelled 'casme2'"),
        (b"a.png 1 a/b", 1, "'a/b', which leads to another folder"),
        (b"\n \n", 1, "an empty list"),
    ],
)
def test_read_list_names_file_and_line_of_a_fault(tmp_path, content, line, received):
    path = _file(tmp_path, content)
    with pytest.raises(DualATMEError, match="Expected") as error:
        read_list(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert received in str(error.value).partition("Received: ")[2]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00a 0 0"])
def test_read_list_refuses_missing_and_binary_files(tmp_path, content):
    path = tmp_path / "absent.txt" if content is None else _file(tmp_path, content)
    with pytest.raises(DualATMEError, match=re.escape(str(path))):
        read_list(path)


@pytest.mark.parametrize("base", [0, 1])
def test_write_lists_is_read_back(clips, tmp_path, base):
    clips[0] = dataclasses.replace(clips[0], path="C:\\my data\\flow\\sub01 é_flow.png")
    write_lists(clips, tmp_path / "new" / "lists", database_base=base)
    lists = read_lists(tmp_path / "new" / "lists")
    assert list(lists.clips) == clips
    assert lists.database_base == base
    for fold in lists.folds:
        assert list(fold.test) == [clip for clip in clips if clip.subject == fold.name]
        assert list(fold.train) == [clip for clip in clips if clip.subject != fold.name]


def test_write_lists_writes_the_published_format(clips, lists_dir):
    assert (lists_dir / "subName.txt").read_bytes() == b"sub01\nsub02\n006\n007\ns01\ns02\n"
    assert (lists_dir / "s02_test.txt").read_bytes() == (
        b"/home/user/data/smic/flow/s02_s02_sur_01_image9-image1_flow.png 1 2\n"
        b"/home/user/data/smic/flow/s02_s02_sur_02_image9-image1_flow.png 2 2\n"
    )
    assert len(list(lists_dir.iterdir())) == 1 + 2 * 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "b.png"}, "every clip once"),
        ({"label": 3}, "Received: 3"),
        ({"label": None}, "Received: None"),
        (
            {"database": "samm"},
            r"'sub02' of 'casme2' \(b.png\) and 'sub02' of 'samm' \(a.png\).*'samm_sub02'",
        ),
        ({"database": "lab", "subject": "SUB02"}, "'sub02' of 'casme2' .*'SUB02' of 'lab'"),
        ({"database": "my lab"}, "'my lab', which has spaces"),
        ({"database": "3"}, "'3', which is a number"),
        ({"subject": "../anna"}, "'../anna', which leads"),
        ({"subject": "anna "}, "'anna ', which has spaces around it"),
        ({"subject": "sub002"}, "'sub02' and 'sub002'"),
        ({"path": "a\nb.png"}, "without line breaks"),
        ({"path": "a.png "}, "without line breaks or spaces"),
        ({"path": ""}, "Received: ''"),
    ],
)
def test_write_lists_refuses_what_lists_cannot_hold(tmp_path, changes, message):
    clips = [Clip("c.png", "sub01", "casme2", 0), Clip("b.png", "sub02", "casme2", 0)]
    clips.append(dataclasses.replace(Clip("a.png", "sub02", "casme2", 0), **changes))
    with pytest.raises(DualATMEError, match=message):
        write_lists(clips, tmp_path / "lists")
    assert not (tmp_path / "lists").exists()


def _own_clips():
    """Clips of people with any names, of a database of MEGC2019 and two others."""
    people = [("sub01", "casme2"), ("Anna", "lab"), ("sub02", "lab"), ("微 Bo", "casme3")]
    return [Clip(f"{d}/flow/{s}_{i}_flow.png", s, d, i) for s, d in people for i in range(2)]


def test_databases_of_other_names_are_written_by_name_and_read_back(tmp_path):
    clips = _own_clips()
    write_lists(clips, tmp_path)
    assert (tmp_path / "Anna_test.txt").read_bytes() == (
        b"lab/flow/Anna_0_flow.png 0 lab\nlab/flow/Anna_1_flow.png 1 lab\n"
    )
    assert (tmp_path / "sub02_train.txt").read_text().splitlines()[1] == (
        "casme2/flow/sub01_1_flow.png 1 casme2"
    )
    lists = read_lists(tmp_path)
    assert list(lists.clips) == clips
    assert lists.database_base is None
    assert [entry.database for entry in read_list(tmp_path / "sub01_test.txt")] == ["casme2"] * 2


def test_a_name_that_is_not_megc2019s_needs_a_databases_name_too(clips, tmp_path):
    clips[0:2] = [dataclasses.replace(clip, subject="anna") for clip in clips[0:2]]
    write_lists(clips, tmp_path)
    assert (tmp_path / "anna_test.txt").read_text().endswith("_flow.png 1 casme2\n")
    assert list(read_lists(tmp_path).clips) == clips


def test_two_spellings_of_a_persons_name_are_refused(tmp_path):
    clips = [Clip("a.png", "Anna", "lab", 0), Clip("b.png", "Bob", "lab", 0), Clip("c.png", "anna", "lab", 0)]
    with pytest.raises(DualATMEError, match=r"one name per subject. Received: 'Anna' and 'anna' \(c.png\)"):
        write_lists(clips, tmp_path)
    # These are numbers in SAMM alone.
    write_lists([Clip("a.png", "6", "lab", 0), Clip("b.png", "006", "lab", 0)], tmp_path)
    assert [fold.name for fold in read_lists(tmp_path).folds] == ["6", "006"]


def test_write_lists_refuses_one_subject_and_other_bases(clips, tmp_path):
    with pytest.raises(DualATMEError, match="at least two subjects"):
        write_lists(clips[:2], tmp_path)
    with pytest.raises(DualATMEError, match="database_base"):
        write_lists(clips, tmp_path, database_base=2)


def test_write_lists_overwrites_only_when_asked(clips, lists_dir):
    (lists_dir / "notes.txt").write_text("mine")
    with pytest.raises(DualATMEError, match="overwrite=True"):
        write_lists(clips[:4], lists_dir)
    assert list(read_lists(lists_dir).clips) == clips
    write_lists(clips[:4], lists_dir, overwrite=True)
    assert list(read_lists(lists_dir).clips) == clips[:4]
    # Nothing is left of the subjects that are gone, and nothing else is touched.
    names = {
        "notes.txt",
        "subName.txt",
        "sub01_train.txt",
        "sub01_test.txt",
        "sub02_train.txt",
        "sub02_test.txt",
    }
    assert {path.name for path in lists_dir.iterdir()} == names


def test_write_lists_interrupted_leaves_no_protocol(clips, lists_dir, monkeypatch):
    replaced = []

    def fail_third(source, target):
        if len(replaced) == 2:
            raise KeyboardInterrupt
        replaced.append(target)

    monkeypatch.setattr("dualatme_keras.data.lists.os.replace", fail_third)
    with pytest.raises(KeyboardInterrupt):
        write_lists(clips[:6], lists_dir, overwrite=True)
    with pytest.raises(DualATMEError, match=r"without subName\.txt"):
        read_lists(lists_dir)


def test_write_lists_removes_no_file_outside(clips, lists_dir, tmp_path):
    (tmp_path / "a_train.txt").write_text("mine")
    (lists_dir / "subName.txt").write_text("../a\n")
    write_lists(clips, lists_dir, overwrite=True)
    assert (tmp_path / "a_train.txt").exists()
