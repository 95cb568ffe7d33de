"""Focal loss with the published weights against the larger classes of a batch."""

import keras
from keras import ops

from dualatme_keras.losses.focal import FocalLoss
from dualatme_keras.losses.probability import one_hot_labels


@keras.saving.register_keras_serializable(package="dualatme_keras")
class BalancedLoss(FocalLoss):
    """Focal loss times the batch's mean class weight, a class of share f in the batch weighing `1 - f / 10`.

    In the published numbers the weights do not stay with their clips: the mean weight multiplies the mean
    focal loss, so a batch as a whole counts a little less the more one class fills it (`1 - sum(f^2) / 10`).
    This is what is computed here; weights that balance the classes clip by clip are
    `model.fit(class_weight=...)`. With a distribution strategy f is the share in each replica's part.

    Args:
        gamma, alpha, reduction, name, dtype: as for `FocalLoss`.

    Call arguments:
        y_true: integer labels, `(batch,)` or `(batch, 1)`.
        y_pred: logits, `(batch, classes)`.
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 1.0, name: str = "balanced_loss", **kwargs):
        super().__init__(gamma=gamma, alpha=alpha, name=name, **kwargs)

    def call(self, y_true, y_pred):
        share = ops.mean(one_hot_labels(y_true, y_pred), axis=0)  # (classes,)
        mean_weight = 1.0 - ops.sum(ops.square(share)) / 10.0
        return mean_weight * super().call(y_true, y_pred)
