"""Runs against each other: differences, intervals and tests, held to what can be counted or enumerated."""

import dataclasses
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

from dualatme_keras.data import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import compare_runs, format_comparison
from dualatme_keras.runs import Predictions, write_predictions, write_run_folds

COMMAND = Path(__file__).parents[2] / "dualatme_keras" / "commands" / "compare.py"
PEOPLE = ["sub01", "sub02", "sub03", "s01", "s02", "s03"]
SUBJECTS = np.repeat(PEOPLE, 8)
DATABASES = np.repeat(["casme2", "smic"], 24)
LABELS = np.random.default_rng(7).integers(3, size=48)
PATHS = np.array([f"{subject}_{clip}.png" for clip, subject in enumerate(SUBJECTS)])


def answers(skill, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(48) < skill, LABELS, rng.integers(3, size=48))


def write_run(folder, told, order=None, **changes):
    folder.mkdir(parents=True)
    probabilities = np.where(np.eye(3)[told], 0.8, 0.1).astype("float32")
    values = {"paths": PATHS, "subjects": SUBJECTS, "databases": DATABASES, "labels": LABELS, **changes}
    rows = np.arange(48) if order is None else order
    columns = (
        values["paths"],
        values["subjects"],
        values["databases"],
        values["labels"],
        told,
        probabilities,
    )
    write_predictions(folder / "predictions.csv", Predictions(*(column[rows] for column in columns)))
    return folder


@pytest.fixture
def told():
    return answers(0.3, 1), answers(0.75, 2)


@pytest.fixture
def runs(told, tmp_path):
    """The second run has its clips in another order."""
    order = np.random.default_rng(3).permutation(48)
    return write_run(tmp_path / "first", told[0]), write_run(tmp_path / "second", told[1], order)


def uf1(told):
    return f1_score(LABELS, told, average="macro")


def test_differences_and_mcnemar(runs, told):
    result = compare_runs(runs)
    (one,) = result["against_first"]
    assert [run["name"] for run in result["runs"]] == ["first", "second"]
    assert result["runs"][1]["scores"]["full"]["uf1"]["mean"] == pytest.approx(uf1(told[1]))
    full = one["parts"]["full"]["uf1"]
    assert full["difference"] == pytest.approx(uf1(told[1]) - uf1(told[0]))
    assert full["interval"][0] < full["difference"] < full["interval"][1]
    assert list(one["parts"]) == ["full", "casme2", "smic"]
    right = [one == LABELS for one in told]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    assert [one["mcnemar"]["first"], one["mcnemar"]["run"]] == only
    # Two-sided, exact: as many on one side or more, of so many fair coins.
    coins = np.array(list(itertools.product((0, 1), repeat=min(sum(only), 20)))).sum(axis=1)
    if sum(only) <= 20:
        distance = abs(only[0] - sum(only) / 2)
        wanted = (np.abs(coins - sum(only) / 2) >= distance).mean()
        assert one["mcnemar"]["p"] == pytest.approx(wanted)
    assert one["subjects"]["smic/s01"] == [right[0][24:32].mean(), right[1][24:32].mean()]


def test_permutation_of_people_is_that_of_all_there_are(runs, told):
    """Six people can be exchanged in 64 ways."""
    p = compare_runs(runs)["against_first"][0]["parts"]["full"]["uf1"]["p"]
    as_it_is = uf1(told[1]) - uf1(told[0])
    extreme = []
    for exchanged in itertools.product((False, True), repeat=6):
        rows = np.repeat(exchanged, 8)
        one, other = np.where(rows, told[1], told[0]), np.where(rows, told[0], told[1])
        extreme.append(abs(uf1(other) - uf1(one)) >= abs(as_it_is) - 1e-12)
    assert p == pytest.approx(np.mean(extreme), abs=0.015)


def test_the_same_answers_do_not_differ(runs, told, tmp_path):
    again = write_run(tmp_path / "again", told[0])
    same, turned = compare_runs([runs[0], again]), compare_runs(runs[::-1])
    (one,) = same["against_first"]
    assert one["parts"]["smic"]["uar"] == {"difference": 0.0, "interval": [0.0, 0.0], "p": 1.0}
    assert one["mcnemar"] == {"first": 0, "run": 0, "p": 1.0}
    forward = compare_runs(runs)["against_first"][0]["parts"]["full"]["uar"]
    backward = turned["against_first"][0]["parts"]["full"]["uar"]
    assert backward["difference"] == -forward["difference"]
    assert backward["p"] == forward["p"]
    np.testing.assert_allclose(backward["interval"], [-one for one in forward["interval"]][::-1])


def test_chance_is_called_chance(tmp_path):
    """Of pairs of runs of equal skill few differ: a share of about p has at most p."""
    values = []
    for seed in range(40):
        pair = [write_run(tmp_path / f"{seed}_{k}", answers(0.5, 100 + 2 * seed + k)) for k in (0, 1)]
        values.append(compare_runs(pair)["against_first"][0]["parts"]["full"]["uf1"]["p"])
    assert np.mean(np.array(values) < 0.1) < 0.25
    assert 0.3 < np.mean(values) < 0.75


def test_seeds_count_together(tmp_path, told):
    for seed in (1, 2, 3):
        write_run(tmp_path / "seeds" / f"seed_{seed}", answers(0.75, seed + 10))
    result = compare_runs([write_run(tmp_path / "first", told[0]), tmp_path / "seeds"])
    run, (one,) = result["runs"][1], result["against_first"]
    scores = [uf1(answers(0.75, seed + 10)) for seed in (1, 2, 3)]
    assert run["seeds"] == 3
    assert ", the seeds' joint answer)" in format_comparison(result)
    assert run["scores"]["full"]["uf1"] == {
        "mean": pytest.approx(np.mean(scores)),
        "values": pytest.approx(scores),
    }
    share = np.mean([answers(0.75, seed + 10)[:8] == LABELS[:8] for seed in (1, 2, 3)])
    assert one["subjects"]["casme2/sub01"][1] == pytest.approx(share)


def test_a_part_of_the_protocol_is_called_one(runs):
    """Both runs have six of seven folds, and six people are few."""
    whole = format_comparison(compare_runs(runs))
    assert "48 clips of 6 subjects" in whole
    assert "Intervals over fewer than 10 subjects say little: Full, CASME II, SMIC" in whole
    assert "folds" not in whole
    clips = {
        person: tuple(
            Clip(PATHS[row], person, DATABASES[row], int(LABELS[row]))
            for row in np.flatnonzero(person == SUBJECTS)
        )
        for person in PEOPLE
    }
    folds = [Fold(person, train=(), test=own) for person, own in clips.items()]
    missing = Fold(
        "s04", train=(), test=(dataclasses.replace(clips["s03"][0], path="s04.png", subject="s04"),)
    )
    write_run_folds(runs[1], [*folds, missing])
    result = compare_runs(runs)
    assert result["missing_folds"] == "6 of 7 folds"
    assert "6 of 7 folds: scores of a part, not of the whole protocol" in format_comparison(result)


def test_people_of_as_many_right_answers_are_alike(tmp_path):
    """Of three clips and seeds, whichever of them are right; thirds do not round alike."""
    rows = np.arange(3)
    for name, rights in (
        ("one", [(1, 1, 1), (0, 1, 1), (0, 1, 1)]),
        ("two", [(1, 1, 1), (1, 1, 0), (1, 1, 0)]),
    ):
        for seed, right in enumerate(rights, 1):
            told = np.where(right, LABELS[:3], (LABELS[:3] + 1) % 3)
            write_run(tmp_path / name / f"seed_{seed}", np.concatenate([told, LABELS[3:]]), rows)
    result = compare_runs([tmp_path / "one", tmp_path / "two"])
    assert "people told better: 0, worse: 0, alike: 1" in format_comparison(result)


def test_runs_of_one_name_are_told_apart(runs, told, tmp_path):
    namesake = write_run(tmp_path / "old" / "second", told[0])
    result = compare_runs([namesake, runs[1], runs[0]])
    assert [run["name"] for run in result["runs"]] == [str(namesake), str(runs[1]), "first"]
    assert [one["mcnemar"]["run"] > 0 for one in result["against_first"]] == [True, False]
    with pytest.raises(DualATMEError, match="each run once. Received: .*second twice"):
        compare_runs([runs[1], runs[1]])


def test_the_command(runs, tmp_path, capsys):
    script_calls.call(COMMAND, *map(str, runs), f"--output={tmp_path / 'all.json'}")
    shown = capsys.readouterr().out
    assert format_comparison(compare_runs(runs)) in shown
    assert "second against first: difference [95% over subjects], p" in shown
    assert "people told better: " in shown
    assert json.loads((tmp_path / "all.json").read_text()) == compare_runs(runs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"labels": (LABELS + 1) % 3},
            "same clips, labels and classes. Received: .*third with 48 clips.*48 in both",
        ),
        (
            {"paths": np.array([f"other_{path}" for path in PATHS])},
            "48 clips, where the first has 48 .0 in both",
        ),
    ],
)
def test_runs_of_something_else(changes, message, runs, told, tmp_path):
    third = write_run(tmp_path / "third", told[0], **changes)
    with pytest.raises(DualATMEError, match=message):
        compare_runs([runs[0], third])
    with pytest.raises(DualATMEError, match="two runs or more to compare. Received: 1"):
        compare_runs([third])
    with pytest.raises(DualATMEError, match="a run with a predictions.csv"):
        compare_runs([third, tmp_path / "nowhere"])
