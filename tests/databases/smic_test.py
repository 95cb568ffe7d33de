"""SMIC's own annotation file: one of its rows contradicts the name of its clip."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras.databases.smic import read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.workbooks import write_workbook

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "prepare.py"

HEADER = ["Subject", "Filename", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF", "Emotion"]

EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}

CLIPS = [f"s{subject:02d}_ne_{number:02d}" for subject in range(1, 8) for number in range(1, 6)]
CLIPS = [*CLIPS, "s18_ne_01", "s18_sur_03", "s18_po_01"]
"""Clips of the rows 2 to 39, so that s18_sur_03 stands in row 38 as in the real file."""

ROW = "SMIC-HS-E_annotation.xlsx[HS]:38"


def row(clip, emotion=None):
    subject, kind, _number = clip.split("_")
    return [int(subject[1:]), clip, 30, 33, None, None, 30, 33, emotion or EMOTIONS[kind]]


@pytest.fixture
def real_file(tmp_path):
    """A hand-made file of the real layout: other cameras' sheets, and row 38 that says negative."""
    rows = [row(clip, "negative" if clip == "s18_sur_03" else None) for clip in CLIPS]
    other = [HEADER, row("s01_ne_01", "surprise")]
    path = tmp_path / "SMIC-HS-E_annotation.xlsx"
    write_workbook(path, {"HS": [HEADER, *rows, [None], ["A note"]], "VIS": other})
    return path


def organisers_list(path, **labels):
    index = {"ne": 0, "po": 1, "sur": 2}
    rows = [(clip, labels.get(clip, index[clip.split("_")[1]])) for clip in CLIPS]
    path.write_text("".join(f"smic,{clip[:3]},{clip},{label}\n" for clip, label in rows))
    return path


def write_frames(root, clips, folders=None):
    rng = np.random.default_rng(0)
    for clip in clips:
        subject, kind, _number = clip.split("_")
        folder = root / subject / "micro" / (folders or {}).get(clip, EMOTIONS[kind]) / clip
        folder.mkdir(parents=True)
        frame = rng.integers(0, 255, (64, 64, 3), "uint8")
        for number in range(30, 34):
            Image.fromarray(np.roll(frame, number // 2, axis=0)).save(folder / f"image{number}.png")
    return root


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMAND, "--dataset=smic", *arguments)
    return ended.value.code


def test_the_name_decides_and_the_row_is_named(real_file):
    records = {record.clip: record for record in read_smic(real_file)}
    assert list(records) == CLIPS
    odd = records.pop("s18_sur_03")
    assert (odd.label, odd.emotion) == (2, "surprise")
    (warning,) = odd.warnings
    assert str(warning).startswith(
        f"{real_file}[HS]:38: s18_sur_03 is surprise by its name, and here negative;"
    )
    assert not any(record.warnings for record in records.values())


def test_a_folder_that_contradicts_the_name_is_a_warning_too(real_file, tmp_path):
    root = write_frames(tmp_path / "HS", CLIPS, {"s18_sur_03": "negative", "s01_ne_02": "positive"})
    records = {record.clip: record for record in read_smic(real_file, root)}
    warned = {clip: [w.where for w in record.warnings] for clip, record in records.items() if record.warnings}
    folder = root / "s18" / "micro" / "negative" / "s18_sur_03"
    assert warned == {
        "s01_ne_02": [str(root / "s01" / "micro" / "positive" / "s01_ne_02")],
        "s18_sur_03": [f"{real_file}[HS]:38", str(folder)],
    }
    assert (records["s18_sur_03"].label, records["s01_ne_02"].label) == (2, 0)
    assert records["s18_sur_03"].place == folder.relative_to(root)


def test_the_audit_agrees_and_shows_the_row(real_file, tmp_path, capsys):
    listed = organisers_list(tmp_path / "list.csv")
    assert call("--audit", f"--annotations={real_file}", f"--ground_truth={listed}") == 0
    told = capsys.readouterr().out
    assert "every clip and label agrees" in told
    assert told.count("warning: ") == 1
    assert f"{ROW}: s18_sur_03 is surprise by its name" in told


def test_a_list_that_contradicts_the_name_is_a_difference(real_file, tmp_path, capsys):
    listed = organisers_list(tmp_path / "list.csv", s18_sur_03=0)
    assert call("--audit", f"--annotations={real_file}", f"--ground_truth={listed}") == 1
    assert "s18_sur_03 is negative in the list" in capsys.readouterr().out


@pytest.mark.parametrize(("listed_label", "label"), [(None, 2), (0, 0), (2, 2)])
def test_preparation_keeps_label_and_warning(real_file, tmp_path, capsys, listed_label, label):
    """The list first, then the name; the warning is printed and stands in the manifest."""
    root = write_frames(tmp_path / "HS", CLIPS)
    arguments = [f"--root={root}", f"--annotations={real_file}", f"--output={tmp_path / 'data'}"]
    arguments += ["--landmarks=template", "--flow=dis", "--subjects=s18"]
    if listed_label is not None:
        listed = organisers_list(tmp_path / "list.csv", s18_sur_03=listed_label)
        arguments.append(f"--ground_truth={listed}")
    assert call(*arguments) == 0
    told = capsys.readouterr().err
    assert told.count("warning: ") == 1
    assert f"{ROW}: s18_sur_03 is surprise by its name" in told
    with (tmp_path / "data" / "manifest.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert int(rows["s18_sur_03"]["label"]) == label
    assert f"{ROW}: s18_sur_03 is surprise" in rows["s18_sur_03"]["warnings"]
    assert rows["s18_po_01"]["warnings"] == rows["s18_ne_01"]["warnings"] == ""


def test_a_warning_reaches_clips_that_were_finished_before(real_file, tmp_path, capsys):
    root, output = write_frames(tmp_path / "HS", CLIPS), tmp_path / "data"
    arguments = [f"--root={root}", f"--annotations={real_file}", f"--output={output}", "--subjects=s18"]
    arguments += ["--landmarks=template", "--flow=dis"]
    agreeing = [row(clip) for clip in CLIPS]
    contradicting = [row(clip, "negative" if clip == "s18_sur_03" else None) for clip in CLIPS]
    for rows, warned in ((agreeing, False), (contradicting, True), (agreeing, False)):
        write_workbook(real_file, {"HS": [HEADER, *rows]})
        assert call(*arguments) == 0
        assert ("[HS]:38: s18_sur_03 is surprise" in (output / "manifest.csv").read_text()) == warned
    assert capsys.readouterr().out.count("3 of 3 clips finished before") == 2


def test_a_name_that_is_no_clips_is_refused(tmp_path):
    write_workbook(
        tmp_path / "smic.xlsx", {"HS": [HEADER, [1, "s02_ne_01", 1, 2, None, None, 1, 2, "negative"]]}
    )
    with pytest.raises(DualATMEError, match=r"\[HS\]:2: Expected a clip such as s01_ne_01.*'s02_ne_01', '1'"):
        read_smic(tmp_path / "smic.xlsx")
