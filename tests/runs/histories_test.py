"""Training curves of a run's folds, whatever is left of them."""

import numpy as np

from dualatme_keras.runs import RunDirectory, read_histories


def test_a_fold_that_is_being_written_is_none(tmp_path):
    run = RunDirectory(tmp_path)
    for fold in ("sub01", ".sub02.partial"):
        run.fold(fold).mkdir(parents=True)
        for name in ("model.keras", "history.csv", "test_epochs.csv", "selection.json"):
            (run.fold(fold) / name).touch()
    for found in (run.fold_models(), run.fold_histories(), run.fold_epochs(), run.fold_selections()):
        assert [file.parent.name for file in found] == ["sub01"]


def test_what_is_no_curve_is_passed_over(tmp_path):
    texts = {
        "sub02": "epoch,loss,note\n1,0.5,a\n2,0.25,b\n3,0.1",  # cut off, and a column of words
        "sub01": "epoch,loss\n1,4\n2,nan\n",
        "sub03": "epoch,loss\n",
        "sub04": "",
        "sub05": "epoch\n1\n",
    }
    run = RunDirectory(tmp_path)
    for fold, text in texts.items():
        run.fold(fold).mkdir(parents=True)
        (run.fold(fold) / "history.csv").write_text(text)
    first, second = read_histories(run)
    np.testing.assert_equal(first, {"epoch": np.array([1.0, 2.0]), "loss": np.array([4.0, np.nan])})
    np.testing.assert_equal(second, {"epoch": np.array([1.0, 2.0]), "loss": np.array([0.5, 0.25])})
