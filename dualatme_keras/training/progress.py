"""The live line of a run: which fold, how good so far, how long still."""

import sys
import time

import keras
import numpy as np

from dualatme_keras.metrics import confusion_matrix, uar, uf1


class Progress:
    """Prints one line per finished fold, and on a terminal the epochs of the current one.

    Args:
        folds: number of folds of the run.
        epochs: epochs per fold.
        workers: folds that run at the same time.
        stream: where to print; standard output by default.
        num_classes: of the predictions.
    """

    def __init__(self, folds: int, epochs: int, workers: int = 1, stream=None, num_classes: int = 3):
        self._folds = folds
        self._epochs = epochs
        self._workers = workers
        self._stream = stream or sys.stdout
        self._confusion = np.zeros((num_classes, num_classes), "int64")
        self._done = 0
        self._trained_seconds = []

    def side_by_side(self, workers: int) -> None:
        """Takes note of how many folds run at the same time from now on."""
        self._workers = workers

    def miss_fold(self, fold: str, reason: str) -> None:
        """Prints why a fold is missing."""
        print(f"{self._prefix(fold)} missing: {reason}", file=self._stream, flush=True)
        self._done += 1

    def epoch_callback(self, fold: str) -> keras.callbacks.Callback:
        """A callback that shows the epoch on a terminal, and nothing elsewhere."""
        return _EpochLine(self._stream, self._prefix(fold), self._epochs)

    def _prefix(self, fold):
        return f"fold {self._done + 1:>{len(str(self._folds))}}/{self._folds} {fold:<6}"

    def finish_fold(self, fold: str, predictions, seconds: float | None) -> None:
        """Counts a fold in and prints its line.

        Args:
            fold: its name.
            predictions: `Predictions` of its test clips.
            seconds: how long it took, or None where it was finished in an earlier run.
        """
        confusion = confusion_matrix(predictions.labels, predictions.predictions, len(self._confusion))
        self._confusion += confusion
        right, clips = np.trace(confusion), confusion.sum()
        left = self._folds - self._done - 1
        if seconds is None:
            timing = "finished before"
        else:
            self._trained_seconds.append(seconds)
            timing = (
                f"{seconds:5.1f} s, {_duration(left / self._workers * np.median(self._trained_seconds))} left"
            )
        so_far = f"UF1 {uf1(self._confusion):.4f} UAR {uar(self._confusion):.4f}"
        line = f"{self._prefix(fold)} {right:>3} of {clips:<3} right | so far {so_far} | {timing}"
        clear = "\r\033[K" if self._stream.isatty() else ""
        print(clear + line, file=self._stream, flush=True)
        self._done += 1


class _EpochLine(keras.callbacks.Callback):
    def __init__(self, stream, prefix, epochs):
        super().__init__()
        self._stream = stream
        self._prefix = prefix
        self._epochs = epochs
        self._shown = 0.0

    def on_epoch_end(self, epoch, logs=None):
        if self._stream.isatty() and time.monotonic() - self._shown > 0.2:
            self._shown = time.monotonic()
            line = f"{self._prefix} epoch {epoch + 1}/{self._epochs} loss {logs['loss']:.4f}"
            print(f"\r\033[K{line}", end="", file=self._stream, flush=True)


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
