"""Tier 2: the folder of a run: where its files are, reading and writing them. NumPy only."""

from dualatme_keras.runs.branches import Branches, read_branches
from dualatme_keras.runs.continuation import CONTINUE_DESPITE
from dualatme_keras.runs.directory import RunDirectory, read_config
from dualatme_keras.runs.epochs import read_epochs
from dualatme_keras.runs.folds import RunFolds, read_run_folds, write_run_folds
from dualatme_keras.runs.histories import read_histories
from dualatme_keras.runs.networks import NETWORKS, TrainedRun, read_run
from dualatme_keras.runs.predictions import (
    Predictions,
    concatenate,
    read_predictions,
    score_predictions,
    write_predictions,
)
from dualatme_keras.runs.selections import read_selections
from dualatme_keras.runs.writer import FINAL, RunWriter, begin_run, fold_files, training_files

__all__ = [
    "CONTINUE_DESPITE",
    "FINAL",
    "NETWORKS",
    "Branches",
    "Predictions",
    "RunDirectory",
    "RunFolds",
    "RunWriter",
    "TrainedRun",
    "begin_run",
    "concatenate",
    "fold_files",
    "read_branches",
    "read_config",
    "read_epochs",
    "read_histories",
    "read_predictions",
    "read_run",
    "read_run_folds",
    "read_selections",
    "score_predictions",
    "training_files",
    "write_predictions",
    "write_run_folds",
]
