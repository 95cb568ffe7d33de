"""What the best epoch on the test fold would have claimed, on answers counted by hand."""

import json

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import evaluate_run
from dualatme_keras.runs import Predictions, concatenate, write_predictions
from dualatme_keras.runs.epochs import read_epochs, write_epochs

NAMES = ("negative", "positive", "surprise")
# Of three clips of each fold, of classes 0, 1, 2: what is answered after each of three epochs.
TOLD = {"sub01": [(0, 1, 2), (0, 0, 2), (0, 0, 0)], "s01": [(0, 0, 0), (0, 1, 0), (0, 1, 0)]}


@pytest.fixture
def run(tmp_path):
    parts = []
    for fold, epochs in TOLD.items():
        folder = tmp_path / "folds" / fold
        folder.mkdir(parents=True)
        (folder / "model.keras").touch()
        probabilities = np.where(np.eye(3)[np.array(epochs)], 0.8, 0.1)
        paths = np.array([f"{fold}_{clip}.png" for clip in range(3)])
        write_epochs(folder / "test_epochs.csv", paths, probabilities, NAMES)
        database = np.repeat("casme2" if fold == "sub01" else "smic", 3)
        parts.append(
            Predictions(
                paths, np.repeat(fold, 3), database, np.arange(3), np.array(epochs[-1]), probabilities[-1]
            )
        )
        write_predictions(folder / "predictions.csv", parts[-1])
    write_predictions(tmp_path / "predictions.csv", concatenate(parts))
    return tmp_path


def test_claims(run):
    metrics = evaluate_run(run)
    assert "protocol_audit" not in metrics
    audit = json.loads((run / "metrics.json").read_text())["protocol_audit"]
    # Clips right of 6: 4, 4, 3 (2 of 3 folds' own best: 3 and 2).
    assert np.allclose(audit["epochs"]["accuracy"], [4 / 6, 4 / 6, 3 / 6])
    assert audit["last_epoch"]["accuracy"] == metrics["full"]["accuracy"] == 3 / 6
    assert audit["last_epoch"]["uf1"] == metrics["full"]["uf1"]
    # Class by class, of epoch 1: 2 of 2 with 2 false, 1 of 2, 1 of 2; of epoch 2 the same.
    assert audit["epochs"]["uf1"][0] == pytest.approx((4 / 6 + 2 / 3 + 2 / 3) / 3)
    assert (audit["best_epoch"]["epoch"], audit["best_epoch"]["accuracy"]) == (1, 4 / 6)
    assert audit["best_epoch_of_each_fold"]["accuracy"] == 5 / 6
    assert (run / "figures" / "protocol_audit.png").is_file()
    page = (run / "report.html").read_text()
    assert "What a leak would claim" in page
    assert "epoch 1 in all folds, chosen by the test clips" in page


def test_numbers_survive_the_file(tmp_path):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), (4, 2)).astype("float32")
    write_epochs(tmp_path / "epochs.csv", ["a", "b"], probabilities, NAMES)
    np.testing.assert_array_equal(read_epochs(tmp_path / "epochs.csv", ["a", "b"]), probabilities)


def spoil(run, old, new):
    path = run / "folds" / "s01" / "test_epochs.csv"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("s01_1.png", "s01_9.png", "3 clips of predictions.csv"),
        ("3,s01_0.png,0.8", "3,s01_0.png,0.0", "last epoch to answer as predictions.csv"),
        ("0.8", "much", "answers of each epoch"),
        ("\n3,s01_2.png", "\n4,s01_2.png", "3 clips of predictions.csv"),
    ],
)
def test_files_of_something_else(old, new, message, run):
    spoil(run, old, new)
    with pytest.raises(DualATMEError, match=f"{message}.*test_epochs.csv"):
        evaluate_run(run)


def test_a_fold_that_was_not_audited(run):
    (run / "folds" / "s01" / "test_epochs.csv").unlink()
    with pytest.raises(DualATMEError, match="in every fold. Received: .*s01 without"):
        evaluate_run(run)
