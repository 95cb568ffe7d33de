"""From made-up databases on disk to lists: prepared, continued, and what fails is listed."""

import csv
import html
import json
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras.data import audit, read_lists
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import DATABASES
from dualatme_keras.preparation import PrepareConfig, prepare_database
from dualatme_keras.synthetic import write_synthetic
from dualatme_keras.synthetic.databases import ANNOTATIONS, FRAMES

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "prepare.py"


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trees") / "raw"
    return directory, write_synthetic(directory, subjects_per_database=2, clips_per_subject=3)


def config(trees, output, dataset="casme2", **changes):
    settings = {
        "dataset": dataset,
        "root": str(trees / FRAMES[dataset]),
        "annotations": str(trees / ANNOTATIONS[dataset]),
        "output": str(output),
        "landmarks": "file",
        "landmarks_file": str(trees / "landmarks.csv"),
        "flow": "dis",
        **changes,
    }
    return PrepareConfig(**settings)


@pytest.fixture(scope="module")
def prepared(trees, tmp_path_factory):
    output = tmp_path_factory.mktemp("prepared")
    results = [prepare_database(config(trees[0], output, dataset)) for dataset in DATABASES]
    return output, results


def manifest(output):
    with (output / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_three_databases_become_lists_to_train_on(trees, prepared):
    output, results = prepared
    assert [result.prepared for result in results] == [6, 6, 6]
    assert not any(result.failed for result in results)
    lists = read_lists(results[-1].lists)
    audit(lists, data_root=output, check_files=True, puzzled=True).raise_if_failed(strict=True)
    assert len(lists.clips) == 18
    labels = {record.name: record.label for record in trees[1]}
    assert {clip.path.split("/")[-1].removesuffix("_flow.png"): clip.label for clip in lists.clips} == labels
    for clip in lists.clips:
        with Image.open(output / clip.path) as image:
            assert (image.mode, image.size) == ("RGB", (28, 28))


def test_manifest_tells_how_each_clip_came_about(trees, prepared):
    rows = {row["name"]: row for row in manifest(prepared[0])}
    with (trees[0] / "truth.csv").open(newline="") as file:
        truth = {row["name"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(truth)
    for name, row in rows.items():
        assert row["onset"] == truth[name]["onset"]
        given = row["database"] != "smic"
        assert row["apex_found"] == ("given" if given else "spotted")
        assert not given or row["apex"] == truth[name]["apex"]
        assert 0.0 < float(row["flow_mean"]) < float(row["flow_max"]) < 20.0
    distances = [
        abs(int(row["apex"]) - int(truth[name]["apex"]))
        for name, row in rows.items()
        if row["database"] == "smic"
    ]
    assert np.median(distances) <= 2
    page = (prepared[0] / "preview.html").read_text()
    assert page.count("<figure>") == 18
    for name, row in rows.items():
        assert name in page
        assert (prepared[0] / row["database"] / "preview" / f"{name}.jpg").is_file()


def test_stopped_and_called_again_it_goes_on(trees, prepared, tmp_path, capsys):
    output = tmp_path / "output"
    shutil.copytree(prepared[0], output)
    lost = sorted((output / "casme2" / "clips").glob("*.json"))[2]
    lost.unlink()  # what a stop during this clip leaves
    before = {path: path.stat().st_mtime_ns for path in output.glob("casme2/flow/*.png")}
    result = prepare_database(config(trees[0], output))
    assert "5 of 6 clips finished before" in capsys.readouterr().out
    assert result.prepared == 6
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert [path.name for path in changed] == [f"{lost.stem}_flow.png"]


def test_workers_give_the_same(trees, prepared, tmp_path):
    result = prepare_database(config(trees[0], tmp_path / "output", workers=2))
    assert result.prepared == 6
    for path in (tmp_path / "output" / "casme2").glob("flow*/*.png"):
        assert path.read_bytes() == (prepared[0] / path.relative_to(tmp_path / "output")).read_bytes()


def test_one_worker_is_this_process_with_all_its_threads(trees, prepared, tmp_path):
    """OpenCV's threads are for one clip at a time; workers have one each."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        one = config(trees[0], tmp_path / "output", subjects=(trees[1][0].subject,), workers=1)
        prepare_database(one)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(threads)


def test_a_failing_clip_is_listed_and_the_others_done(trees, tmp_path, capsys):
    root = tmp_path / "raw"
    shutil.copytree(trees[0] / "casme2", root / "casme2")
    shutil.copy(trees[0] / "landmarks.csv", root)
    broken, missing = (root / "casme2" / "Cropped" / "sub01" / f"EP0{number}_01f" for number in (1, 2))
    for frame in broken.iterdir():
        frame.write_bytes(frame.read_bytes()[:200])
    shutil.rmtree(missing)
    result = prepare_database(config(root, tmp_path / "output"))
    assert result.prepared == 4
    assert "clip 6/6" in (last := capsys.readouterr().out.splitlines()[-1])
    assert last.rstrip().endswith("2 failed")
    assert "Expected an image. Received:" in result.failed["sub01_EP01_01f"]
    assert "no such folder" in result.failed["sub01_EP02_01f"]
    assert len(manifest(tmp_path / "output")) == 4


def test_a_finished_clip_that_fails_takes_no_part(trees, prepared, tmp_path):
    """Its images are of frames that the annotations no longer name."""
    output, root = tmp_path / "output", tmp_path / "frames"
    shutil.copytree(prepared[0], output)
    shutil.copytree(trees[0] / FRAMES["casme2"], root)
    shutil.rmtree(root / "sub01" / "EP01_01f")
    result = prepare_database(config(trees[0], output, root=str(root)))
    assert list(result.failed) == ["sub01_EP01_01f"]
    names = {row["name"] for row in manifest(output)}
    assert len(names) == 17
    assert "sub01_EP01_01f" not in names
    assert not any("sub01_EP01_01f" in clip.path for clip in read_lists(result.lists).clips)
    assert prepare_database(config(trees[0], output)).prepared == 6
    assert len(manifest(output)) == 18


def test_a_corrected_manifest_makes_only_its_clips_anew(trees, prepared, tmp_path, capsys):
    output, table = tmp_path / "output", tmp_path / "corrected.csv"
    shutil.copytree(prepared[0], output)
    lines = (output / "manifest.csv").read_text().splitlines()
    row = next(row for row in manifest(output) if row["name"] == "sub01_EP02_01f")
    corrected = ",".join(row.values()).replace(f",{row['left_eye_x']},", f",{float(row['left_eye_x']) - 3},")
    lines = [corrected if line.startswith("sub01_EP02_01f,") else line for line in lines]
    table.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    assert prepare_database(config(trees[0], output, landmarks_file=str(table))).prepared == 6
    assert "5 of 6 clips finished before" in capsys.readouterr().out
    again = next(row for row in manifest(output) if row["name"] == "sub01_EP02_01f")
    assert float(again["left_eye_x"]) == float(row["left_eye_x"]) - 3


def test_the_preview_finds_pictures_of_every_name(trees, tmp_path):
    source = trees[0] / FRAMES["casme2"] / "sub01" / "EP02_01f"
    for subject in ("sub01", "sub02"):
        shutil.copytree(source, tmp_path / "root" / subject / "negative" / "take #1? 50%25")
    config = PrepareConfig(
        dataset="folder",
        root=str(tmp_path / "root"),
        output=str(tmp_path / "output"),
        landmarks="template",
        flow="dis",
    )
    assert prepare_database(config).prepared == 2
    page = (tmp_path / "output" / "preview.html").read_text()
    sources = re.findall('src="([^"]*)"', page)
    assert len(sources) == 2
    for address in sources:
        assert (tmp_path / "output" / unquote(urlsplit(html.unescape(address)).path)).is_file()


def test_a_doubtful_face_is_named(trees, prepared, tmp_path, capsys):
    """In result, manifest and preview; records of a version that knew no doubts and no --face are kept."""
    output, table = tmp_path / "output", tmp_path / "rolled.csv"
    shutil.copytree(prepared[0], output)
    for file in output.glob("*/clips/*.json"):
        row = json.loads(file.read_text())
        del row["doubts"], row["origin"]["face"]
        file.write_text(json.dumps(row))
    with (trees[0] / "landmarks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rolled = next(row for row in rows if row["name"] == "sub01_EP02_01f")
    for eye, change in (("left_eye_y", -12), ("right_eye_y", 12)):
        rolled[eye] = float(rolled[eye]) + change
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rolled))
        writer.writeheader()
        writer.writerows(rows)
    capsys.readouterr()
    result = prepare_database(config(trees[0], output, landmarks_file=str(table)))
    assert "5 of 6 clips finished before" in capsys.readouterr().out
    ((name, doubts),) = result.doubtful.items()
    assert name == rolled["name"]
    assert "degrees off the level" in doubts
    assert {row["name"]: row["doubts"] for row in manifest(output) if row["doubts"]} == result.doubtful
    assert doubts in (output / "preview.html").read_text()


def test_labels_and_clips_are_those_of_the_last_call(trees, prepared, tmp_path):
    output, listed = tmp_path / "output", tmp_path / "list.csv"
    shutil.copytree(prepared[0], output)
    first, second, *others = [r for r in trees[1] if r.database == "casme2"]
    other = (first.label + 1) % 3
    rows = [f"casme2,{first.subject},{first.clip},{other}\n", "casme2,sub02,EP99_01f,0\n"]
    listed.write_text("".join(rows + [f"casme2,{r.subject},{r.clip},{r.label}\n" for r in others]))
    result = prepare_database(config(trees[0], output, ground_truth=str(listed)))
    assert result.relabelled == [first.name]
    assert result.left_out == [second.name]
    assert [row.clip for row in result.missing] == ["EP99_01f"]
    labels = {clip.path.split("/")[-1]: clip.label for clip in read_lists(result.lists).clips}
    assert labels[f"{first.name}_flow.png"] == other
    assert f"{second.name}_flow.png" not in labels
    assert len(labels) == 17
    back = prepare_database(config(trees[0], output))
    assert back.relabelled == [first.name]
    assert len(read_lists(back.lists).clips) == 18


def test_what_is_missing_or_comes_from_elsewhere_is_made_anew(trees, prepared, tmp_path, capsys):
    output, root = tmp_path / "output", tmp_path / "elsewhere"
    shutil.copytree(prepared[0], output)
    (output / "casme2" / "flow_puzzle" / "sub01_EP01_01f_flow_puzzle.png").unlink()
    assert prepare_database(config(trees[0], output)).replaced == []
    assert "5 of 6 clips finished before" in capsys.readouterr().out
    assert (output / "casme2" / "flow_puzzle" / "sub01_EP01_01f_flow_puzzle.png").is_file()
    shutil.copytree(trees[0] / FRAMES["casme2"], root)
    result = prepare_database(config(trees[0], output, root=str(root)))
    assert "6 clips to prepare" in capsys.readouterr().out
    assert sorted(result.replaced) == sorted(
        record.name for record in trees[1] if record.database == "casme2"
    )
    assert prepare_database(config(trees[0], output, root=str(root))).replaced == []


def test_no_lists_stay_where_one_subject_is_left(trees, tmp_path):
    """They would train on clips that take no part any more."""
    casme2 = [record for record in trees[1] if record.database == "casme2"]
    result = prepare_database(config(trees[0], tmp_path))
    assert len(read_lists(result.lists).clips) == len(casme2) == 6
    listed = tmp_path / "list.csv"
    rows = [f"casme2,{r.subject},{r.clip},{r.label}\n" for r in casme2 if r.subject == "sub01"]
    listed.write_text("".join(rows))
    assert prepare_database(config(trees[0], tmp_path, ground_truth=str(listed))).lists is None
    assert list(result.lists.iterdir()) == []


def test_a_root_without_any_clip_is_named(trees, tmp_path):
    with pytest.raises(DualATMEError, match="Expected frames such as .*sub01/EP01_01f.*which holds 001, 002"):
        prepare_database(config(trees[0], tmp_path / "output", root=str(trees[0] / FRAMES["samm"])))
    assert not (tmp_path / "output").exists()


def test_other_settings_are_refused(trees, prepared):
    with pytest.raises(DualATMEError, match="encoding 'minmax' -> 'fixed'.*another `output`"):
        prepare_database(config(trees[0], prepared[0], encoding="fixed"))


def test_raw_flow_on_request(trees, tmp_path):
    """Of clips that were finished without it too."""
    prepare_database(config(trees[0], tmp_path, subjects=("sub01",)))
    assert not (tmp_path / "casme2" / "flow_raw").exists()
    prepare_database(config(trees[0], tmp_path, subjects=("sub01",), keep_flow=True))
    with np.load(next((tmp_path / "casme2" / "flow_raw").glob("*.npz"))) as arrays:
        assert arrays["flow"].shape == arrays["puzzle_flow"].shape == (112, 112, 2)
        assert arrays["flow"].dtype == "float16"


def test_full_disk_is_named(trees, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    result_path = tmp_path / "output"
    folder = config(trees[0], result_path, subjects=("sub01",))
    prepare_database(folder)
    shutil.rmtree(result_path / "casme2" / "clips")
    monkeypatch.setattr("dualatme_keras.preparation.output.replace_file", full)
    with pytest.raises(DualATMEError, match="No space left on device"):
        prepare_database(folder)


def test_full_disk_ends_the_preparation_at_that_clip(trees, tmp_path, monkeypatch):
    from dualatme_keras.files import replace_file

    written = []

    def full_soon(path, content):
        written.append(path)
        if len(written) > 6:
            raise OSError(28, "No space left on device")
        replace_file(path, content)

    monkeypatch.setattr("dualatme_keras.preparation.output.replace_file", full_soon)
    with pytest.raises(DualATMEError, match="_flow.*No space left on device.*the same command goes on"):
        prepare_database(config(trees[0], tmp_path))
    assert len(written) == 7
    monkeypatch.undo()
    assert prepare_database(config(trees[0], tmp_path)).prepared == 6


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMAND, *arguments)
    return ended.value.code


def test_command_audits_and_prepares(trees, tmp_path, capsys):
    listed = tmp_path / "list.csv"
    rows = [f"{r.database},{r.subject.lstrip('0')},{r.clip},{r.label}\n" for r in trees[1]]
    listed.write_text("".join(rows))
    annotations = f"--annotations={trees[0] / ANNOTATIONS['samm']}"
    assert call("--dataset=samm", annotations, f"--ground_truth={listed}", "--audit") == 0
    assert "every clip and label agrees" in capsys.readouterr().out
    listed.write_text("".join(rows[:-7]))
    assert call("--dataset=samm", annotations, f"--protocol_csv={listed}", "--audit") == 1  # the earlier name
    assert "not in the list: 002_3_1" in capsys.readouterr().out
    assert "Expected --root" in call("--dataset=samm", annotations, "--root=nowhere", "--noaudit")
