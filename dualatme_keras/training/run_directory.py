"""The folder of a run: what it was, what came out, which folds are finished."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

from dualatme_keras.data import Predictions, read_predictions, write_predictions
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file


class RunDirectory:
    """Files of a run.

    A fold is written into a hidden folder that is renamed when complete: a folder `folds/NAME` marks a
    finished fold, and a run that was stopped at any point can be continued.

    Args:
        path: the folder, created where absent.
        settings: of the run, written to config.json.
        may_differ: names of settings that a continued run may change.

    Raises:
        DualATMEError: the folder holds a run with other settings, or files that are no run.
    """

    def __init__(self, path, settings: dict, may_differ=()):
        self.path = Path(path)
        # As JSON gives them back, so that tuples and lists compare equal.
        settings = json.loads(json.dumps(settings))
        config = self.path / "config.json"
        if config.exists():
            self._check(_read_settings(config), settings, may_differ)
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise DualATMEError(
                "Expected --workdir to be a new or empty folder, or one with a run to continue. "
                f"Received: {self.path}, which holds other files."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_json("config.json", settings)

    def _check(self, found, settings, may_differ):
        names = sorted(
            name for name in {*found, *settings} - {*may_differ} if found.get(name) != settings.get(name)
        )
        if names:
            changes = ", ".join(f"{name} {found.get(name)!r} -> {settings.get(name)!r}" for name in names)
            raise DualATMEError(
                f"Expected the settings of the run in {self.path}. Received: {changes}. "
                "Choose another --workdir, or delete that run."
            )

    def write_environment(self, environment: dict) -> None:
        """Writes environment.json: versions and devices."""
        self._write_json("environment.json", environment)

    def write_metrics(self, metrics: dict) -> None:
        """Writes metrics.json."""
        self._write_json("metrics.json", metrics)

    def write_predictions(self, predictions: Predictions) -> None:
        """Writes predictions.csv, pooled over folds."""
        write_predictions(self.path / "predictions.csv", predictions)

    def finished(self, fold: str) -> bool:
        """Whether a fold is complete."""
        return self._fold(fold).is_dir()

    def read_fold(self, fold: str) -> Predictions:
        """Predictions of a finished fold."""
        return read_predictions(self._fold(fold) / "predictions.csv")

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

        _write_folder(self._fold(fold), write)

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

    def _fold(self, fold):
        return self.path / "folds" / fold

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


def _read_settings(path):
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DualATMEError(f"Expected the settings of a run in {path}. Received: {error}.") from error
    if not isinstance(settings, dict):
        raise DualATMEError(f"Expected the settings of a run in {path}. Received: {settings!r}.")
    return settings
