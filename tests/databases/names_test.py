"""Names out of tables become folders and files: none may lead out of --root or --output."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras.data import ClipRecord
from dualatme_keras.databases import read_casme2, read_folder, read_samm, read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preparation import PrepareConfig, prepare_database
from dualatme_keras.workbooks import write_workbook

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "prepare.py"

CASME2 = [
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
]
SAMM = [
    "Subject",
    "Filename",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Action Units",
    "Estimated Emotion",
]
SMIC = ["Subject", "Filename", "OnsetF", "OffsetF", "Emotion"]
OWN = ["path", "subject", "label", "onset", "apex", "offset"]

LEADS_AWAY = {
    "to the folder above": "..",
    "up and down again": "../../x",
    "up on Windows": "..\\..\\x",
    "absolute": "/etc/x",
    "into a folder": "a/b",
    "a drive": "C:x",
    "dots alone": "...",
    "dots and a space": ".. ",
    "no name": "",
    "zero byte": "a\0b",
    "line break": "a\nb",
    "line separator": "a\u2028b",
    "escape sequence": "a\x1b[2Jb",
    "broken text": "a\ud800b",
    "longer than a file's name": "x" * 201,
}


def write_frames(folder):
    folder.mkdir(parents=True)
    frame = np.random.default_rng(0).integers(0, 255, (64, 64, 3), "uint8")
    for number in range(1, 4):
        Image.fromarray(np.roll(frame, number, axis=0)).save(folder / f"img{number}.png")


def write_own(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([OWN, *rows])
    return path


@pytest.mark.parametrize("name", LEADS_AWAY.values(), ids=LEADS_AWAY)
@pytest.mark.parametrize("field", ["database", "subject", "clip"])
def test_no_part_of_a_name_leads_elsewhere(field, name):
    names = {"database": "casme2", "subject": "sub01", "clip": "EP01"}
    ClipRecord(**names, label=0, source="table.csv:7")
    with pytest.raises(DualATMEError, match=f"^table.csv:7: Expected the {field}'s name") as error:
        ClipRecord(**names | {field: name}, label=0, source="table.csv:7")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["..", "a/../../x", "/a", "C:/a", "a/\0/b", "a/" + "x" * 201])
def test_a_place_stays_below_the_root(name):
    record = ClipRecord("casme2", "sub01", "x", 0, place=Path("a", "b", "x"), source="table.csv:7")
    with pytest.raises(DualATMEError, match="^table.csv:7: Expected a path below `root`"):
        ClipRecord("casme2", "sub01", "x", 0, place=Path(name), source="table.csv:7")
    assert record.place == Path("a/b/x")


@pytest.mark.parametrize(
    "name", ["EP02 01f", "2020-01-01T10:30", "微表情　1", "v1.2", ".hidden", "clip*?", "x" * 200]
)
def test_unusual_names_that_stay_are_names(name):
    assert ClipRecord("casme2", "sub01", name, 0, place=Path("sub01", name)).clip == name


def test_every_reader_names_the_row(tmp_path):
    row = ["01", "../../x", 1, 2, 3, "4", "Happiness"]
    write_workbook(tmp_path / "casme2.xlsx", {"Sheet1": [CASME2, ["01", "EP01", *row[2:]], row]})
    write_workbook(tmp_path / "samm.xlsx", {"S": [["A note"], SAMM, row]})
    write_workbook(tmp_path / "smic.xlsx", {"HS": [SMIC, [1, "../../s01_ne_01", 1, 3, "negative"]]})
    own = write_own(tmp_path / "own.csv", ["a/..\\..\\x.mp4", "sub01", "0", "", "", ""])
    with pytest.raises(DualATMEError, match=r"casme2.xlsx\[Sheet1\]:3: Expected the clip's name.*'../../x'"):
        read_casme2(tmp_path / "casme2.xlsx")
    with pytest.raises(DualATMEError, match=r"samm.xlsx\[S\]:3: Expected the clip's name.*'../../x'"):
        read_samm(tmp_path / "samm.xlsx")
    with pytest.raises(DualATMEError, match=r"smic.xlsx\[HS\]:2: Expected a clip such as s01_ne_01"):
        read_smic(tmp_path / "smic.xlsx")
    with pytest.raises(DualATMEError, match=r"own.csv:2: Expected a path below `root`.*'a/../../x.mp4'"):
        read_folder(tmp_path, own)


def test_own_clips_may_lie_in_folders_of_either_slash(tmp_path):
    rows = ["a/b/one.mp4", "sub01", "0", "", "", ""], ["a\\b\\two.mp4", "sub01", "0", "", "", ""]
    records = read_folder(tmp_path, write_own(tmp_path / "own.csv", *rows))
    assert [(r.clip, r.place) for r in records] == [
        ("one", Path("a/b/one.mp4")),
        ("two", Path("a/b/two.mp4")),
    ]


def test_nothing_is_read_or_written_outside(tmp_path):
    root, output = tmp_path / "raw" / "root", tmp_path / "out" / "data"
    (root / "sub01").mkdir(parents=True)
    write_frames(tmp_path / "raw" / "x")
    clip = "../../x"
    write_workbook(tmp_path / "coding.xlsx", {"Sheet1": [CASME2, ["01", clip, 1, 2, 3, "4", "happiness"]]})
    before = set(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        script_calls.call(
            COMMAND, "--dataset=casme2", f"--root={root}", f"--annotations={tmp_path / 'coding.xlsx'}",
            f"--output={output}", "--landmarks=template", "--flow=dis",
        )  # fmt: skip
    assert "coding.xlsx[Sheet1]:2: Expected the clip's name" in str(ended.value.code)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("change", [{"name": "../../../kept"}, {"database": ".."}, {"path": "../kept.png"}])
def test_a_record_of_other_names_removes_nothing(tmp_path, change):
    """An output that somebody else sent may hold records that point elsewhere."""
    output = tmp_path / "out"
    for clip in ("EP01", "EP02"):
        write_frames(tmp_path / "root" / "sub01" / clip)
    rows = [["01", clip, 1, 2, 3, "4", "happiness"] for clip in ("EP01", "EP02")]
    write_workbook(tmp_path / "coding.xlsx", {"Sheet1": [CASME2, *rows]})
    config = PrepareConfig(
        dataset="casme2",
        root=str(tmp_path / "root"),
        annotations=str(tmp_path / "coding.xlsx"),
        output=str(output),
        landmarks="template",
        flow="dis",
    )
    prepare_database(config)
    file = output / "casme2" / "clips" / "sub01_EP02.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    for kept in (tmp_path / "kept.json", tmp_path / "clips" / "sub01_EP02.json"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("{}")
    write_workbook(tmp_path / "coding.xlsx", {"Sheet1": [CASME2, rows[0]]})
    with pytest.raises(
        DualATMEError, match="Expected the record of clip sub01_EP02.*sub01_EP02.json.*delete it"
    ):
        prepare_database(config)
    assert (tmp_path / "kept.json").is_file()
    assert (tmp_path / "clips" / "sub01_EP02.json").is_file()
