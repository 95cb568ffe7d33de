"""What commands print of what the library gives them, and how they end."""

import dataclasses
import functools
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras import (
    evaluation,
    models,
    preparation,
    recognition,
    runs,
    serving,
    synthetic,
    training,
)
from dualatme_keras.commands import predict as predict_command
from dualatme_keras.data import Finding, GroundTruth
from dualatme_keras.databases import comparison
from dualatme_keras.evaluation import weights
from dualatme_keras.recognition import clip_table

COMMANDS = Path(dualatme_keras.__file__).parent / "commands"

ROW = {
    "clip": "a.mp4",
    "label": "surprise",
    "p_negative": "0.1",
    "p_positive": "0.2",
    "p_surprise": "0.7",
    "action_units": "",
    "apex": 12,
    "apex_seconds": "",
    "motion": "",
    "doubts": "",
    "error": "",
}


class Networks:
    """What a recogniser tells of itself."""

    class_names = ("negative", "positive", "surprise")

    def __len__(self):
        return 2


def predict(monkeypatch, capsys, *rows, failed=()):
    monkeypatch.setattr(recognition, "Recognizer", lambda *_arguments: Networks())
    monkeypatch.setattr(
        clip_table,
        "predict_clips",
        lambda *_arguments, **_workers: clip_table.PredictResult([*rows], dict(failed)),
    )
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMANDS / "predict.py", "a.mp4", "--run=r", "--output=out.csv")
    printed = capsys.readouterr()
    return ended.value.code, printed.out.splitlines(), printed.err


def test_a_line_for_each_answer(monkeypatch, capsys):
    long = ROW | {"clip": "b/longer.mp4", "label": "positive", "apex_seconds": "0.4", "motion": "0.91"}
    long["action_units"] = "6+R12"
    code, lines, _ = predict(monkeypatch, capsys, ROW, long)
    assert code == 0
    assert lines == [
        "a.mp4         surprise  negative 0.10  positive 0.20  surprise 0.70  apex 12",
        "b/longer.mp4  positive  negative 0.10  positive 0.20  surprise 0.70  apex 12 (0.40 s)  motion 0.91%"
        "  AU 6+R12",
        "",
        "answered by: 2 networks that answer together, of r",
        "table: out.csv",
    ]


def test_doubts_stand_below_their_answer(monkeypatch, capsys):
    code, lines, _ = predict(monkeypatch, capsys, ROW | {"doubts": "little motion"}, ROW)
    assert code == 0
    assert lines[1] == "       look at it: little motion"
    assert lines[2].startswith("a.mp4  surprise")
    assert "look at it" not in "".join(lines[2:])


def test_what_failed_is_told_apart(monkeypatch, capsys):
    failed = {"b.mp4": "Expected a face."}
    code, lines, errors = predict(
        monkeypatch, capsys, ROW, ROW | {"clip": "b.mp4", "error": "Expected a face."}, failed=failed.items()
    )
    assert code == 1
    assert [line for line in lines if "b.mp4" in line] == []
    assert errors.endswith("failed: b.mp4: Expected a face.\n")


@pytest.mark.parametrize(
    ("arguments", "asked", "told"),
    [
        (
            ["--run=r,s", "--networks=folds", "--landmarks_file=f", "--unfinished"],
            ("Recognizer", ["r", "s"], None, "folds", None, "f", "largest", True),
            "2 networks that answer together, of r, s",
        ),
        (
            [],
            ("Recognizer", ["facs"], None, "auto", None, None, "largest", False),
            "2 networks that answer together, of facs",
        ),
        (
            ["--server=http://h:1", "--model=m", "--settings=published", "--face=central"],
            ("Remote", ("Client", "http://h:1", "m"), None, None, "central", "published"),
            "2 networks that answer together, of http://h:1",
        ),
        (
            ["--export=e", "--landmarks=template"],
            ("Remote", ("LocalExport", "e"), "template", None, "largest", None),
            "2 networks that answer together, of e",
        ),
    ],
    ids=["run", "nobody", "server", "export"],
)
def test_who_is_asked(arguments, asked, told, monkeypatch, capsys):
    called = []

    class Recognizer(Networks):
        def __init__(self, kind, *arguments):
            called.append((kind, *arguments))

    monkeypatch.setattr(recognition, "Recognizer", functools.partial(Recognizer, "Recognizer"))
    monkeypatch.setattr(recognition, "RemoteRecognizer", functools.partial(Recognizer, "Remote"))
    monkeypatch.setattr(serving, "Client", lambda *given: ("Client", *given))
    monkeypatch.setattr(serving, "LocalExport", lambda *given: ("LocalExport", *given))
    monkeypatch.setattr(predict_command, "read_settings", str)
    predicted = clip_table.PredictResult([ROW], {})
    monkeypatch.setattr(
        clip_table,
        "predict_clips",
        lambda *given, **workers: called.append((given[1:], workers)) or predicted,
    )
    given = ("a", "b", "--figures=f", "--fps=30", "--workers=3", *arguments)
    with pytest.raises(SystemExit) as ended:
        predict_command.run(["dualatme-predict", *given])
    assert ended.value.code == 0
    workers = {"workers": 3, "executor": "processes", "ray_address": "auto"}
    assert called == [asked, ((["a", "b"], "recognised.csv", "f", False, 30.0), workers)]
    assert predict_command.flags.continues == ("--server=http://h:1" not in arguments)
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"answered by: {told}",
        "table: recognised.csv",
        "pictures: f",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--networks=folds"], "Expected --networks with --run. Received: it alone, where"),
        (["a", "--settings=s"], "Expected --settings with --run or --server. Received: it alone"),
        (["a", "--run=r", "--server=s"], "give one of --run, --export and --server"),
        (["a", "--run=r", "--model=m"], "Expected --model with --server. Received: it with --run,"),
        (["a", "--export=e", "--settings=s"], "Expected --settings with --run or --server. .* --export,"),
        (["a", "--server=s", "--networks=all"], "--networks=all: value should be one of"),
        (["a", "--server=s", "--nounfinished"], "Expected --unfinished with --run. .* --server,"),
        (["--run=r"], "Expected videos or folders of frames. Received: none."),
    ],
)
def test_predict_refuses_flags_without_effect(arguments, message):
    with pytest.raises(SystemExit, match=message):
        script_calls.call(COMMANDS / "predict.py", *arguments)


@pytest.mark.parametrize(
    ("kind", "why", "told"),
    [
        ("saved_model", "no settings", True),
        ("saved_model", None, False),
        ("onnx", "no settings", False),  # which has none anyway
    ],
)
def test_export_says_what_it_lacks(monkeypatch, capsys, kind, why, told):
    result = serving.ExportResult(1, {kind: Path("there")}, why)
    monkeypatch.setattr(serving, "export_run", lambda *_arguments, **_others: result)
    script_calls.call(COMMANDS / "export.py", "--run=r")
    printed = capsys.readouterr().out
    assert f"{kind}: there\n" in printed
    assert ("without the signature serve_frames: no settings\n" in printed) == told


PREPARED = preparation.PrepareResult(
    prepared=0,
    failed={},
    doubtful={},
    missing=(),
    warnings=(),
    relabelled=[],
    left_out=[],
    replaced=[],
    lists=None,
    seconds=3,
)


def prepare(monkeypatch, capsys, **changes):
    result = dataclasses.replace(PREPARED, **changes)
    monkeypatch.setattr(preparation, "prepare_database", lambda _config: result)
    with pytest.raises(SystemExit) as ended:
        script_calls.call(
            COMMANDS / "prepare.py", "--dataset=samm", "--root=r", "--annotations=a", "--output=out"
        )
    printed = capsys.readouterr()
    return ended.value.code, printed.out.splitlines(), printed.err.splitlines()


def test_prepare_tells_what_needs_a_look(monkeypatch, capsys):
    code, lines, errors = prepare(
        monkeypatch,
        capsys,
        prepared=7,
        doubtful={"a": "eyes far apart"},
        relabelled=list("abcdef"),
        left_out=["g"],
        replaced=["h"],
        lists="out/lists",
        warnings=(Finding("apex", "apex before onset", "t.csv:4"),),
    )
    assert code == 0
    assert lines == [
        "",
        "7 clips of samm in out, 3 s",
        "clips that have another label now (6): a, b, c, d, e and 1 more",
        "clips that take no part now (1): g",
        "clips that are made anew, from frames at another place than before (1): h",
        "look at the face of a: eyes far apart",
        "look at them: out/preview.html",
        "lists of all databases there: out/lists",
    ]
    assert len(errors) == 1
    assert errors[0].startswith("warning: ")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"failed": {"b": "Expected a face."}}, "failed: b: Expected a face."),
        (
            {"missing": (GroundTruth("samm", "006", "006_1", 0, "gt.csv:3"),)},
            "only in the list: samm 006 006_1 (gt.csv:3)",
        ),
    ],
)
def test_prepare_fails_where_a_clip_does(changes, error, monkeypatch, capsys):
    code, lines, errors = prepare(monkeypatch, capsys, **changes)
    assert code == 1
    assert lines[1:] == [
        "0 clips of samm in out, 3 s",
        "lists of all databases there: none yet, they take two subjects",
    ]
    assert errors == [error]


def test_audit_ends_by_whether_annotations_and_list_agree(monkeypatch, capsys):
    monkeypatch.setattr(comparison, "format_comparison", lambda _result: "compared")
    for agrees, code in ((True, 0), (False, 1)):
        result = SimpleNamespace(agrees=agrees)
        monkeypatch.setattr(preparation, "audit_database", lambda _config, result=result: result)
        with pytest.raises(SystemExit) as ended:
            script_calls.call(COMMANDS / "prepare.py", "--dataset=samm", "--annotations=a", "--audit")
        assert (ended.value.code, capsys.readouterr().out) == (code, "compared\n")


def test_demo_says_how_to_prepare_what_it_wrote(monkeypatch, capsys):
    monkeypatch.setattr(synthetic, "write_synthetic", lambda *_arguments, **_others: ["a", "b"])
    script_calls.call(COMMANDS / "demo.py", "--subjects=2", "--output=raw")
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "2 made-up clips of 6 subjects in raw; prepare them with"
    assert [line.split()[1] for line in others] == ["--dataset=casme2", "--dataset=samm", "--dataset=smic"]


def test_train_tells_scores_and_how_to_serve_the_run(monkeypatch, capsys):
    """One run with one seed, and as many as are asked for."""
    called = []

    def result(config, final):
        called.append(config.seed)
        return training.RunResult(config.workdir, "scores", None, final)

    monkeypatch.setattr(training, "run_loso", lambda config: result(config, None))
    monkeypatch.setattr(
        training,
        "run_seeds",
        lambda config, seeds, workdirs: [
            result(dataclasses.replace(config, seed=seed, workdir=str(workdir)), "final.keras")
            for seed, workdir in zip(seeds, workdirs, strict=True)
        ],
    )
    # Last: what is imported by the lines above keeps the real one.
    monkeypatch.setattr("dualatme_keras.training.lists.read_training_lists", lambda _config: None)
    monkeypatch.setattr(evaluation, "format_table", str)
    monkeypatch.setattr(evaluation, "score_seeds", lambda workdir: f"scores of {workdir}")
    monkeypatch.setattr(evaluation, "format_seeds", str)
    script_calls.call(COMMANDS / "train.py", "--workdir=w", "--seed=5")
    assert called == [5]
    assert capsys.readouterr().out == "\nscores\n\nrun: w\nits report: dualatme-evaluate --workdir=w\n"
    script_calls.call(COMMANDS / "train.py", "--workdir=w", "--seed=5", "--seeds=2")
    assert called == [5, 5, 6]
    assert capsys.readouterr().out.splitlines() == [
        "final network: final.keras",
        f"to serve it: dualatme-export --run={Path('w/seed_5')}",
        "final network: final.keras",
        f"to serve it: dualatme-export --run={Path('w/seed_6')}",
        "",
        "scores of w",
        "",
        "runs: w/seed_*",
        "their reports: dualatme-evaluate --workdir=w",
    ]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("predict", ["--output=a.mp4", "b.mp4"], "--output to be a table. Received: a.mp4"),
        ("predict", ["--output=b", "b"], "--output to be a file of its own. Received: b"),
        (
            "predict",
            ["--spot", "--output=o.csv", "--intervals=o.csv", "b.mp4"],
            "--intervals to be a",
        ),
        ("score", ["a.csv", "b.csv", "--output=a.csv"], "--output to be a file of its own. Received: a.csv"),
        (
            "evaluate",
            ["--workdir=w", "--action_units=a.csv"],
            "--action_units with --weights. Received",
        ),
    ],
)
def test_nothing_is_overwritten_or_passed_over(command, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        script_calls.call(COMMANDS / f"{command}.py", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_says_where_reports_are(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(evaluation, "find_seeds", lambda workdir: [1, 2] if workdir == "seeds" else [])
    monkeypatch.setattr(evaluation, "score_seeds", lambda _workdir, report: f"reports {report}")
    monkeypatch.setattr(evaluation, "evaluate_run", lambda workdir: f"scores of {workdir}")
    monkeypatch.setattr(evaluation, "format_seeds", str)
    monkeypatch.setattr(evaluation, "format_table", str)

    def evaluate(*arguments):
        script_calls.call(COMMANDS / "evaluate.py", *arguments)
        return capsys.readouterr().out

    assert evaluate("--workdir=seeds") == "reports True\n\nreports: seeds/seed_*/report.html\n"
    assert evaluate("--workdir=one") == "scores of one\n\nreport: one/report.html\n"
    monkeypatch.setattr(models, "load_model", lambda path, attention: (path, attention))
    monkeypatch.setattr(weights, "answer_lists", lambda *_arguments: ("predictions", None))
    monkeypatch.setattr(runs, "score_predictions", lambda predictions: f"scores of {predictions}")
    monkeypatch.setattr(runs, "write_predictions", lambda path, _predictions: path.touch())
    given = ("--weights=a.keras", "--lists=lists")
    warning = "\nA test only where the weights were trained without these people: the file does not say.\n"
    assert evaluate(*given) == f"scores of predictions\n{warning}"
    assert "no person was in their training" in evaluate("--weights=facs", "--lists=lists")
    new = tmp_path / "new" / "folder"
    assert evaluate(*given, f"--workdir={new}") == f"scores of {new}\n{warning}\nreport: {new}/report.html\n"
    assert (new / "predictions.csv").exists()
    with pytest.raises(SystemExit, match="Expected --workdir to be a new folder"):
        evaluate(*given, f"--workdir={new}")
    with pytest.raises(
        SystemExit, match="Expected --attention with a .pth file. Received: --weights=a.keras"
    ):
        evaluate(*given, "--attention=entire")
    with pytest.raises(SystemExit, match="Expected --lists with --weights"):
        evaluate("--weights=a.keras")
    with pytest.raises(SystemExit, match="Expected --workdir, or --weights"):
        evaluate()
