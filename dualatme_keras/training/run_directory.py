"""The folder of a run: what it was, what came out, which folds are finished."""

import csv
import io
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.data import (
    Fold,
    Predictions,
    RunFolds,
    fold_folder,
    read_predictions,
    read_run_folds,
    write_predictions,
    write_run_folds,
)
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.training.continuation import find_differences


class RunDirectory:
    """Files of a run.

    A fold is written into a hidden folder that is renamed when complete: a folder `folds/NAME` marks a
    finished fold, and a run that was stopped at any point can be continued.

    Args:
        path: the folder, created where absent.
        record: what decides the run's results, see `continuation.find_differences`; written to config.json.
        may_differ: names in it that a continued run may change.
        despite: names out of `continuation.CONTINUE_DESPITE`: differences to pass over.

    Raises:
        DualATMEError: the folder holds a run of another record, or files that are no run.
    """

    def __init__(self, path, record: dict, may_differ=(), despite=()):
        self.path = Path(path)
        # As JSON gives it back, so that tuples and lists compare equal.
        record = json.loads(json.dumps(record))
        config = self.path / "config.json"
        self._passed_over = []
        if config.exists():
            begun = _read_json(config)
            self._check([*find_differences(begun, record, may_differ)], despite)
            # What is compared stays what the run was begun with.
            record |= {name: value for name, value in begun.items() if name not in may_differ}
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise DualATMEError(
                "Expected --workdir to be a new or empty folder, or one with a run to continue. "
                f"Received: {self.path}, which holds other files."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_json("config.json", record)

    def _check(self, differences, despite):
        self._passed_over = [words for name, words in differences if name in despite]
        refused = [(name, words) for name, words in differences if name not in despite]
        if not refused:
            return
        names = dict.fromkeys(name for name, _ in differences)
        way_out = "Choose another --workdir, or delete that run."
        if None not in names:
            way_out = (
                f"Choose another --workdir, or go on with --continue_despite={','.join(names)}, "
                "which environment.json will say."
            )
        raise DualATMEError(
            f"Expected the settings, lists, images and computation of the run in {self.path}. "
            f"Received: {', '.join(words for _, words in refused)}. {way_out}"
        )

    def write_environment(self, environment: dict, folds: Sequence[str]) -> None:
        """Adds the versions and devices of this call to environment.json.

        The file describes the call that began the run; later calls are its `continuations`.

        Args:
            environment: see `devices.describe_environment`.
            folds: what this call is going to train. The last call that names a fold has trained it.
        """
        call = {**environment, "folds": list(folds)}
        file = self.path / "environment.json"
        if file.exists():
            begun = _read_json(file)
            call["despite"] = self._passed_over
            call = {**begun, "continuations": [*begun.get("continuations", ()), call]}
        self._write_json(file.name, call)

    def write_folds(self, folds: Sequence[Fold]) -> RunFolds:
        """Writes folds.csv: all folds of the protocol, whichever of them are run now."""
        write_run_folds(self.path, folds)
        return read_run_folds(self.path)

    def write_metrics(self, metrics: dict) -> None:
        """Writes metrics.json."""
        self._write_json("metrics.json", metrics)

    def write_predictions(self, predictions: Predictions) -> None:
        """Writes predictions.csv, pooled over folds."""
        write_predictions(self.path / "predictions.csv", predictions)

    def finished(self, fold: str) -> bool:
        """Whether a fold is complete."""
        return fold_folder(self.path, fold).is_dir()

    def read_fold(self, fold: str) -> Predictions:
        """Predictions of a finished fold."""
        return read_predictions(fold_folder(self.path, fold) / "predictions.csv")

    def write_fold(self, fold: str, history: dict, predictions: Predictions, save_model) -> None:
        """Writes a finished fold, all or nothing.

        Args:
            fold: its name.
            history: `{metric: [value of each epoch]}`.
            predictions: of its test clips.
            save_model: called with the path at which to save the network.
        """

        def write(folder):
            self._write_training(folder, history, save_model)
            write_predictions(folder / "predictions.csv", predictions)

        _write_folder(fold_folder(self.path, fold), write)

    def write_final(self, history: dict, save_model) -> Path:
        """Writes the network that was trained on all clips; returns the path of its `.keras` file."""
        _write_folder(self.path / "final", lambda folder: self._write_training(folder, history, save_model))
        return self.final_model

    @property
    def final_model(self) -> Path:
        """Path of the network trained on all clips, whether it is there or not."""
        return self.path / "final" / "model.keras"

    def tensorboard(self, fold: str) -> str:
        """Folder of a fold's event files."""
        return os.fspath(self.path / "tensorboard" / fold)

    def _write_training(self, folder, history, save_model):
        rows = io.StringIO(newline="")
        writer = csv.writer(rows, lineterminator="\n")
        writer.writerow(("epoch", *history))
        writer.writerows(
            (epoch, *values) for epoch, values in enumerate(zip(*history.values(), strict=True), 1)
        )
        replace_file(folder / "history.csv", rows.getvalue().encode())
        save_model(folder / "model.keras")

    def _write_json(self, name, value):
        replace_file(self.path / name, (json.dumps(value, indent=2) + "\n").encode())


def _write_folder(path, write):
    """Makes a folder by `write(folder)` that appears under its name only when complete."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    if path.exists():
        shutil.rmtree(path)
    os.replace(partial, path)


def _read_json(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DualATMEError(f"Expected the record of a run in {path}. Received: {error}.") from error
    if not isinstance(content, dict):
        raise DualATMEError(f"Expected the record of a run in {path}. Received: {content!r}.")
    return content
