import dataclasses
from collections import Counter

import pytest

from dualatme_keras.data import (
    AuditReport,
    Clip,
    Finding,
    GroundTruth,
    audit,
    find_image,
    puzzled_path,
    read_lists,
    write_lists,
)
from dualatme_keras.errors import DualATMEError

_TRUTH_NAMES = [
    ("casme2", "sub01", "EP02_01f"),
    ("casme2", "sub01", "EP19_05f"),
    ("casme2", "sub02", "EP01_11f"),
    ("casme2", "sub02", "EP02_01"),
    ("samm", "6", "006_1_2"),
    ("samm", "6", "006_1_25"),
    ("samm", "7", "007_7_1"),
    ("samm", "7", "007_7_3"),
    ("smic", "s01", "s01_ne_01"),
    ("smic", "s01", "s01_po_01"),
    ("smic", "s02", "s02_sur_01"),
    ("smic", "s02", "s02_sur_02"),
]


@pytest.fixture
def truth():
    return [GroundTruth(*names, label) for names, label in zip(_TRUTH_NAMES, (0, 1, 2) * 4, strict=True)]


def _edit(directory, name, change):
    """Rewrites the lines of a list."""
    path = directory / name
    path.write_text("".join(line + "\n" for line in change(path.read_text().splitlines())))


def _audit(directory, **arguments):
    return audit(read_lists(directory), **arguments)


def _kinds(findings):
    return dict(Counter(finding.kind for finding in findings))


def _make_images(clips, root):
    for clip in clips:
        short = clip.path.removeprefix("/home/user/data/")
        for name in (short, puzzled_path(short)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")


def test_sound_lists_are_clean(lists_dir, truth):
    report = _audit(lists_dir, ground_truth=truth)
    assert (report.errors, report.warnings) == ([], [])
    report.raise_if_failed(strict=True)
    assert str(report) == (
        f"Audit of {lists_dir}: 12 clips (casme2 4, samm 4, smic 4) of 6 subjects: 0 errors, 0 warnings."
    )


def test_a_test_clip_in_the_train_list_is_a_leak(lists_dir):
    leaked = (lists_dir / "sub01_test.txt").read_text().splitlines()[0]
    _edit(lists_dir, "sub01_train.txt", lambda lines: [*lines, leaked])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {"leak": 1}
    assert report.errors[0].where == f"{lists_dir / 'sub01_train.txt'}:11"
    with pytest.raises(DualATMEError, match="leak"):
        report.raise_if_failed()


def test_a_leak_shows_by_name_where_the_clip_stands_under_another_subject(lists_dir):
    moved = (lists_dir / "sub01_test.txt").read_text().splitlines()[0]
    _edit(lists_dir, "sub01_test.txt", lambda lines: lines[1:])
    _edit(lists_dir, "sub02_test.txt", lambda lines: [*lines, moved])
    _edit(lists_dir, "sub02_train.txt", lambda lines: [line for line in lines if line != moved])
    _edit(lists_dir, "sub01_train.txt", lambda lines: [*lines, moved])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {"leak": 1, "subject": 1}
    assert "by its name a clip of its test subject" in report.errors[0].message
    assert report.errors[1].where == f"{lists_dir / 'sub02_test.txt'}:3"
    assert "by its name a clip of casme2 subject 1, not of sub02" in report.errors[1].message


@pytest.mark.parametrize("name", ["EP02_01f", "s9", "12_flow", "2020_01_02", "anna_1"])
def test_names_that_carry_no_subject_are_not_judged(clips, tmp_path, name):
    clips[0] = dataclasses.replace(clips[0], path=f"/d/flow/{name}.png")
    write_lists(clips, tmp_path)
    assert _audit(tmp_path).errors == []


def test_other_spellings_of_a_subject_are_the_same_subject(clips, tmp_path):
    clips[4] = dataclasses.replace(clips[4], path="/d/flow/6_1_2_flow.png")
    clips[8] = dataclasses.replace(clips[8], path="/d/flow/S001_ne_01_flow.png")
    write_lists(clips, tmp_path)
    assert _audit(tmp_path).errors == []


def test_an_image_twice_in_a_list_is_a_duplicate(lists_dir):
    _edit(lists_dir, "s01_train.txt", lambda lines: [*lines, lines[2]])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {"duplicate": 1}
    assert report.errors[0].where == f"{lists_dir / 's01_train.txt'}:11"
    assert "s01_train.txt:3" in report.errors[0].message


def test_an_image_in_two_test_lists_is_a_duplicate(lists_dir):
    other = (lists_dir / "s02_test.txt").read_text().splitlines()[0]
    _edit(lists_dir, "s01_test.txt", lambda lines: [*lines, other])
    assert _kinds(_audit(lists_dir).errors) == {"leak": 1, "duplicate": 1, "subject": 1}


def test_two_spellings_of_one_file_are_the_same_image(clips, tmp_path):
    clips = [clip for clip in clips if clip.database == "casme2"]
    _make_images(clips, tmp_path / "data")
    twin = dataclasses.replace(clips[0], path="D:\\casme2\\flow\\" + clips[0].path.rpartition("/")[2])
    write_lists([*clips, twin], tmp_path / "lists")
    assert _audit(tmp_path / "lists").errors == []
    report = _audit(tmp_path / "lists", data_root=tmp_path / "data")
    # Once among the test lists, and in the train list of the other subject.
    assert _kinds(report.errors) == {"duplicate": 2}


def test_a_leak_through_another_spelling_is_found(clips, lists_dir, tmp_path):
    _make_images(clips, tmp_path / "data")
    respelt = clips[0].path.replace("/home/user", "/elsewhere").replace("sub01_", "") + " 0 0"
    image = find_image(clips[0].path, tmp_path / "data")
    link = tmp_path / "data" / "casme2" / "flow" / respelt.split("/")[-1].split(" ")[0]
    link.symlink_to(image)
    _edit(lists_dir, "sub01_train.txt", lambda lines: [*lines, respelt])
    assert _kinds(_audit(lists_dir).errors) == {"stranger": 1}
    assert _kinds(_audit(lists_dir, data_root=tmp_path / "data").errors) == {"leak": 1, "stranger": 1}


@pytest.mark.parametrize("respelt", ["\\d\\flow\\EP02_01f_flow.png", "/d/./flow//EP02_01f_flow.png"])
def test_slashes_do_not_hide_a_leak(clips, tmp_path, respelt):
    clips[0] = dataclasses.replace(clips[0], path="/d/flow/EP02_01f_flow.png")
    write_lists(clips, tmp_path)
    _edit(tmp_path, "sub01_train.txt", lambda lines: [*lines, f"{respelt} 0 0"])
    assert _kinds(_audit(tmp_path).errors) == {"leak": 1, "stranger": 1}


@pytest.mark.parametrize(("kind", "ending"), [("label", " 1 0"), ("database number", " 0 1")])
def test_contradictions_between_lists_point_at_the_odd_one(lists_dir, kind, ending):
    _edit(lists_dir, "s01_train.txt", lambda lines: [lines[0].removesuffix(" 0 0") + ending, *lines[1:]])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {kind: 1}
    assert report.errors[0].where == f"{lists_dir / 's01_train.txt'}:1"
    assert f"0 5 times, e.g. at {lists_dir / 'sub01_test.txt'}:1; 1 1 times" in report.errors[0].message


def test_of_three_contradicting_labels_the_rarest_is_the_odd_one(lists_dir):
    for name, ending in (("s01_train.txt", " 1 0"), ("s02_train.txt", " 1 0"), ("007_train.txt", " 2 0")):
        _edit(
            lists_dir, name, lambda lines, ending=ending: [lines[0].removesuffix(" 0 0") + ending, *lines[1:]]
        )
    (error,) = _audit(lists_dir).errors
    assert error.where == f"{lists_dir / '007_train.txt'}:1"
    assert ":1; 1 2 times, e.g. at" in error.message


def test_a_clip_missing_from_a_fold(lists_dir):
    _edit(lists_dir, "s01_train.txt", lambda lines: lines[5:])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {"incomplete fold": 1}
    assert "fold s01 lacks 5 of 12 clips: " in report.errors[0].message
    assert report.errors[0].message.count("_flow.png") == 5


def test_a_clip_in_train_lists_only(lists_dir):
    for name in ("s01_train.txt", "006_train.txt"):
        _edit(lists_dir, name, lambda lines: [*lines, "/d/flow/extra_flow.png 0 0"])
    report = _audit(lists_dir)
    assert _kinds(report.errors) == {"stranger": 1}
    assert "2 train lists" in report.errors[0].message


def test_lists_to_score_alone_may_be_of_one_subject(clips, tmp_path):
    """Without train lists, and nobody to train on."""
    write_lists(clips[:4], tmp_path, train_lists=False)
    for file in tmp_path.glob("sub02*"):
        file.unlink()
    _edit(tmp_path, "subName.txt", lambda lines: [line for line in lines if line != "sub02"])
    assert "duplicate" not in _kinds(_audit(tmp_path).errors)


def test_images_are_looked_for_when_asked(clips, lists_dir, tmp_path):
    root = tmp_path / "data"
    _make_images(clips, root)
    assert _audit(lists_dir, data_root=root, check_files=True).errors == []
    short = clips[5].path.removeprefix("/home/user/data/")
    (root / short).unlink()
    (root / puzzled_path(clips[6].path.removeprefix("/home/user/data/"))).unlink()
    assert _audit(lists_dir, data_root=root).errors == []
    assert _kinds(_audit(lists_dir, data_root=root, puzzled=False, check_files=True).errors) == {"image": 1}
    report = _audit(lists_dir, data_root=root, check_files=True)
    assert _kinds(report.errors) == {"image": 1, "puzzled image": 1}
    assert clips[5].path in report.errors[0].message
    assert report.errors[0].where == f"{lists_dir / '006_test.txt'}:2"
    assert puzzled_path(clips[6].path) in report.errors[1].message


def test_a_wrong_data_root_is_one_line(lists_dir, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    report = _audit(lists_dir, data_root=tmp_path / "elsewhere", check_files=True)
    (finding,) = report.errors
    assert "none of 12 images is below" in finding.message
    assert finding.message.endswith("is the data root right?")


def test_images_without_a_data_root(clips, lists_dir):
    report = _audit(lists_dir, check_files=True)
    assert _kinds(report.errors) == {"image": 12, "puzzled image": 12}
    assert "no data root was given" in report.errors[0].message


def test_an_image_whose_puzzled_name_cannot_be_told(clips, tmp_path):
    clips[0] = dataclasses.replace(clips[0], path="/d/flow/sub01_EP02_01f.png")
    write_lists(clips, tmp_path)
    report = _audit(tmp_path, check_files=True)
    (odd,) = [finding for finding in report.errors if "NAME_flow_puzzle.png" in finding.message]
    assert odd.where == f"{tmp_path / 'sub01_test.txt'}:1"


def test_a_data_root_that_is_no_directory_is_refused(lists_dir, tmp_path):
    with pytest.raises(DualATMEError, match="not a directory"):
        _audit(lists_dir, data_root=tmp_path / "absent")


@pytest.mark.parametrize(("base", "taken"), [(0, "2 (smic)"), (1, "3 (smic)")])
def test_a_number_against_the_subjects_name_is_a_warning(clips, tmp_path, base, taken):
    write_lists(clips, tmp_path, database_base=base)
    wrong = [f"{clip.path} {clip.label} {base + 1}" for clip in clips if clip.subject == "s02"]
    for path in tmp_path.glob("*_t*.txt"):
        lines = path.read_text().splitlines()
        fixed = {line.rsplit(" ", 1)[0]: line for line in wrong}
        path.write_text("".join(fixed.get(line.rsplit(" ", 1)[0], line) + "\n" for line in lines))
    report = _audit(tmp_path)
    assert report.errors == []
    assert _kinds(report.warnings) == {"numbering": 1}
    assert f"2 of 2 clips of s02 have database number {base + 1} (samm)" in report.warnings[0].message
    assert taken in report.warnings[0].message
    report.raise_if_failed()
    with pytest.raises(DualATMEError, match="numbering"):
        report.raise_if_failed(strict=True)


@pytest.fixture
def own_lists(tmp_path):
    """Lists by name: files of `lab` are called like SMIC's and CASME II's, and mean nothing by it."""
    files = [
        ("Anna", "lab", "s01_ne_01"),
        ("Bob", "lab", "sub01_EP02_01f"),
        ("sub02", "lab", "sub03_EP01"),
        ("sub01", "casme2", "sub01_EP19_05f"),
    ]
    write_lists([Clip(f"{d}/flow/{n}_flow.png", s, d, 1) for s, d, n in files], tmp_path / "lists")
    return tmp_path / "lists"


def test_names_of_other_databases_tell_no_subjects(own_lists, truth):
    report = _audit(own_lists, ground_truth=[row for row in truth if row.database == "casme2"][1:2])
    assert (report.errors, report.warnings) == ([], [])
    assert str(report).startswith(f"Audit of {own_lists}: 4 clips (casme2 1, lab 3) of 4 subjects")


def test_names_of_megc2019_count_in_lists_by_name_too(own_lists):
    _edit(own_lists, "sub01_test.txt", lambda lines: [*lines, "casme2/flow/sub09_EP01_flow.png 1 casme2"])
    _edit(own_lists, "sub01_train.txt", lambda lines: [*lines, "casme2/flow/sub01_EP20_flow.png 1 casme2"])
    errors = {finding.kind: finding.message for finding in _audit(own_lists).errors}
    assert "sub09_EP01_flow.png is by its name a clip of casme2 subject 9, not of sub01" in errors["subject"]
    assert "trains on casme2/flow/sub01_EP20_flow.png, by its name" in errors["leak"]


def test_a_database_of_two_names_is_an_error(own_lists):
    _edit(own_lists, "Bob_train.txt", lambda lines: [lines[0].replace(" lab", " home"), *lines[1:]])
    (error,) = _audit(own_lists).errors
    assert error.kind == "database"
    assert f"lab 3 times, e.g. at {own_lists / 'Anna_test.txt'}:1; home 1 times" in error.message


def test_a_subject_of_megc2019s_database_with_another_name_is_a_warning(clips, tmp_path):
    write_lists([*(dataclasses.replace(clip, subject="anna") for clip in clips[:2]), *clips[2:]], tmp_path)
    report = _audit(tmp_path)
    assert report.errors == []
    (warning,) = report.warnings
    assert (warning.kind, warning.where) == ("naming", f"{tmp_path / 'anna_test.txt'}:1")
    assert "anna is in casme2, but not called as subjects of CASME II are" in warning.message


def test_swapped_labels_of_two_clips_show_against_the_ground_truth(clips, tmp_path, truth):
    clips[4], clips[5] = (
        dataclasses.replace(clips[4], label=clips[5].label),
        dataclasses.replace(clips[5], label=clips[4].label),
    )
    write_lists(clips, tmp_path)
    report = _audit(tmp_path, ground_truth=truth)
    assert report.errors == []
    assert [finding.message for finding in report.warnings] == [
        "samm 6 006_1_2 is 2 (surprise) in the lists, 1 (positive) in the ground truth",
        "samm 6 006_1_25 is 1 (positive) in the lists, 2 (surprise) in the ground truth",
    ]
    with pytest.raises(DualATMEError, match="006_1_25"):
        report.raise_if_failed(strict=True)


def test_clips_of_one_side_only(clips, tmp_path, truth):
    write_lists(clips[2:], tmp_path)
    truth[0] = dataclasses.replace(truth[0], source="gt.csv:2")
    report = _audit(tmp_path, ground_truth=truth[:-1])
    assert [(finding.message, finding.where) for finding in report.warnings] == [
        (f"{clips[-1].path} of s02 is not in the ground truth", f"{tmp_path / 's02_test.txt'}:2"),
        ("casme2 sub01 EP02_01f is not in the lists", "gt.csv:2"),
        ("casme2 sub01 EP19_05f is not in the lists", str(tmp_path)),
    ]


def test_a_clip_of_the_ground_truth_twice(clips, tmp_path, truth):
    clips.append(dataclasses.replace(clips[-1], path=clips[-1].path.replace("image1_", "image2_")))
    write_lists(clips, tmp_path)
    (warning,) = _audit(tmp_path, ground_truth=truth).warnings
    assert "smic s02 s02_sur_02, as is" in warning.message


def test_a_whole_database_of_one_side_is_one_line(clips, tmp_path, truth):
    write_lists([clip for clip in clips if clip.database != "samm"], tmp_path)
    report = _audit(tmp_path, ground_truth=[row for row in truth if row.database != "smic"])
    assert [finding.message for finding in report.warnings] == [
        "samm is not in the lists (4 clips)",
        "smic is not in the ground truth (4 clips listed)",
    ]


def test_long_groups_are_capped_in_print_only():
    findings = [Finding("image", f"no image {i}", f"a.txt:{i}") for i in range(1, 14)]
    report = AuditReport("Audit of d", [Finding("leak", "oh", "b.txt:1"), *findings], [])
    lines = str(report).splitlines()
    assert lines[:3] == ["Audit of d: 14 errors, 0 warnings.", "Error, leak (1):", "  b.txt:1: oh"]
    assert lines[3] == "Error, image (13):"
    assert lines[-2:] == ["  a.txt:10: no image 10", "  … and 3 more"]
    assert len(report.errors) == 14
    assert str(AuditReport("Audit of d", findings[:10], findings[:1])).endswith(
        ": no image 10\nWarning, image (1):\n  a.txt:1: no image 1"
    )


def test_one_finding_is_not_many():
    one = [Finding("image", "no image", "a.txt:1")]
    assert str(AuditReport("Audit of d", one, [])).startswith("Audit of d: 1 error, 0 warnings.\n")
    assert str(AuditReport("Audit of d", one * 2, one)).startswith("Audit of d: 2 errors, 1 warning.\n")
