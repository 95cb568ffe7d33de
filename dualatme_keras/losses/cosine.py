"""Cosine loss between logits and the true class."""

import keras
from keras import ops

from dualatme_keras.losses.probability import LogitLoss, one_hot_labels


@keras.saving.register_keras_serializable(package="dualatme_keras")
class CosineLoss(LogitLoss):
    """Computes `1 - z_y / |z|`: one minus the cosine between the logits z and the axis of class y.

    Args:
        reduction, name, dtype: as for `keras.losses.Loss`; averaged over the batch by default.

    Call arguments:
        y_true: integer labels, `(batch,)` or `(batch, 1)`.
        y_pred: logits, `(batch, classes)`.

    References:
        Barz and Denzler, Deep Learning on Small Datasets without Pre-Training using Cosine Loss, WACV 2020.
    """

    def __init__(self, name: str = "cosine_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        true_logit = ops.sum(one_hot_labels(y_true, y_pred) * y_pred, axis=-1)  # (batch,)
        squares = ops.sum(ops.square(y_pred), axis=-1)
        return 1.0 - true_logit * ops.rsqrt(ops.maximum(squares, 1e-16))
