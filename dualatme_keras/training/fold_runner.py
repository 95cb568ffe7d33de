"""One fold from its clips to its files, in this process, in several others, or on other machines."""

import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import keras
import tensorflow as tf

from dualatme_keras.data import Clip, Fold, ImageTable
from dualatme_keras.data.pipeline import INPUTS
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import FINAL, Predictions, RunWriter, fold_files, training_files
from dualatme_keras.training.checkpoints import Checkpoint
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import prepare_devices, threads_of_each
from dualatme_keras.training.divergence import Diverged
from dualatme_keras.training.extensions import Extensions
from dualatme_keras.training.fold_trainer import FoldTrainer
from dualatme_keras.training.initial_weights import receive_weights, sent_weights
from dualatme_keras.training.scheduling import computes_alike_here, fold_scheduler
from dualatme_keras.training.selection import candidate_config, choose, inner_folds


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """What came of a fold.

    Attributes:
        files: content of each file of its folder; None where its training diverged.
        diverged: then, how.
        seconds: time taken.
    """

    files: dict[str, bytes] | None
    diverged: Diverged | None
    seconds: float


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
        return {
            name: FoldTrainer(config, self._preparation, self._extensions)
            for name, config in self._configs.items()
        }

    @property
    def _configs(self):
        configs = {name: candidate_config(self._config, one) for name, one in self._candidates.items()}
        return configs or {"": self._config}

    @functools.cached_property
    def _table(self) -> ImageTable:
        taken = {name for trainer in self._trainers.values() for name in trainer.inputs}
        inputs = tuple(name for name in INPUTS if name in taken)
        size = next(iter(self._trainers.values())).image_size
        # The machines of a cluster have no files in common.
        images = "memory" if self._config.executor == "ray" else self._config.images
        memory = {"memory": sys.maxsize, "files": 0}.get(images)
        return ImageTable(self._clips, size, inputs, self._config.data_root, memory)

    def _choose(self, fold, seed, checkpoint) -> tuple[FoldTrainer, list[dict]]:
        """The trainer whose settings do best within the fold's training clips, and what was tried."""
        if not self._candidates:
            return self._trainers[""], []

        numbers = {name: number for number, name in enumerate(self._candidates)}

        def answer(name, inner):
            def train():
                self._trainers[name].train(inner, self._table, seed)
                return self._trainers[name].predict(inner, self._table)

            return checkpoint.part(f"{numbers[name]}_{inner.name.split('/')[-1]}", train)

        inner = inner_folds(fold, self._config.select_splits, seed)
        tried = choose(self._candidates, answer, inner, len(self._config.class_names))
        (chosen,) = (row["name"] for row in tried if row["chosen"])
        return self._trainers[chosen], tried

    def describe_images(self) -> str:
        """Whether images are kept in memory or read from files, and how large all are once decoded."""
        where = "in memory" if self._table.in_memory else "read anew from files, batch by batch"
        return f"{where}; {self._table.decoded_bytes / 1e6:,.0f} MB once decoded"

    @property
    def reads_files(self) -> bool:
        """Whether images are read from their files, because all of them would take too much memory."""
        return not self._table.in_memory

    def image_digests(self) -> dict[str, str]:
        """Digest of each database's images, see `ImageTable.digests`."""
        return self._table.digests()

    def run(
        self, fold: Fold, seed: int, unfinished: Path | None = None, callbacks=(), tensorboard: str = ""
    ) -> FoldResult:
        """Trains and tests a fold.

        Args:
            fold: the fold; without test clips, as `final` is, it is not tested.
            seed: of the run.
            unfinished: folder for what it can go on from, where it is interrupted; None for none.
            callbacks: further Keras callbacks.
            tensorboard: folder of event files; none where empty.
        """
        start = time.perf_counter()
        files = diverged = None
        try:
            files = self._files(fold, seed, Checkpoint(unfinished), [*callbacks], tensorboard)
        except Diverged as error:
            diverged = error  # whoever asked for the fold decides what becomes of the others
        except tf.errors.OpError as error:
            raise self._table.find_unreadable() or error from error
        return FoldResult(files, diverged, time.perf_counter() - start)

    def _files(self, fold, seed, checkpoint, callbacks, tensorboard):
        trainer, tried = self._choose(fold, seed, checkpoint)
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(tensorboard))
        epochs = checkpoint.answers
        if self._config.audit_protocol and fold.test:
            callbacks.append(
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda *_: epochs.append(trainer.predict_in_training(fold, self._table))
                )
            )
        history = trainer.train(fold, self._table, seed, callbacks, checkpoint)
        training = training_files(history, trainer.save, tried)
        if not fold.test:
            return training
        answers = trainer.predict(fold, self._table)
        predictions = Predictions.of_clips(fold.test, answers, self._config.class_names)
        return fold_files(training, predictions, epochs, trainer.look(fold, self._table))

    def run_all(
        self,
        folds: Sequence[Fold],
        seed: int,
        run: RunWriter,
        callbacks: Callable[[Fold], Sequence[keras.callbacks.Callback]] = lambda _: (),
        tell: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[Fold, FoldResult]]:
        """Trains and tests folds, side by side as `config.workers` and `config.executor` say.

        Other processes stay for the next call, with their compiled networks and images.

        Args:
            folds: what to run.
            seed: of the run.
            run: the run's folder, for what is unfinished.
            callbacks: further ones for a fold that this process trains.
            tell: called with the number of folds that are trained side by side, whenever it changes.

        Yields:
            Folds and what came of them, in the order in which they finish.

        Raises:
            DualATMEError: as a single fold does; or workers die.
        """
        by_name = {fold.name: fold for fold in folds}
        shared = run if self._config.executor != "ray" else None  # machines may have no file system in common
        jobs = [
            (fold, seed, shared and _unfinished(shared, fold), self._tensorboard(run, fold)) for fold in folds
        ]

        def here(job):
            return self.run(*job[:3], callbacks(job[0]), job[3])

        done = self._scheduler.run(
            jobs, here if computes_alike_here(self._config) else None, lambda: self._new_worker, tell
        )
        for job, result in done:
            yield by_name[job[0].name], result

    def run_final(self, seed: int, run: RunWriter) -> FoldResult:
        """Trains on all clips, with nothing left to test on."""
        ((_, result),) = self.run_all([Fold(FINAL, train=self._clips, test=())], seed, run)
        return result

    @functools.cached_property
    def _scheduler(self):
        return fold_scheduler(self._config, lambda: self._table.nbytes)

    def _tensorboard(self, run, fold):
        return str(run.tensorboard(fold.name)) if self._config.tensorboard and fold.test else ""

    @functools.cached_property
    def _new_worker(self):
        """All that a worker needs, images among it: it reads nothing."""
        threads = threads_of_each(self._config)
        config = dataclasses.replace(
            self._config,
            **{"seed": 0, "workdir": "", "subjects": (), "threads": threads},
            **{"workers": 1, "executor": "processes", "ray_address": "auto"},
        )
        # Functions as bytes: those sent twice would be two functions.
        return functools.partial(
            _new_worker,
            config,
            tuple(self._clips),
            self._preparation,
            self._extensions.packed(),
            dict(self._candidates),
            self._table,
            {path: content for one in self._configs.values() for path, content in _sent(one).items()},
        )


def _unfinished(run, fold):
    """What is tested on nothing is trained on everything."""
    return run.unfinished(fold.name) if fold.test else run.unfinished_final


def _sent(config):
    return sent_weights(config.resolved().initial_weights)


def _new_worker(config, clips, preparation, extensions, candidates, table, weights):
    prepare_devices(config)
    receive_weights(weights)
    runner = FoldRunner(config, clips, preparation, Extensions.unpacked(extensions), candidates)
    runner._table = table

    def run(job):
        fold, seed, unfinished, tensorboard = job
        return runner.run(fold, seed, unfinished, tensorboard=tensorboard)

    return run
