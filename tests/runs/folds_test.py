"""folds.csv: which folds a run has, and whether predictions are theirs."""

import dataclasses

import numpy as np
import pytest

from dualatme_keras.data import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.runs import Predictions, RunDirectory, concatenate, read_run_folds, write_run_folds


def fold(name, database, clips):
    test = tuple(Clip(f"{database}/flow/{name}_{i}, a_flow.png", name, database, i % 3) for i in range(clips))
    return Fold(name, train=(), test=test)


FOLDS = [fold("sub01", "casme2", 4), fold("sub02", "casme2", 3), fold("s01", "smic", 5)]


def answers(*folds):
    parts = [Predictions.of_clips(one.test, np.full((len(one.test), 3), 1 / 3)) for one in folds]
    return concatenate(parts)


@pytest.fixture
def run(tmp_path):
    """Three folds, two of them finished."""
    write_run_folds(tmp_path, FOLDS)
    for name in ("sub01", "s01"):
        RunDirectory(tmp_path).fold(name).mkdir(parents=True)
    return read_run_folds(tmp_path)


def test_folds_are_read_back(run, tmp_path):
    assert run.clips == {one.name: one.test for one in FOLDS}
    assert run.finished == ("sub01", "s01")
    assert str(run) == "2 of 3 folds"
    assert read_run_folds(tmp_path / "elsewhere") is None


def test_counts_of_each_part(run):
    metrics = {"full": {"uf1": 0.5}, "casme2": {}, "smic": {}}
    assert run.add_counts(metrics, answers(FOLDS[0], FOLDS[2])) == {
        "full": {"uf1": 0.5, "folds": {"answered": 2, "of": 3}},
        "casme2": {"folds": {"answered": 1, "of": 2}},
        "smic": {"folds": {"answered": 1, "of": 1}},
    }


def test_folds_of_a_held_out_database_count_for_it(tmp_path):
    held_out = dataclasses.replace(FOLDS[2], name="smic")
    write_run_folds(tmp_path, [held_out])
    counted = read_run_folds(tmp_path).add_counts({"full": {}, "smic": {}}, answers(held_out))
    assert counted == {part: {"folds": {"answered": 1, "of": 1}} for part in ("full", "smic")}


def test_whole_folds_are_accepted_in_any_order(run):
    run.check(answers(FOLDS[2], FOLDS[0]))
    run.check(answers(*FOLDS))  # the folders of a fold need not be there: predictions travel alone


def without(predictions, row):
    return Predictions(*(np.delete(column, row, axis=0) for column in predictions.columns))


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (
            without(answers(FOLDS[0], FOLDS[2]), [0, 2]),
            "Received: 2 of 4 clips of fold sub01. The dualatme",
        ),
        (without(answers(*FOLDS), 5), "Received: 2 of 3 clips of fold sub02. The"),  # not finished, yet begun
        (answers(FOLDS[2]), "Received: 0 of 4 clips of fold sub01. The"),
        (answers(*FOLDS, fold("sub03", "casme2", 2)), "Received: 2 clips of no fold, casme2/flow/sub03_0"),
    ],
    ids=["cut off", "part of a fold", "without a finished fold", "clips of another run"],
)
def test_other_predictions_are_refused(predictions, message, run):
    with pytest.raises(DualATMEError, match=message):
        run.check(predictions)


def test_other_labels_are_other_clips(run):
    predictions = answers(FOLDS[0], FOLDS[2])
    predictions.labels[1] = 0
    with pytest.raises(DualATMEError, match="1 clips of no fold, .*3 of 4 clips of fold sub01"):
        run.check(predictions)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("fold,clip\n", "folds.csv:1: Expected the header fold,path"),
        ("fold,path,subject,database,label\n", "folds.csv:2: Expected at least one"),
        ("fold,path,subject,database,label\nsub01,a.png\n", "folds.csv:2: Expected fold,path.*a.png"),
        ("fold,path,subject,database,label\nsub01,a.png,sub01,casme2,x\n", "folds.csv:2: Expected"),
        (
            f"fold,path,subject,database,label\n{'9' * 300},a,s,smic,1\n",
            "folds.csv:2: .*fold's name, 200 bytes at most",
        ),
    ],
)
def test_malformed_files_are_named(content, message, tmp_path):
    (tmp_path / "folds.csv").write_text(content)
    with pytest.raises(DualATMEError, match=message):
        read_run_folds(tmp_path)
