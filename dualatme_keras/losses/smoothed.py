"""Cross-entropy whose labels are not quite sure."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses.probability import LogitLoss, one_hot_labels


@keras.saving.register_keras_serializable(package="dualatme_keras")
class SmoothedCrossentropy(LogitLoss):
    """Cross-entropy of integer labels, of which a share goes to all classes alike.

    Args:
        label_smoothing: the share, from 0 to below 1. Defaults to 0.1.
        reduction, name, dtype: as for `keras.losses.Loss`; averaged over the batch by default.

    Call arguments:
        y_true: integer labels, `(batch,)` or `(batch, 1)`.
        y_pred: logits, `(batch, classes)`.

    Raises:
        DualATMEError: no such share.

    References:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7.
    """

    def __init__(self, label_smoothing: float = 0.1, name: str = "smoothed_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise DualATMEError(f"Expected `label_smoothing` from 0 to below 1. Received: {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        share = self.label_smoothing
        labels = (1.0 - share) * one_hot_labels(y_true, y_pred) + share / y_pred.shape[-1]
        return -ops.sum(labels * ops.log_softmax(y_pred, axis=-1), axis=-1)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
