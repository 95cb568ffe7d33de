"""Own people, called as they are, of a database of their own: from a folder to its row in the table."""

import csv
import dataclasses
import itertools
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
import script_calls

import dualatme_keras
from dualatme_keras.data import audit, make_folds, read_lists
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import evaluate_run, format_table
from dualatme_keras.preparation import PrepareConfig, prepare_database
from dualatme_keras.preparation.output import prepare_again
from dualatme_keras.runs import (
    Predictions,
    read_predictions,
    read_run_folds,
    write_predictions,
    write_run_folds,
)
from dualatme_keras.training import TrainConfig

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "prepare.py"
PEOPLE = {"Anna": "lab", "Bob": "lab", "sub01": "", "Cleo": ""}
HEADER = ("path", "subject", "label", "onset", "apex", "offset", "database")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of frames for two clips of each person, and table.csv."""
    root = tmp_path_factory.mktemp("root")
    rng, rows = np.random.default_rng(0), [HEADER]
    for subject, database in PEOPLE.items():
        for label in range(2):
            place = root / "clips" / f"{subject.lower()}{label}"
            place.mkdir(parents=True)
            frame = rng.integers(0, 255, (64, 64, 3), "uint8")
            for number in range(1, 4):
                Image.fromarray(np.roll(frame, number, axis=0)).save(place / f"{number}.png")
            rows.append((f"clips/{place.name}", subject, label, 1, 3, 3, database))
    with (root / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def write_video(path, frames):
    """Of 30 frames a second, without losses."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 30.0, frames[0].shape[1::-1])
    for frame in frames:
        video.write(np.ascontiguousarray(frame[..., ::-1]))
    video.release()


def config(root, output, **changes):
    settings = {"dataset": "folder", "root": str(root), "annotations": str(root / "table.csv"), **changes}
    return PrepareConfig(**settings, output=str(output), landmarks="template", flow="dis")


@pytest.fixture(scope="module")
def prepared(root, tmp_path_factory):
    output = tmp_path_factory.mktemp("prepared")
    return output, prepare_database(config(root, output))


def test_own_people_become_lists_folds_and_a_row_of_the_table(prepared, tmp_path):
    output, result = prepared
    assert (result.prepared, result.failed) == (8, {})
    assert (output / "lab" / "flow" / "Anna_anna0_flow.png").is_file()
    assert "</b> lab, <span" in (output / "preview.html").read_text()
    lists = read_lists(result.lists)
    audit(lists, data_root=output, check_files=True).raise_if_failed()
    assert {clip.subject: clip.database for clip in lists.clips} == {
        "Anna": "lab",
        "Bob": "lab",
        "sub01": "casme2",
        "Cleo": "own",
    }
    folds = make_folds(lists)
    write_run_folds(tmp_path, folds)
    answers = np.eye(3)[[clip.label for clip in lists.clips]] * 0.5 + 0.1
    answers[[clip.subject == "Bob" for clip in lists.clips]] = (0.1, 0.1, 0.8)
    write_predictions(tmp_path / "predictions.csv", Predictions.of_clips(lists.clips, answers))
    assert list(read_run_folds(tmp_path).clips) == [fold.name for fold in folds]
    metrics = evaluate_run(tmp_path)
    assert list(metrics) == ["full", "casme2", "lab", "own"]
    assert metrics["lab"]["accuracy"] == 0.5
    assert metrics["lab"]["folds"] == {"answered": 2, "of": 2}
    rows = format_table(metrics).splitlines()[1:]
    assert [row.split()[0] for row in rows[:4]] == ["Full", "CASME", "lab", "own"]
    assert rows[4:] == ["Intervals over fewer than 10 subjects say little: Full, lab"]
    assert "lab Bob\nBob_bob0 0 2\n" in (tmp_path / "challenge_log.txt").read_text()
    assert "Confusion matrix, lab" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "figures" / "confusion_lab.png").is_file()


def test_a_subject_of_two_databases_is_refused_before_anything_is_written(root, prepared):
    output, _ = prepared
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    table = root / "more.csv"
    table.write_text(",".join(HEADER) + "\nclips/bob0,Bob,0,1,3,3,\n")
    changed = dataclasses.replace(config(root, output), annotations=str(table), database="home")
    with pytest.raises(
        DualATMEError, match=r"'Bob' of 'lab' \(in .*'Bob' of 'home' \(.*more.csv:2\)"
    ) as error:
        prepare_database(changed)
    assert "'home_Bob'" in str(error.value)
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_the_command_takes_a_database(root, tmp_path):
    for place in ("Anna/positive", "sub01/negative"):
        (tmp_path / "raw" / place).mkdir(parents=True)
        shutil.copytree(root / "clips" / "anna0", tmp_path / "raw" / place / "one")
    with pytest.raises(SystemExit) as ended:
        script_calls.call(
            COMMAND, "--dataset=folder", "--database=lab", f"--root={tmp_path / 'raw'}",
            f"--output={tmp_path / 'out'}", "--landmarks=template", "--flow=dis",
        )  # fmt: skip
    assert not ended.value.code
    lists = tmp_path / "out" / "MEGC2019" / "v_cde_flow"
    assert (lists / "sub01_test.txt").read_text() == "lab/flow/sub01_one_flow.png 0 lab\n"


def test_a_video_that_was_cut_anew_is_prepared_anew(root, tmp_path):
    """Under its own name. Its first frame is another; what is not cut stays as it is."""
    frames = [np.array(Image.open(root / "clips" / "bob0" / f"{number}.png")) for number in (1, 2, 3)]
    for place in ("Anna/negative/one.avi", "Bob/surprise/two.avi"):
        (tmp_path / "raw" / place).parent.mkdir(parents=True)
        write_video(tmp_path / "raw" / place, frames)

    def prepare():
        return prepare_database(config(tmp_path / "raw", tmp_path / "out", annotations=None))

    prepare()
    names, own = ("Anna_one", "Bob_two"), tmp_path / "out" / "own"
    images = [own / "flow" / f"{name}_flow.png" for name in names]
    before = [(image.read_bytes(), image.stat().st_mtime_ns) for image in images]
    prepare_again(images[0])
    write_video(tmp_path / "raw" / "Anna/negative/one.avi", [np.roll(frames[0], 5, axis=1), *frames[1:]])
    with pytest.raises(
        DualATMEError, match="frames of Anna_one as they were. Received: .*one.avi, which was"
    ):
        prepare_again(images[0])
    assert prepare().prepared == 2
    after = [(image.read_bytes(), image.stat().st_mtime_ns) for image in images]
    assert after[0][0] != before[0][0]
    assert after[1] == before[1]
    # Records of versions that did not tell it begin to.
    record = own / "clips" / "Bob_two.json"
    row = json.loads(record.read_text())
    del row["origin"]["file"]
    record.write_text(json.dumps(row))
    prepare()
    assert (images[1].read_bytes(), images[1].stat().st_mtime_ns) == before[1]
    write_video(tmp_path / "raw" / "Bob/surprise/two.avi", [np.roll(frames[0], 5, axis=1), *frames[1:]])
    prepare()
    assert images[1].read_bytes() != before[1][0]


def test_what_shows_no_expression_is_not_prepared(root, tmp_path, monkeypatch):
    """A long video has many apexes, whatever rate it tells; a frame that was doubled has no motion."""
    monkeypatch.setattr("dualatme_keras.preprocessing.onset_apex.MOST_FRAMES", 9)
    frames = [np.array(Image.open(root / "clips" / "bob0" / f"{number}.png")) for number in (1, 2)]
    for place, shown in (
        ("Anna/negative/long.avi", frames * 5),
        ("Bob/surprise/still.avi", frames[:1] * 2),
    ):
        (tmp_path / "raw" / place).parent.mkdir(parents=True)
        write_video(tmp_path / "raw" / place, shown)
    result = prepare_database(config(tmp_path / "raw", tmp_path / "out", annotations=None))
    assert result.prepared == 0
    assert "9 frames at most. Received: Anna_long of 10 frames. Cut out" in result.failed["Anna_long"]
    assert result.failed["Bob_still"] == "Expected motion. Received: frames 0 and 1, which are the same."


def test_clips_that_are_gone_from_a_folder_take_no_part(root, tmp_path):
    """Without a table the folder is all there is; clips of other folders stay."""
    for number, place in enumerate(("here/Anna", "here/Bob", "there/Cleo", "there/Dora")):
        shutil.copytree(root / "clips" / "anna0", tmp_path / place / "negative" / f"one{number}")
    shutil.copytree(root / "clips" / "bob1", tmp_path / "here" / "Anna" / "surprise" / "gone")

    def prepare(name):
        return prepare_database(
            config(tmp_path / name, tmp_path / "output", annotations=None, database="lab")
        )

    assert (prepare("there").left_out, prepare("here").left_out) == ([], [])
    shutil.rmtree(tmp_path / "here" / "Anna" / "surprise")
    result = prepare("here")
    assert result.left_out == ["Anna_gone"]
    subjects = [clip.subject for clip in read_lists(result.lists).clips]
    assert sorted(subjects) == ["Anna", "Bob", "Cleo", "Dora"]
    (tmp_path / "there" / "Dora").rename(tmp_path / "there" / "Emma")
    assert prepare("there").left_out == ["Dora_one3"]


def test_other_classes_from_a_folder_to_the_report(root, tmp_path, capsys):
    """Five emotions; the network that answered is replaced by its answers."""
    names = ("anger", "calm", "fear", "joy", "Ärger")
    for index, (subject, label) in enumerate(itertools.product(("Anna", "Bob"), names)):
        place = tmp_path / "raw" / subject / label.lower()
        place.mkdir(parents=True)
        shutil.copytree(root / "clips" / "anna0", place / f"clip{index}")
    with pytest.raises(SystemExit):
        script_calls.call(
            COMMAND, "--dataset=folder", "--database=lab", f"--class_names={','.join(names)}",
            f"--root={tmp_path / 'raw'}", f"--output={tmp_path / 'out'}",
            "--landmarks=template", "--flow=dis",
        )  # fmt: skip
    assert "10 clips of lab" in capsys.readouterr().out
    assert "Ärger" in (tmp_path / "out" / "preview.html").read_text(encoding="utf-8")
    lists = tmp_path / "out" / "MEGC2019" / "v_cde_flow"
    with pytest.raises(DualATMEError, match=r"a label 0 \(negative\), 1 .*Received: label '[34]'"):
        read_lists(lists)
    lists = read_lists(lists, names)
    assert sorted(clip.label for clip in lists.clips) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    answers = np.eye(5)[[clip.label for clip in lists.clips]] * 0.5 + 0.1
    answers[0] = (0.1, 0.1, 0.1, 0.1, 0.6)
    run = tmp_path / "run"
    run.mkdir()
    write_predictions(run / "predictions.csv", Predictions.of_clips(lists.clips, answers, names))
    read = read_predictions(run / "predictions.csv")
    assert read.class_names == names
    np.testing.assert_array_equal(read.probabilities, answers.astype("float32"))
    metrics = evaluate_run(run)
    assert np.shape(metrics["lab"]["confusion"]) == (5, 5)
    assert metrics["full"]["accuracy"] == 0.9
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "recall Ärger" in report
    assert "0 anger, 1 calm, 2 fear, 3 joy, 4 Ärger." in report


def test_a_database_is_for_own_clips_only():
    with pytest.raises(
        DualATMEError, match="`database` with `dataset='folder'` only. Received: 'lab' for samm"
    ):
        PrepareConfig(dataset="samm", annotations="x.xlsx", database="lab")
    with pytest.raises(DualATMEError, match="`database` to be one word.*'my lab', which has spaces"):
        PrepareConfig(dataset="folder", database="my lab")
    with pytest.raises(DualATMEError, match="`class_names` with `dataset='folder'` only.*for samm"):
        PrepareConfig(dataset="samm", annotations="x.xlsx", class_names=("a", "b"))

    with pytest.raises(DualATMEError, match="two names or more that differ by more than capitals"):
        PrepareConfig(dataset="folder", class_names=("a", "A"))


OWN = {PrepareConfig: {"dataset": "folder"}, TrainConfig: {}}


@pytest.mark.parametrize("settings", OWN)
def test_the_organisers_list_has_its_own_classes(settings):
    with pytest.raises(DualATMEError, match="classes of the organisers' list.*Received: t.csv.* calm, tense"):
        settings(**OWN[settings], ground_truth="t.csv", class_names=("calm", "tense"))


def test_an_output_below_the_root_is_no_clip(root, tmp_path):
    place = tmp_path / "clips" / "anna" / "negative" / "one"
    shutil.copytree(root / "clips" / "anna0", place)
    shutil.copytree(place, tmp_path / "clips" / "bob" / "negative" / "one")
    own = config(tmp_path / "clips", tmp_path / "clips" / "data", annotations=None)
    assert prepare_database(own).prepared == prepare_database(own).prepared == 2


def test_databases_of_other_classes_do_not_mix(root, prepared, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(prepared[0], output)
    before = {path: path.read_bytes() for path in output.rglob("*.*") if path.is_file()}
    names = ("calm", "tense", "glad")
    rows = [HEADER, ("clips/anna0", "Dora", 1, 1, 3, 3, "mood")]
    (tmp_path / "mood.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    with pytest.raises(
        DualATMEError, match="classes of the other clips .* negative, positive, surprise. Rec"
    ):
        prepare_database(config(root, output, annotations=str(tmp_path / "mood.csv"), class_names=names))
    assert {path: path.read_bytes() for path in output.rglob("*.*") if path.is_file()} == before
    # The same clips may be called otherwise.
    result = prepare_database(config(root, output, class_names=names))
    assert result.prepared == 8
    assert "calm" in (output / "preview.html").read_text()
