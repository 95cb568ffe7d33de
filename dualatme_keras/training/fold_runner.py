"""One fold from its clips to its files, in this process or in several others."""

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence

import joblib
import keras

from dualatme_keras.data import Clip, Fold, ImageTable
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import Predictions, RunWriter
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import prepare_devices, threads_of_each
from dualatme_keras.training.extensions import Extensions
from dualatme_keras.training.fold_trainer import FoldTrainer


class FoldRunner:
    """Trains, tests and writes folds one after the other.

    The compiled network and the images are made when the first fold needs them and serve all folds, of
    all seeds.

    Args:
        config: the run's settings; its seed and folder do not matter here.
        clips: the clips of all folds.
        preparation: how their images were prepared; None where not known.
        extensions: another network, callbacks, augmentation.
    """

    def __init__(
        self,
        config: TrainConfig,
        clips: Sequence[Clip],
        preparation: PrepareSettings | None,
        extensions: Extensions,
    ):
        self._config = config
        self._extensions = extensions
        self._clips = clips
        self._preparation = preparation

    @functools.cached_property
    def _trainer(self) -> FoldTrainer:
        return FoldTrainer(self._config, self._preparation, self._extensions)

    @functools.cached_property
    def _table(self) -> ImageTable:
        trainer = self._trainer
        return ImageTable(self._clips, trainer.image_size, trainer.inputs, self._config.data_root)

    def image_digests(self) -> dict[str, str]:
        """Digest of each database's images, see `ImageTable.digests`."""
        return self._table.digests()

    def run(self, fold: Fold, seed: int, run: RunWriter, callbacks=()) -> float:
        """Trains and tests a fold and writes it into the run's folder; returns the seconds it took."""
        start = time.perf_counter()
        callbacks = [*callbacks]
        if self._config.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(str(run.tensorboard(fold.name))))
        epochs = []
        if self._config.audit_protocol:
            callbacks.append(
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda *_: epochs.append(
                        self._trainer.predict_in_training(fold, self._table)
                    )
                )
            )
        history = self._trainer.train(fold, self._table, seed, callbacks)
        answers = self._trainer.predict(fold, self._table)
        predictions = Predictions.of_clips(fold.test, answers, self._config.class_names)
        run.write_fold(fold.name, history, predictions, self._trainer.save, epochs)
        return time.perf_counter() - start

    def run_final(self, seed: int, run: RunWriter) -> None:
        """Trains on all clips, with nothing left to test on, and writes the network."""
        history = self._trainer.train(Fold("final", train=self._clips, test=()), self._table, seed)
        run.write_final(history, self._trainer.save)

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
        data = (tuple(self._clips), self._preparation, self._extensions.packed(), self.image_digests())
        parallel = joblib.Parallel(
            config.workers, return_as="generator_unordered", inner_max_num_threads=threads
        )
        return parallel(joblib.delayed(_run_in_worker)((config, *data), fold, seed, run) for fold in folds)


_worker_runner: tuple[tuple, FoldRunner] | None = None
"""What this worker process runs folds with, and the settings and data that it was made for."""


def _run_in_worker(key, fold, seed, run):
    global _worker_runner
    if _worker_runner is None or _worker_runner[0] != key:
        config, clips, preparation, extensions, _ = key
        prepare_devices(config)
        _worker_runner = (key, FoldRunner(config, clips, preparation, Extensions.unpacked(extensions)))
    return fold.name, _worker_runner[1].run(fold, seed, run)
