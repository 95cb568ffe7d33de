"""Training that went wrong: a loss, weights or answers that are not finite, or a loss beyond all sense."""

import keras
import numpy as np

from dualatme_keras.data import Fold
from dualatme_keras.errors import DualATMEError

DIVERGED = 10.0
"""The loss of a fold's last epoch that counts as diverged, in multiples of the loss of equal logits."""


class StopOnDivergence(keras.callbacks.Callback):
    """Ends a training that diverged.

    A network that gives all classes the same logits says nothing, and its loss is the yardstick: training
    goes below it. High rates start far above it and may still come down, so only the last epoch is judged,
    and only by a multiple. The cosine loss is never more than twice that of equal logits: of it, only what is
    not finite is seen.

    Args:
        fold: what is trained on.
        loss: called with labels and logits.
        num_classes: number of logits.
    """

    def __init__(self, fold: Fold, loss: keras.losses.Loss, num_classes: int):
        super().__init__()
        self._fold = fold
        labels = np.array([clip.label for clip in fold.train], "int64")
        self._highest = DIVERGED * float(loss(labels, np.zeros((len(labels), num_classes), "float32")))

    def on_epoch_end(self, epoch, logs=None):
        self._epoch, self._loss = epoch + 1, logs["loss"]
        if not np.isfinite(self._loss):
            raise diverged(self._fold, self._epoch, "a finite loss", self._loss)

    def on_train_end(self, logs=None):
        """After the last epoch, which another callback may have chosen."""
        loss = self._loss
        if loss > self._highest:
            expected = (
                f"a loss of at most {self._highest:.3g} in the last epoch, {DIVERGED:.0f} times that of a "
                "network that calls all classes equally likely"
            )
            raise diverged(self._fold, self._epoch, expected, f"{loss:.3g}")
        # The last step changes the weights after its loss is known.
        if not all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            raise diverged(self._fold, self._epoch, "finite weights", f"others, after a loss of {loss:.3g}")


class Diverged(DualATMEError):
    """A training diverged."""


def diverged(fold: Fold, epoch: int, expected: str, received) -> Diverged:
    """The error of a fold that diverged; `epoch` counts from 1."""
    return Diverged(
        f"fold {fold.name}, epoch {epoch}: Expected {expected}. Received: {received}. "
        "Training diverged: lower `learning_rate`, or compute in `precision='float32'`."
    )
