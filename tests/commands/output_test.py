"""What commands print of what the library gives them, and how they end."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras import recognition, serving
from dualatme_keras.recognition import clip_table

COMMANDS = Path(dualatme_keras.__file__).parent / "commands"

ROW = {
    "clip": "a.mp4",
    "label": "surprise",
    "p_negative": "0.1",
    "p_positive": "0.2",
    "p_surprise": "0.7",
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
        clip_table, "predict_clips", lambda *_arguments: clip_table.PredictResult([*rows], dict(failed))
    )
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMANDS / "predict.py", "a.mp4", "--run=r", "--output=out.csv")
    printed = capsys.readouterr()
    return ended.value.code, printed.out.splitlines(), printed.err


def test_a_line_for_each_answer(monkeypatch, capsys):
    long = ROW | {"clip": "b/longer.mp4", "label": "positive", "apex_seconds": "0.4", "motion": "0.91"}
    code, lines, _ = predict(monkeypatch, capsys, ROW, long)
    assert code == 0
    assert lines == [
        "a.mp4         surprise  negative 0.10  positive 0.20  surprise 0.70  apex 12",
        "b/longer.mp4  positive  negative 0.10  positive 0.20  surprise 0.70  apex 12 (0.40 s)  motion 0.91%",
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
