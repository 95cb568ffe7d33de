"""dualatme-score as a user calls it."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras

SCORE = Path(dualatme_keras.__file__).parent / "commands/score.py"
HEADER = "subject,video,onset,offset,emotion\n"


@pytest.fixture
def files(tmp_path):
    truth, predictions = tmp_path / "truth.csv", tmp_path / "predictions.csv"
    truth.write_text(HEADER + "1,a,0,9,negative\n1,a,20,40,others\n2,a,0,9,negative\n")
    predictions.write_text(HEADER + "1,a,0,9,negative\n1,a,20,40,positive\n1,b,0,9,positive\n")
    return truth, predictions


def test_scores_are_printed_and_written(files, tmp_path, capsys):
    output = tmp_path / "scores.json"
    script_calls.call(SCORE, *files, "--frames_per_second=30", f"--output={output}")
    printed = capsys.readouterr().out.splitlines()
    assert printed[1:4] == [
        "all       .6667      .6667   .6667    2   1   1",
        "micro     .5000      .5000   .5000    1   1   1",
        "macro     1.0000     1.0000  1.0000   1   0   0",
    ]
    assert printed[-1] == f"all of it: {output}"
    scores = json.loads(output.read_text())
    # Negative is told right, others and positive are not: 1/3 each, times 2/3.
    assert scores["strs"] == pytest.approx(2 / 9)
    assert scores["kinds"]["macro"]["true_positives"] == 1
    assert scores["emotions"][0]["emotion"] == "negative"


@pytest.mark.parametrize(
    ("flag", "strs"),
    # The script passes over subject 2 and video b; positive is no emotion of the truth.
    [("--compatible", 0.5), ("--emotions=negative,positive", pytest.approx(1 / 3))],
)
def test_other_ways_to_score(flag, strs, files, tmp_path):
    script_calls.call(SCORE, *files, flag, f"--output={tmp_path / 'scores.json'}")
    assert json.loads((tmp_path / "scores.json").read_text())["strs"] == strs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "dualatme-score: Expected two files, truth and predictions. Received: 0."),
        (["--fps=0"], "Expected --frames_per_second above 0. Received: 0.0."),
    ],
)
def test_a_wrong_call_ends_in_one_line(arguments, message, files):
    with pytest.raises(SystemExit, match=message):
        script_calls.call(SCORE, *(files if arguments else ()), *arguments)
