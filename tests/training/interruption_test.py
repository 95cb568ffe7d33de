"""A fold that is interrupted goes on at its last saved epoch, to the same answers bit by bit."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from colour_runs import rerun

from dualatme_keras.errors import DualATMEError
from dualatme_keras.runs import RunDirectory
from dualatme_keras.training import checkpoints, run_loso


class Stop(Exception):
    """Whatever ends a training: the power, a person."""


@pytest.fixture
def stopping(monkeypatch):
    """Ends the training after a number of saved epochs, as often as there are numbers."""
    monkeypatch.setattr(checkpoints, "SHARE", 0)  # every epoch is saved
    save, ends = checkpoints.Checkpoint.save, []

    def save_and_stop(self, model, epochs, history):
        save(self, model, epochs, history)
        if ends and ends[0] == epochs:
            ends.pop(0)
            raise Stop

    monkeypatch.setattr(checkpoints.Checkpoint, "save", save_and_stop)
    return ends


def contents(run):
    names = ("predictions.csv", "history.csv", "test_epochs.csv")
    files = [file for file in Path(run).rglob("*.csv") if file.name in names]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "changes",
    [
        {
            **{"audit_protocol": True, "optimizer": "sgd", "schedule": "cosine", "warmup_epochs": 2},
            **{"ema_momentum": 0.9, "mirror": True},
        },
        pytest.param(
            {"mirror": True, "shift": 0.1, "mixup": 0.4, "ema_momentum": 0.9, "class_weight": "balanced"},
            marks=pytest.mark.long,
        ),
    ],
    ids=["schedule", "augmented"],
)
def test_goes_on_at_the_last_saved_epoch(changes, small, stopping, tmp_path):
    changes = {"subjects": ("006",), "epochs": 8, "loss": "crossentropy", **changes}
    rerun(small, tmp_path / "whole", **changes)
    stopping[:] = [3, 5]
    for _ in range(2):
        with pytest.raises(Stop):
            rerun(small, tmp_path / "parts", **changes)
    state = tmp_path / "parts" / "folds" / ".006.unfinished" / "state.npz"
    with np.load(state) as content:
        assert json.loads(content["told"].tobytes())["epochs"] == 5
    rerun(small, tmp_path / "parts", **changes)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert "history.csv" in {Path(name).name for name in contents(tmp_path / "parts")}
    assert [path.name for path in (tmp_path / "parts" / "folds").iterdir()] == ["006"]


def test_the_final_network_is_no_fold_that_could_go_on(small, stopping, tmp_path):
    """A subject may be called `final`: its fold must not begin with what has seen its clips."""
    changes = {"subjects": ("006",), "epochs": 3, "final_model": True, "workdir": str(tmp_path / "run")}
    run_loso(dataclasses.replace(small, **{**changes, "final_model": False}))
    (tmp_path / "run" / "folds" / ".final.unfinished").mkdir()  # as an earlier version left it
    stopping[:] = [1]
    with pytest.raises(Stop):
        run_loso(dataclasses.replace(small, **changes))
    assert [path.name for path in (tmp_path / "run" / "folds").iterdir()] == ["006"]
    assert RunDirectory(tmp_path / "run").unfinished_final.is_dir()
    result = run_loso(dataclasses.replace(small, **changes))
    assert len((result.final_model.parent / "history.csv").read_text().splitlines()) == 4
    assert not RunDirectory(tmp_path / "run").unfinished_final.exists()


def test_with_callbacks_a_fold_begins_anew(small, stopping, tmp_path):
    """They may remember what they saw."""
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(epoch)
            if len(seen) == 2:
                raise Stop

    changes = {"subjects": ("006",), "epochs": 3, "final_model": False, "workdir": str(tmp_path / "run")}
    config = dataclasses.replace(small, **changes)
    with pytest.raises(Stop):
        run_loso(config, callbacks=lambda fold: [Seen()])
    run_loso(config, callbacks=lambda fold: [Seen()])
    assert seen == [0, 1, 0, 1, 2]


def test_what_a_fold_chose_from_is_not_tried_again(small, stopping, tmp_path, monkeypatch):
    choices = tmp_path / "choices.json"
    choices.write_text(json.dumps({"few": {"epochs": 2}, "more": {"epochs": 4}}))
    changes = {"subjects": ("006",), "select": str(choices), "select_splits": 2}
    rerun(small, tmp_path / "whole", **changes)
    fits = []
    fit = keras.Model.fit
    monkeypatch.setattr(keras.Model, "fit", lambda *args, **options: fits.append(1) or fit(*args, **options))
    stopping[:] = [1]
    with pytest.raises(Stop):
        rerun(small, tmp_path / "parts", **changes)
    assert len(fits) == 5  # two settings in two parts, then the fold itself
    rerun(small, tmp_path / "parts", **changes)
    assert len(fits) == 6
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_keras_backups_of_a_fold_leave_the_others_alone(small, stopping, tmp_path):
    """A fold that goes on at its backup is followed by folds that begin anew."""

    def callbacks(fold):
        return [keras.callbacks.BackupAndRestore(tmp_path / fold.name)]

    config = dataclasses.replace(
        small, workdir=str(tmp_path / "run"), epochs=4, final_model=False, tensorboard=False
    )
    ended = []

    class End(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1 and not ended:
                ended.append(epoch)
                raise Stop

    with pytest.raises(Stop):
        run_loso(config, callbacks=lambda fold: [*callbacks(fold), End()])
    shutil.rmtree(config.workdir)  # other callbacks are another run
    run_loso(config, callbacks=callbacks)
    histories = [np.genfromtxt(file, delimiter=",")[1:] for file in Path(config.workdir).rglob("history.csv")]
    assert sorted(map(len, histories)) == [2, 4, 4]


def test_folds_side_by_side_are_broken_off_with_one_that_diverges(small, tmp_path, monkeypatch):
    """Although the error, and its traceback, are kept."""
    from dualatme_keras.training import fold_runner
    from dualatme_keras.training.divergence import diverged

    closed = []

    def run_all(self, folds, *_arguments):
        try:
            for fold in folds:
                error = diverged(fold, 2, "a finite loss", float("nan"))
                yield fold, fold_runner.FoldResult(None, error, 0.1)
        finally:
            closed.append(True)

    monkeypatch.setattr(fold_runner.FoldRunner, "run_all", run_all)
    with pytest.raises(DualATMEError, match="finite loss") as kept:
        rerun(small, tmp_path / "run")
    assert closed, kept


def test_folds_that_diverge_may_be_passed_over(small, tmp_path, capsys, monkeypatch):
    from dualatme_keras.data import Fold
    from dualatme_keras.training import fold_trainer
    from dualatme_keras.training.divergence import diverged

    train = fold_trainer.FoldTrainer.train

    def fail(self, fold, *args, **options):
        if fold.name == "006":
            raise diverged(Fold("006", (), ()), 2, "a finite loss", float("nan"))
        return train(self, fold, *args, **options)

    monkeypatch.setattr(fold_trainer.FoldTrainer, "train", fail)
    result = rerun(small, tmp_path / "run", keep_going=True)
    assert [*result.diverged] == ["006"]
    assert "006    missing: fold 006, epoch 2: Expected a finite loss" in capsys.readouterr().out
    assert result.metrics["full"]["folds"] == {"answered": 2, "of": 3}
