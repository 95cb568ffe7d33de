"""The two sides of the training benchmark, each in a process of its own that waits for its turn.

A contestant is a function that is given the settings and a `turn`: it calls `turn()` before each thing to be
measured and `turn(**results)` after it. Nothing of a contestant runs while another one is measured.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import statistics
import time

INFERENCE_BATCH, INFERENCE_BATCHES = 256, 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all contestants train on: published settings, one fold of the lists."""

    lists: str
    data_root: str | None
    epochs: int
    batch_size: int = 128


class Contestant:
    """A contestant's process.

    Args:
        function: what it runs, called as `function(settings, turn)`.
        settings: of the benchmark.
    """

    def __init__(self, function, settings: Settings):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_compete, args=(function, settings, theirs, time.time()))
        self._process.start()
        theirs.close()
        self.ready = self.next()

    def next(self) -> dict:
        """Lets it run to the end of its next turn; returns the results."""
        try:
            self._connection.send(None)
            return self._connection.recv()
        except (EOFError, BrokenPipeError):
            raise RuntimeError(f"{self._process.name} stopped, see above.") from None

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.join()


def _compete(function, settings, connection, started):
    def turn(**results):
        connection.send(results)
        connection.recv()

    connection.recv()
    with contextlib.suppress(EOFError, BrokenPipeError):
        function(settings, turn, started)


def dualatme(settings: Settings, turn, started):
    """This package: turns are epochs of `model.fit`, then passes of inference, then a second fold."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    from dualatme_keras.data import ImageTable, audit, make_folds, read_lists
    from dualatme_keras.models import DualATME
    from dualatme_keras.training import TrainConfig
    from dualatme_keras.training.devices import prepare_devices
    from dualatme_keras.training.fold_trainer import FoldTrainer

    config = TrainConfig(
        workers=1,
        lists=settings.lists,
        data_root=settings.data_root,
        preset="released",
        batch_size=settings.batch_size,
        epochs=settings.epochs + 2,
    )
    lists = read_lists(config.lists)
    audit(lists, data_root=config.data_root, check_files=True).raise_if_failed()
    prepare_devices(config)
    trainer = FoldTrainer(config)
    table = ImageTable(lists.clips, trainer.image_size, trainer.inputs, config.data_root)
    first, second = make_folds(lists)[:2]

    class Turns(keras.callbacks.Callback):
        """Waits before each epoch but the first two, whose time is compilation and warming up."""

        def __init__(self):
            super().__init__()
            self.began = None
            self.first_steps = []

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                turn(start_seconds=self.began - started)
            self._start = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.began = self.began or time.time()
            if batch == 0:
                self.first_steps.append(time.perf_counter() - self._start)

        def on_epoch_end(self, epoch, logs=None):
            if epoch >= 2:
                turn(epoch_seconds=time.perf_counter() - self._start)

    class FirstStep(keras.callbacks.Callback):
        """Notes when the first step ended, and ends training soon after."""

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                self.ended = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    turns = Turns()
    trainer.train(first, table, seed=1, callbacks=[turns])

    model = DualATME.from_preset("released")
    size = (INFERENCE_BATCH * INFERENCE_BATCHES, 28, 28, 3)
    images = {name: keras.random.uniform(size, -1.0, 1.0, seed=1) for name in trainer.inputs}
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(INFERENCE_BATCH)
    model.predict_probabilities(dataset)
    for _ in range(settings.epochs):
        start = time.perf_counter()
        model.predict_probabilities(dataset)
        turn(clips_per_second=size[0] / (time.perf_counter() - start))

    later = FirstStep()
    start = time.perf_counter()
    trainer.train(second, table, seed=1, callbacks=[later])
    usual = statistics.median(turns.first_steps)
    turn(later_fold_seconds=later.ended - start - usual)


def torch_peer(settings: Settings, turn, started):
    """The published network in PyTorch: turns alternate between data in memory and decoded in each epoch.

    The loader decodes in one process beside, as the published script does.
    """
    import torch
    from torch_peer import (
        FlowFiles,
        TorchDualATME,
        probabilities,
        read_image,
        shuffled_batches,
        train_epoch,
    )

    from dualatme_keras.data import find_image, make_folds, puzzled_path, read_lists

    torch.manual_seed(1)
    clips = make_folds(read_lists(settings.lists))[0].train
    entire = [find_image(clip.path, settings.data_root) for clip in clips]
    puzzled = [puzzled_path(path) for path in entire]
    labels = [clip.label for clip in clips]
    files = FlowFiles(entire, puzzled, labels)
    loader = torch.utils.data.DataLoader(files, settings.batch_size, shuffle=True, num_workers=1)
    images = [torch.stack([read_image(path) for path in paths]) for paths in (entire, puzzled)]
    tensors = (*images, torch.tensor(labels))
    model = TorchDualATME()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch(batches):
        start = time.perf_counter()
        train_epoch(model, optimizer, batches)
        return time.perf_counter() - start

    for _ in range(2):
        epoch(shuffled_batches(tensors, settings.batch_size))
    turn()
    for _ in range(settings.epochs):
        turn(epoch_seconds=epoch(shuffled_batches(tensors, settings.batch_size)))
        turn(epoch_seconds=epoch(loader))
    batch = torch.rand(INFERENCE_BATCH, 3, 28, 28) * 2 - 1
    probabilities(model, batch, batch)
    for _ in range(settings.epochs):
        start = time.perf_counter()
        for _ in range(INFERENCE_BATCHES):
            probabilities(model, batch, batch)
        seconds = time.perf_counter() - start
        turn(clips_per_second=INFERENCE_BATCH * INFERENCE_BATCHES / seconds)
