"""One fold from its clips to its files, in this process or in several others."""

import dataclasses
import functools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import joblib
import keras

from dualatme_keras.data import Clip, Fold, ImageTable
from dualatme_keras.data.pipeline import INPUTS
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import Predictions, RunWriter
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import prepare_devices, threads_of_each
from dualatme_keras.training.extensions import Extensions
from dualatme_keras.training.fold_trainer import FoldTrainer
from dualatme_keras.training.selection import candidate_config, choose, inner_folds
from dualatme_keras.workers import end_with_parent


class FoldRunner:
    """Trains, tests and writes folds one after the other.

    The compiled network and the images are made when the first fold needs them and serve all folds, of
    all seeds.

    Args:
        config: the run's settings; its seed and folder do not matter here.
        clips: the clips of all folds.
        preparation: how their images were prepared; None where not known.
        extensions: another network, callbacks, augmentation.
        candidates: settings by name from which each fold chooses, see `selection.read_candidates`; none for
            no choice.
    """

    def __init__(
        self,
        config: TrainConfig,
        clips: Sequence[Clip],
        preparation: PrepareSettings | None,
        extensions: Extensions,
        candidates: Mapping[str, dict] = MappingProxyType({}),
    ):
        self._config = config
        self._extensions = extensions
        self._clips = clips
        self._preparation = preparation
        self._candidates = candidates

    @functools.cached_property
    def _trainers(self) -> dict[str, FoldTrainer]:
        """One for each candidate; a single one where there is nothing to choose."""
        configs = {name: candidate_config(self._config, one) for name, one in self._candidates.items()}
        return {
            name: FoldTrainer(config, self._preparation, self._extensions)
            for name, config in (configs or {"": self._config}).items()
        }

    @functools.cached_property
    def _table(self) -> ImageTable:
        taken = {name for trainer in self._trainers.values() for name in trainer.inputs}
        inputs = tuple(name for name in INPUTS if name in taken)
        size = next(iter(self._trainers.values())).image_size
        return ImageTable(self._clips, size, inputs, self._config.data_root)

    def _choose(self, fold, seed) -> tuple[FoldTrainer, list[dict]]:
        """The trainer whose settings do best within the fold's training clips, and what was tried."""
        if not self._candidates:
            return self._trainers[""], []

        def answer(name, inner):
            self._trainers[name].train(inner, self._table, seed)
            return self._trainers[name].predict(inner, self._table)

        inner = inner_folds(fold, self._config.select_splits, seed)
        tried = choose(self._candidates, answer, inner, len(self._config.class_names))
        (chosen,) = (row["name"] for row in tried if row["chosen"])
        return self._trainers[chosen], tried

    def image_digests(self) -> dict[str, str]:
        """Digest of each database's images, see `ImageTable.digests`."""
        return self._table.digests()

    def run(self, fold: Fold, seed: int, run: RunWriter, callbacks=()) -> float:
        """Trains and tests a fold and writes it into the run's folder; returns the seconds it took."""
        start = time.perf_counter()
        trainer, tried = self._choose(fold, seed)
        callbacks = [*callbacks]
        if self._config.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(str(run.tensorboard(fold.name))))
        epochs = []
        if self._config.audit_protocol:
            callbacks.append(
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda *_: epochs.append(trainer.predict_in_training(fold, self._table))
                )
            )
        history = trainer.train(fold, self._table, seed, callbacks)
        answers = trainer.predict(fold, self._table)
        predictions = Predictions.of_clips(fold.test, answers, self._config.class_names)
        run.write_fold(
            fold.name,
            history,
            predictions,
            trainer.save,
            epochs,
            tried,
            trainer.look(fold, self._table),
        )
        return time.perf_counter() - start

    def run_final(self, seed: int, run: RunWriter) -> None:
        """Trains on all clips, with nothing left to test on, and writes the network."""
        fold = Fold("final", train=self._clips, test=())
        trainer, tried = self._choose(fold, seed)
        history = trainer.train(fold, self._table, seed)
        run.write_final(history, trainer.save, tried)

    def run_in_processes(
        self, folds: Sequence[Fold], seed: int, run: RunWriter
    ) -> Iterator[tuple[str, float]]:
        """Runs folds side by side in `config.workers` processes, which share the processors evenly.

        Processes stay for the next call, with their compiled networks and images.

        Args:
            folds: what to run.
            seed: of the run.
            run: the run's folder.

        Yields:
            Name of a finished fold and the seconds it took, in the order in which they finish.

        Raises:
            DualATMEError: as a single fold does; the folds that finished before are kept.
        """
        threads = threads_of_each(self._config)
        config = dataclasses.replace(self._config, seed=0, workdir="", subjects=(), threads=threads)
        # Functions as bytes: those sent twice would be two functions. Images that changed are decoded anew.
        extensions = self._extensions.packed()
        data = (
            tuple(self._clips),
            self._preparation,
            extensions,
            dict(self._candidates),
            self.image_digests(),
        )
        parallel = joblib.Parallel(
            config.workers, return_as="generator_unordered", inner_max_num_threads=threads
        )
        return parallel(
            joblib.delayed(_run_in_worker)(os.getpid(), (config, *data), fold, seed, run) for fold in folds
        )


_worker_runner: tuple[tuple, FoldRunner] | None = None
"""What this worker process runs folds with, and the settings and data that it was made for."""


def _run_in_worker(parent, key, fold, seed, run):
    global _worker_runner
    end_with_parent(parent)
    if _worker_runner is None or _worker_runner[0] != key:
        config, clips, preparation, extensions, candidates, _ = key
        prepare_devices(config)
        runner = FoldRunner(config, clips, preparation, Extensions.unpacked(extensions), candidates)
        _worker_runner = (key, runner)
    return fold.name, _worker_runner[1].run(fold, seed, run)
