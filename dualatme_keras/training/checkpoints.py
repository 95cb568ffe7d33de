"""A training that goes on where it was interrupted: weights, optimizer, random state, history."""

import functools
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dualatme_keras.files import make_folder, replace_file

SHARE = 20
"""An epoch is saved where training since the last saved one took this many times what saving takes."""

_STATE = "state.npz"


class Checkpoint:
    """What is known of an unfinished training, in a folder that is removed when it is finished.

    Saving every epoch would cost a small network more than training it, so that at most a twentieth of the
    time is spent on it.

    Args:
        folder: where; None keeps nothing.

    Attributes:
        answers: what an audit recorded after each epoch; kept with the state.
    """

    def __init__(self, folder: Path | None):
        self._folder = folder
        self.answers: list[np.ndarray] = []

    def restore(self, model: keras.Model) -> tuple[int, dict]:
        """Gives a compiled network the state of the last saved epoch.

        Returns:
            Number of epochs that it has behind it, and their history; 0 and nothing where none was saved, or
            it is of a network with other variables, as another version of Keras makes them.
        """
        file = self._folder and self._folder / _STATE
        if not file or not file.exists():
            return 0, {}
        with np.load(file, allow_pickle=False) as content:
            told = json.loads(content["told"].tobytes())
            if told["variables"] != _describe(model):
                return 0, {}
            for number, variable in enumerate(_variables(model)):
                variable.assign(content[f"variable_{number}"])
            self.answers[:] = content["answers"]
        return told["epochs"], told["history"]

    def callback(self, epochs: int, history: dict) -> keras.callbacks.Callback | None:
        """Saves epochs; the last one of a training is none that it could go on from.

        Args:
            epochs: of the training.
            history: of the epochs before.
        """
        return _Saving(self, epochs, history) if self._folder else None

    def save(self, model, epochs, history):
        make_folder(self._folder)
        told = {"epochs": epochs, "history": history, "variables": _describe(model)}
        content = io.BytesIO()
        np.savez(
            content,
            told=np.frombuffer(json.dumps(told).encode(), "uint8"),
            answers=np.array(self.answers, "float32"),
            **{
                f"variable_{number}": keras.ops.convert_to_numpy(variable)
                for number, variable in enumerate(_variables(model))
            },
        )
        replace_file(self._folder / _STATE, content.getvalue())

    def part(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """A result that is kept while the training around it is not finished.

        Args:
            name: of it.
            compute: called where it is not there yet.
        """
        file = self._folder and self._folder / f"{name}.npy"
        if file and file.exists():
            return np.load(file, allow_pickle=False)
        value = compute()
        if file:
            make_folder(file.parent)
            content = io.BytesIO()
            np.save(content, value, allow_pickle=False)
            replace_file(file, content.getvalue())
        return value


def pass_epochs(dataset: tf.data.Dataset, epochs: int, steps_per_execution: int) -> None:
    """Brings a dataset to where `fit` would have it after so many epochs.

    An iterator has an order of clips and random numbers of its own, by how many were made before it. Keras
    makes more than one in an epoch, how many is its own affair; so it is asked.

    Args:
        dataset: what is going to be fitted.
        epochs: that are passed.
        steps_per_execution: of the network.
    """
    for _ in range(epochs * _iterators_of_an_epoch(steps_per_execution)):
        iter(dataset)


@functools.cache
def _iterators_of_an_epoch(steps_per_execution):
    seen = []

    class Watching(keras.Model):
        def train_step(self, data):
            seen.append(data[0].numpy().tolist())
            return {"loss": 0.0}

    def numbers():
        return tf.data.Dataset.range(100).shuffle(100, seed=0).batch(100).map(lambda order: (order, order))

    model = Watching()
    model.built = True
    model.compile(run_eagerly=True, jit_compile=False, steps_per_execution=steps_per_execution)
    model.fit(numbers(), epochs=2, verbose=0, shuffle=False)
    dataset = numbers()
    orders = [next(iter(dataset))[0].numpy().tolist() for _ in range(20)]
    return orders.index(seen[1])


class _Saving(keras.callbacks.Callback):
    def __init__(self, checkpoint, epochs, history):
        super().__init__()
        self._checkpoint, self._epochs = checkpoint, epochs
        self._history = {name: list(values) for name, values in history.items()}
        self._saved, self._cost = time.monotonic(), 0.05

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(float(value))
        begun = time.monotonic()
        if epoch + 1 < self._epochs and begun - self._saved >= SHARE * self._cost:
            self._checkpoint.save(self.model, epoch + 1, self._history)
            self._saved = time.monotonic()
            self._cost = self._saved - begun


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _describe(model):
    return [[list(variable.shape), str(variable.dtype)] for variable in _variables(model)]
