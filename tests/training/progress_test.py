"""The live line: which fold, how good so far, how long still."""

import io

import numpy as np

from dualatme_keras.data import Clip
from dualatme_keras.runs import Predictions
from dualatme_keras.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def answers(labels, predicted):
    clips = [Clip(f"{i}.png", "s01", "smic", label) for i, label in enumerate(labels)]
    return Predictions.of_clips(clips, np.eye(3)[predicted])


def test_lines_of_finished_folds():
    stream = io.StringIO()
    progress = Progress(12, epochs=60, stream=stream)
    progress.finish_fold("s01", answers([0, 1, 2, 2], [0, 1, 2, 0]), seconds=None)
    progress.epoch_callback("s02").on_epoch_end(0, {"loss": 0.5})  # silent where no terminal is
    progress.finish_fold("s02", answers([0, 0], [0, 0]), seconds=400.0)
    first, second = stream.getvalue().splitlines()
    # Classes so far: precision 1/2, 1, 1 and recall 1, 1, 1/2, so F1 2/3, 1, 2/3.
    assert first == "fold  1/12 s01      3 of 4   right | so far UF1 0.7778 UAR 0.8333 | finished before"
    assert second.startswith("fold  2/12 s02      2 of 2   right | so far UF1 0.8413 UAR 0.8333 | ")
    assert second.endswith("400.0 s, 1 h 06 min left")


def test_folds_side_by_side_take_less_time():
    stream = io.StringIO()
    progress = Progress(4, epochs=60, workers=2, stream=stream)
    for seconds in (150.0, 50.0):
        progress.finish_fold("s01", answers([0], [0]), seconds)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("150.0 s, 3 min 45 s left")
    assert second.endswith(" 50.0 s, 1 min 40 s left")  # two more at a median of 100 seconds


def test_a_terminal_shows_the_epoch_and_is_cleared():
    stream = Terminal()
    progress = Progress(2, epochs=60, stream=stream)
    callback = progress.epoch_callback("s01")
    callback.on_epoch_end(2, {"loss": 0.5})
    callback.on_epoch_end(3, {"loss": 0.4})  # too soon to be read
    progress.finish_fold("s01", answers([0], [0]), seconds=30.0)
    shown, line = stream.getvalue().split("\r\033[K")[1:]
    assert shown == "fold 1/2 s01    epoch 3/60 loss 0.5000"
    assert line.startswith("fold 1/2 s01      1 of 1   right")
    assert line.endswith("30 s left\n")
