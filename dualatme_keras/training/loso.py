"""The whole experiment: one training per fold, predictions pooled, scored once."""

import dataclasses
import functools
import hashlib
import time
from pathlib import Path

import keras

from dualatme_keras.data import (
    Fold,
    ImageTable,
    Predictions,
    audit,
    concatenate,
    make_folds,
    read_ground_truth,
    read_protocol,
)
from dualatme_keras.errors import DualATMEError
from dualatme_keras.metrics import pooled_scores
from dualatme_keras.training.config import MAY_DIFFER, TrainConfig
from dualatme_keras.training.devices import check_tensorboard, describe_environment, prepare_devices
from dualatme_keras.training.fold_trainer import FoldTrainer
from dualatme_keras.training.progress import Progress
from dualatme_keras.training.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run leaves.

    Attributes:
        workdir: its folder.
        metrics: scores as in metrics.json, see `metrics.pooled_scores`.
        predictions: pooled over all finished folds.
        final_model: path of the network trained on all clips, or None where none was asked for.
    """

    workdir: Path
    metrics: dict
    predictions: Predictions
    final_model: Path | None


def run_loso(config: TrainConfig) -> RunResult:
    """Trains and tests every fold of the protocol and scores the pooled predictions.

    Finished folds of an earlier run with the same settings are kept. Writes `config.json`,
    `environment.json`, `folds/`, `predictions.csv`, `metrics.json` and, with `final_model`, `final/` into
    the run's folder. The last epoch is evaluated; the test fold chooses nothing.

    Args:
        config: the settings.

    Returns:
        Scores and predictions.

    Raises:
        DualATMEError: lists, images or settings are not as expected, the folder holds another run, or a
            loss diverged; finished folds are kept.
    """
    if config.tensorboard:
        check_tensorboard()
    all_folds, folds = _read_folds(config)
    clips = tuple(dict.fromkeys(clip for fold in all_folds for clip in (*fold.train, *fold.test)))
    prepare_devices(config)
    settings = {**dataclasses.asdict(config), "lists_sha256": _digest(all_folds)}
    run = RunDirectory(config.workdir, settings, may_differ=MAY_DIFFER)
    run.write_environment(describe_environment())
    session = _Session(config, clips)
    progress = Progress(len(folds), config.epochs)
    for fold in folds:
        _run_fold(fold, config, run, session, progress)
    # A run may be done a few subjects at a time: all that is finished counts.
    predictions = concatenate(run.read_fold(fold.name) for fold in all_folds if run.finished(fold.name))
    metrics = pooled_scores(
        predictions.labels, predictions.predictions, predictions.subjects, predictions.databases
    )
    run.write_predictions(predictions)
    run.write_metrics(metrics)
    final_model = _train_final(config, run, session, clips) if config.final_model else None
    return RunResult(run.path, metrics, predictions, final_model)


class _Session:
    """The compiled network and the images, made when the first fold needs them."""

    def __init__(self, config, clips):
        self._config = config
        self._clips = clips

    @functools.cached_property
    def trainer(self) -> FoldTrainer:
        return FoldTrainer(self._config)

    @functools.cached_property
    def table(self) -> ImageTable:
        return ImageTable(self._clips, self.trainer.image_size, self.trainer.inputs, self._config.data_root)


def _read_folds(config):
    """Reads and audits the lists; returns all folds of the protocol and those to run."""
    if not Path(config.lists).is_dir():
        raise DualATMEError(
            "Expected a folder of train and test lists. "
            f"Received: --lists={config.lists}, which is not there. "
            "data/README.md says how to get the databases and make their lists; `make demo` trains on "
            "generated data instead."
        )
    protocol = read_protocol(config.lists)
    truth = read_ground_truth(config.protocol_csv) if config.protocol_csv else None
    report = audit(
        protocol,
        truth,
        data_root=config.data_root,
        puzzled=config.puzzle == "image",
        check_files=True,
    )
    report.raise_if_failed(strict=config.strict)
    if report.warnings:
        print(report)
    all_folds = make_folds(protocol, config.protocol, config.databases)
    return all_folds, make_folds(protocol, config.protocol, config.databases, config.subjects)


def _digest(folds):
    """Tells whether two runs had the same lists, wherever those lay."""
    content = [
        (fold.name, [[(clip.path, clip.label) for clip in side] for side in (fold.train, fold.test)])
        for fold in folds
    ]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _run_fold(fold, config, run, session, progress):
    if run.finished(fold.name):
        predictions = run.read_fold(fold.name)
        progress.finish_fold(fold.name, predictions, seconds=None)
        return
    start = time.perf_counter()
    trainer, table = session.trainer, session.table
    callbacks = [progress.epoch_callback(fold.name)]
    if config.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(run.tensorboard(fold.name)))
    history = trainer.train(fold, table, callbacks)
    predictions = Predictions.of_clips(fold.test, trainer.predict(fold, table))
    run.write_fold(fold.name, history, predictions, trainer.save)
    progress.finish_fold(fold.name, predictions, time.perf_counter() - start)


def _train_final(config, run, session, clips):
    """Trains on all clips, with nothing left to test on."""
    if run.final_model.exists():
        return run.final_model
    trainer, table = session.trainer, session.table
    print(f"final model: training on all {len(clips)} clips", flush=True)
    history = trainer.train(Fold("final", train=clips, test=()), table)
    return run.write_final(history, trainer.save)
