import dataclasses
import re
import tracemalloc

import pytest

from dualatme_keras.data import Clip, audit, make_folds, read_lists, write_lists
from dualatme_keras.data.folds import clips_of
from dualatme_keras.errors import DualATMEError


def _renumber(directory, old, new):
    """Replaces a database number in all lists."""
    for path in directory.glob("*_t*.txt"):
        path.write_text(re.sub(f" {old}$", f" {new}", path.read_text(), flags=re.MULTILINE))


def test_read_lists_gives_clips_and_folds_in_list_order(clips, lists_dir):
    lists = read_lists(lists_dir)
    assert list(lists.clips) == clips
    assert lists.clips[3].source == f"{lists_dir / 'sub02_test.txt'}:2"
    assert [fold.name for fold in lists.folds] == ["sub01", "sub02", "006", "007", "s01", "s02"]
    assert [len(fold.train) for fold in lists.folds] == [10] * 6
    assert list(lists.folds[2].test) == clips[4:6]


def test_folds_keep_the_label_of_their_own_train_list(lists_dir):
    path = lists_dir / "s01_train.txt"
    path.write_text(path.read_text().replace("_flow.png 0 0", "_flow.png 1 0", 1))
    folds = {fold.name: fold for fold in read_lists(lists_dir).folds}
    assert (folds["s01"].train[0].label, folds["s02"].train[0].label) == (1, 0)
    assert folds["s01"].train[0].source == f"{path}:1"


def test_numbering_zero_or_three_decides(clips, lists_dir):
    assert read_lists(lists_dir).database_base == 0
    write_lists(clips, lists_dir, database_base=1, overwrite=True)
    assert read_lists(lists_dir).database_base == 1
    assert list(read_lists(lists_dir).clips) == clips


def test_numbering_of_both_kinds_is_refused(lists_dir):
    path = lists_dir / "s02_test.txt"
    path.write_text(path.read_text().replace(" 1 2\n", " 1 3\n"))
    with pytest.raises(DualATMEError, match=r"0 at .*sub01_test.txt.* and 3 at .*s02_test.txt:1\."):
        read_lists(lists_dir)


@pytest.mark.parametrize(
    ("databases", "base"), [(("samm", "smic"), 0), (("casme2", "samm"), 1), (("casme2",), 1), (("samm",), 1)]
)
def test_numbering_without_zero_and_three_follows_the_names(clips, tmp_path, databases, base):
    write_lists([clip for clip in clips if clip.database in databases], tmp_path, database_base=base)
    lists = read_lists(tmp_path)
    assert lists.database_base == base
    assert {clip.database for clip in lists.clips} == set(databases)


def test_database_follows_the_subjects_name_not_the_number(clips, lists_dir):
    _renumber(lists_dir, 1, 2)
    assert list(read_lists(lists_dir).clips) == clips


@pytest.fixture
def named_dir(tmp_path):
    """Lists by name: two people of `lab`, two of `home`, one of SMIC."""
    people = {"Anna": "lab", "s1": "home", "Bob": "lab", "s01": "smic", "s02": "home"}
    clips = [Clip(f"{d}/flow/{s}_{i}_flow.png", s, d, i) for s, d in people.items() for i in range(2)]
    write_lists(clips, tmp_path / "named")
    return tmp_path / "named"


def test_with_names_the_column_decides(named_dir):
    lists = read_lists(named_dir)
    assert [(lists.subject, lists.database) for lists in lists.subjects] == [
        ("Anna", "lab"),
        ("s1", "home"),
        ("Bob", "lab"),
        ("s01", "smic"),
        ("s02", "home"),
    ]
    assert {clip.subject: clip.database for clip in lists.clips}["s02"] == "home"


def test_any_databases_make_folds(named_dir):
    lists = read_lists(named_dir)
    assert [fold.name for fold in make_folds(lists, "hde")] == ["smic", "lab", "home"]
    assert [fold.name for fold in make_folds(lists, databases=["home", "lab"])] == [
        "Anna",
        "s1",
        "Bob",
        "s02",
    ]
    folds = make_folds(lists, "sde", databases=["lab", "home"])
    assert [{clip.subject for clip in fold.train} for fold in folds] == [{"Bob"}, {"s02"}, {"Anna"}, {"s1"}]
    assert [fold.name for fold in make_folds(lists, subjects=["Bob", "s1", "S01"])] == ["s1", "Bob", "s01"]
    with pytest.raises(
        DualATMEError, match="Received: bob, s2"
    ):  # only MEGC2019's names have other spellings
        make_folds(lists, subjects=["bob", "s2", "Anna"])


def test_numbers_beside_names_are_refused(named_dir):
    path = named_dir / "Bob_train.txt"
    path.write_text(path.read_text().replace(" lab\n", " 0\n", 1))
    with pytest.raises(
        DualATMEError, match=r"one way.*0 at .*Bob_train.txt:1 and 'home' at .*Anna_train.txt:1"
    ):
        read_lists(named_dir)


def test_one_subject_in_two_databases_is_refused(named_dir):
    path = named_dir / "Anna_test.txt"
    path.write_text(path.read_text().replace("1 lab\n", "1 home\n"))
    with pytest.raises(
        DualATMEError, match=r"'lab' at .*Anna_test.txt:1 and 'home' at .*Anna_test.txt:2\. Where"
    ):
        read_lists(named_dir)


def test_two_spellings_of_a_subject_are_refused_in_lists_by_name(named_dir):
    for kind in ("train", "test"):
        (named_dir / f"BOB_{kind}.txt").write_text((named_dir / f"Bob_{kind}.txt").read_text())
    with open(named_dir / "subName.txt", "a") as file:
        file.write("BOB\n")
    with pytest.raises(DualATMEError, match="subName.txt:6: .*'BOB' after 'Bob'"):
        read_lists(named_dir)


def test_missing_pieces_are_named(lists_dir, tmp_path):
    with pytest.raises(DualATMEError, match="no directory"):
        read_lists(tmp_path / "absent")
    for name in ("006_test.txt", "s01_train.txt"):
        (lists_dir / name).unlink()
    with pytest.raises(DualATMEError, match=r"no 006_test.txt, s01_train.txt\."):
        read_lists(lists_dir)
    (lists_dir / "subName.txt").write_text("Anna\n")
    with pytest.raises(DualATMEError, match=r"of the 1 subjects .*no Anna_train.txt, Anna_test.txt\."):
        read_lists(lists_dir)
    (lists_dir / "subName.txt").unlink()
    with pytest.raises(DualATMEError, match=r"without subName\.txt"):
        read_lists(lists_dir)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sub01\n\nsub1\n", "subName.txt:3: .*'sub1' after 'sub01'"),
        ("sub01\nanna\n", "subName.txt:2: .*'anna'.*the database's name"),
        ("sub01\n../sub02\n", "subName.txt:2: .*'../sub02', which leads to another folder"),
        ("sub01\nsub01\n", "subName.txt:2: .*'sub01', which is there twice"),
        ("\n", "subName.txt:1: .*an empty file"),
    ],
)
def test_faulty_subject_names_are_refused(lists_dir, text, message):
    (lists_dir / "subName.txt").write_text(text)
    with pytest.raises(DualATMEError, match=message):
        read_lists(lists_dir)


def test_a_clip_of_no_subject_makes_no_fold(lists_dir):
    with open(lists_dir / "s01_train.txt", "a") as file:
        file.write("/x/flow/extra_flow.png 0 0\n")
    lists = read_lists(lists_dir)
    with pytest.raises(DualATMEError, match=r"s01_train.txt:11: .*extra_flow"):
        _ = lists.folds


def test_cde_takes_the_lists_as_they_are(lists_dir):
    lists = read_lists(lists_dir)
    assert make_folds(lists) == lists.folds


def test_cde_of_two_databases_keeps_the_third_out_of_training_too(clips, lists_dir):
    folds = make_folds(read_lists(lists_dir), "cde", databases=["smic", "casme2"])
    assert [fold.name for fold in folds] == ["sub01", "sub02", "s01", "s02"]
    assert list(folds[0].train) == clips[2:4] + clips[8:]


def test_sde_trains_within_the_database(clips, lists_dir):
    folds = make_folds(read_lists(lists_dir), "sde")
    assert len(folds) == 6
    assert list(folds[2].train) == clips[6:8]
    assert list(folds[2].test) == clips[4:6]
    assert [fold.name for fold in make_folds(read_lists(lists_dir), "sde", ["samm"])] == ["006", "007"]


def test_hde_holds_a_database_out(clips, lists_dir):
    lists = read_lists(lists_dir)
    folds = make_folds(lists, "hde")
    assert [fold.name for fold in folds] == ["casme2", "samm", "smic"]
    assert list(folds[1].test) == clips[4:8]
    assert list(folds[1].train) == clips[:4] + clips[8:]
    assert make_folds(lists, "hde", databases=["samm"]) == (folds[1],)
    assert make_folds(lists, "hde", subjects=["smic"]) == (folds[2],)


def test_subjects_choose_folds_and_padding_does_not_matter(lists_dir):
    lists = read_lists(lists_dir)
    assert [fold.name for fold in make_folds(lists, subjects=["s1", "6", "sub02"])] == [
        "sub02",
        "006",
        "s01",
    ]
    assert make_folds(lists, databases=(), subjects=()) == lists.folds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "loso"}, "cde, sde, hde. Received: 'loso'"),
        ({"databases": ["casme"]}, "casme2, samm, smic. Received: casme"),
        ({"subjects": ["s03"]}, "sub01, sub02, 006, 007, s01, s02. Received: s03"),
        ({"databases": ["samm"], "subjects": ["s01"]}, "among: 006, 007. Received: s01"),
        ({"protocol": "hde", "subjects": ["s01"]}, "among: casme2, samm, smic. Received: s01"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(lists_dir, arguments, message):
    with pytest.raises(DualATMEError, match=message):
        make_folds(read_lists(lists_dir), **arguments)


def test_a_fold_without_training_clips_is_refused(clips, tmp_path):
    write_lists([*clips[:4], dataclasses.replace(clips[4])], tmp_path)
    lists = read_lists(tmp_path)
    with pytest.raises(DualATMEError, match=r"fold '006' of sde .*Received: 0 to train on, 1 to test on"):
        make_folds(lists, "sde")
    assert len(make_folds(lists, "sde", databases=["casme2"])) == 2
    write_lists(clips[:4], tmp_path, overwrite=True)
    with pytest.raises(DualATMEError, match="fold 'casme2' of hde"):
        make_folds(read_lists(tmp_path), "hde")


def test_a_database_absent_from_the_lists_is_refused(tmp_path):
    write_lists([Clip("a", "s01", "smic", 0), Clip("b", "s02", "smic", 1)], tmp_path)
    with pytest.raises(DualATMEError, match=r"among: smic\. Received: samm"):
        make_folds(read_lists(tmp_path), databases=["samm"])


def test_without_train_lists_each_trains_on_all_others(clips, lists_dir, tmp_path):
    write_lists(clips, tmp_path / "tests", train_lists=False)
    assert {path.name.split("_")[-1] for path in (tmp_path / "tests").iterdir()} == {
        "subName.txt",
        "test.txt",
    }
    lists, whole = read_lists(tmp_path / "tests"), read_lists(lists_dir)
    assert lists.folds == whole.folds
    assert lists.database_base == whole.database_base
    assert make_folds(lists, "sde") == make_folds(whole, "sde")
    assert make_folds(lists, databases=["samm", "smic"]) == make_folds(whole, databases=["samm", "smic"])
    entries = lists.subjects[1].train
    assert len(entries) == 10
    assert [entry.source.rpartition("/")[2] for entry in entries[:3]] == [
        "sub01_test.txt:1",
        "sub01_test.txt:2",
        "006_test.txt:1",
    ]
    assert not audit(lists).errors
    # A single one says that the others are missing.
    (tmp_path / "tests" / "s01_train.txt").write_text((lists_dir / "s01_train.txt").read_text())
    with pytest.raises(DualATMEError, match=r"no sub01_train.txt, sub02_train.txt, "):
        read_lists(tmp_path / "tests")


def test_every_clip_of_folds_once_in_the_order_of_the_folds(clips, lists_dir):
    folds = read_lists(lists_dir).folds
    assert clips_of(folds) == (*clips[2:], *clips[:2])
    assert clips_of(folds[2:3]) == (*clips[:4], *clips[6:], *clips[4:6])


def test_a_list_of_many_lines_takes_four_bytes_a_line(tmp_path):
    """All subjects' train lists together are as many lines as clips times subjects."""
    subjects = [f"p{number:02d}" for number in range(50)]
    clips = [Clip(f"own/flow/{s}_{i}_flow.png", s, "own", i % 3) for i in range(40) for s in subjects]
    write_lists(clips, tmp_path)
    tracemalloc.start()
    folds = make_folds(read_lists(tmp_path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    lines = sum(len(fold.train) for fold in folds)
    assert lines == 49 * 2000
    assert most < 2000 * 1500 + 16 * lines  # a line of its own each took 300 bytes and more
    assert list(folds[7].train) == [clip for clip in clips if clip.subject != "p07"]
