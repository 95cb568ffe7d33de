"""What the classification losses share: labels to log-probabilities of the true class."""

import keras
from keras import ops


def one_hot_labels(y_true, y_pred):
    """Integer labels `(batch,)` or `(batch, 1)` as rows `(batch, classes)` of the type of the logits.

    Floats `(batch, classes)` are such rows already: shares of the classes in a clip.
    """
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1] and "float" in str(y_true.dtype):
        return ops.cast(y_true, y_pred.dtype)
    labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
    return ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)


def true_log_probability(y_true, y_pred):
    """Log of the softmax probability of the true class, `(batch,)`, from logits `(batch, classes)`."""
    return ops.sum(one_hot_labels(y_true, y_pred) * ops.log_softmax(y_pred, axis=-1), axis=-1)


class LogitLoss(keras.losses.Loss):
    """Base of losses over logits: averages over the batch; computes in `dtype`, whatever Keras's policy."""

    def __init__(self, reduction="sum_over_batch_size", name=None, dtype="float32"):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
