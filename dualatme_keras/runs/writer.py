"""What training writes into a run's folder."""

import contextlib
import csv
import functools
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.choices import with_new_names
from dualatme_keras.data import Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import (
    is_leftover,
    is_lock,
    locked,
    make_folder,
    read_json,
    remove_leftovers,
    replace_folder,
    write_json,
)
from dualatme_keras.runs.branches import Branches, write_branches
from dualatme_keras.runs.continuation import find_differences
from dualatme_keras.runs.directory import (
    BRANCHES_FILE,
    EPOCHS_FILE,
    FORMAT,
    SELECTION_FILE,
    RunDirectory,
    read_config,
)
from dualatme_keras.runs.epochs import write_epochs
from dualatme_keras.runs.folds import RunFolds, read_run_folds, write_run_folds
from dualatme_keras.runs.predictions import Predictions, read_predictions, write_predictions

FINAL = "final"
"""Name of the training on all clips."""


class RunWriter(RunDirectory):
    """Begins a run, or goes on with it.

    Args:
        path: the folder, created where absent.
        record: what decides the run's results, see `continuation.find_differences`; written to config.json.
        may_differ: names in it that a continued run may change.
        despite: names out of `continuation.CONTINUE_DESPITE`: differences to pass over.

    Raises:
        DualATMEError: the folder holds a run of another record, or files that are no run.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        record: dict,
        may_differ: Sequence[str] = (),
        despite: Sequence[str] = (),
    ):
        super().__init__(path)
        # As JSON gives it back, so that tuples and lists compare equal.
        record = json.loads(json.dumps(record))
        self._passed_over = []
        if self.config.exists():
            begun = _read_begun(self)
            self._check([*find_differences(begun, record, may_differ)], despite)
            # What is compared stays what the run was begun with.
            record |= {name: value for name, value in begun.items() if name not in may_differ}
        else:
            _refuse_other_files(self)
        make_folder(self.path)
        write_json(self.config, {"format": FORMAT, **record})

    def _check(self, differences, despite):
        self._passed_over = [words for name, words in differences if name in despite]
        refused = [(name, words) for name, words in differences if name not in despite]
        if not refused:
            return
        names = dict.fromkeys(name for name, _ in differences)
        way_out = "Choose another `workdir`, or delete that run."
        if None not in names:
            way_out = (
                f"Choose another `workdir`, or go on with `continue_despite={tuple(names)}`, "
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
        if self.environment.exists():
            begun = read_json(self.environment)
            call["despite"] = self._passed_over
            call = {**begun, "continuations": [*begun.get("continuations", ()), call]}
        write_json(self.environment, call)

    def write_folds(self, folds: Sequence[Fold]) -> RunFolds:
        """Writes folds.csv: all folds of the protocol, whichever of them are run now."""
        write_run_folds(self.path, folds)
        run_folds = read_run_folds(self.path)
        # Earlier versions kept the unfinished final network here, as if it were a fold.
        if FINAL not in run_folds.clips:
            shutil.rmtree(self.unfinished(FINAL), ignore_errors=True)
        return run_folds

    def write_scores(self, predictions: Predictions, metrics: dict) -> None:
        """Writes predictions.csv, pooled over folds, and metrics.json."""
        write_predictions(self.predictions, predictions)
        write_json(self.metrics, metrics)

    def read_fold(self, fold: str) -> Predictions:
        """Predictions of a finished fold."""
        return read_predictions(self.fold(fold) / "predictions.csv")

    def write_fold(self, fold: str, files: Mapping[str, bytes]) -> None:
        """Writes a finished fold, all or nothing.

        Args:
            fold: its name.
            files: see `fold_files`.
        """
        replace_folder(self.fold(fold), functools.partial(_write_files, files))
        shutil.rmtree(self.unfinished(fold), ignore_errors=True)

    def write_final(self, files: Mapping[str, bytes]) -> None:
        """Writes the network that was trained on all clips, all or nothing; see `training_files`."""
        replace_folder(self.final_model.parent, functools.partial(_write_files, files))
        shutil.rmtree(self.unfinished_final, ignore_errors=True)


def training_files(
    history: dict, save_model: Callable[[Path], None], tried: Sequence[dict] = ()
) -> dict[str, bytes]:
    """What a training leaves, as files: so that it can come from another machine.

    Args:
        history: `{metric: [value of each epoch]}`.
        save_model: called with the path at which to save the network.
        tried: what it chose its settings from, see `training.selection.choose`.

    Returns:
        Content of each file by its name.
    """
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(("epoch", *history))
    writer.writerows((epoch, *values) for epoch, values in enumerate(zip(*history.values(), strict=True), 1))

    def write(folder):
        save_model(folder / "model.keras")
        if tried:
            write_json(folder / SELECTION_FILE, tried)

    return {"history.csv": rows.getvalue().encode(), **_written(write)}


def fold_files(
    training: Mapping[str, bytes],
    predictions: Predictions,
    epochs: Sequence[np.ndarray] = (),
    branches: Branches | None = None,
) -> dict[str, bytes]:
    """What a fold leaves, as files.

    Args:
        training: see `training_files`.
        predictions: of its test clips.
        epochs: probabilities of the test clips after each epoch, `(clips, classes)` each, of a run that
            audits the protocol.
        branches: what Dual-ATME's branches did with the test clips; None of another network.

    Returns:
        Content of each file by its name.
    """

    def write(folder):
        write_predictions(folder / "predictions.csv", predictions)
        if len(epochs):
            write_epochs(folder / EPOCHS_FILE, predictions.paths, epochs, predictions.class_names)
        if branches:
            write_branches(folder / BRANCHES_FILE, branches)

    return {**training, **_written(write)}


def _written(write):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _write_files(files, folder):
    for name, content in files.items():
        (folder / name).write_bytes(content)


@contextlib.contextmanager
def begin_run(
    path: str | os.PathLike, record: dict, may_differ: Sequence[str] = (), despite: Sequence[str] = ()
) -> Iterator[RunWriter]:
    """Begins a run, or goes on with it, and keeps every other process out of its folder meanwhile.

    Args:
        path, record, may_differ, despite: see `RunWriter`.

    Raises:
        DualATMEError: as `RunWriter`; or another process has the folder.
    """
    _refuse_other_files(RunDirectory(path))
    with locked(path, "workdir"):
        remove_leftovers(path)
        run = RunWriter(path, record, may_differ, despite)
        for fold in run.path.glob("folds/*"):
            # Of one that was finished in the moment in which its process was killed.
            shutil.rmtree(run.unfinished(fold.name), ignore_errors=True)
        yield run


def _refuse_other_files(run):
    """Raises `DualATMEError` where a folder holds something, and no run."""
    if run.config.exists() or not run.path.is_dir():
        return
    # A process that was killed in its first moments leaves no run yet.
    if all(is_lock(file) or is_leftover(file) for file in run.path.iterdir()):
        return
    raise DualATMEError(
        "Expected `workdir` to be a new or empty folder, or one with a run to continue. "
        f"Received: {run.path}, which holds other files."
    )


def _read_begun(run):
    """The record that a run was begun with, by the names of today."""
    begun = with_new_names(read_config(run))
    if "computed_with" in begun:
        begun["computed_with"] = with_new_names(begun["computed_with"])
    return begun
