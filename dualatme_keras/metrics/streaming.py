"""UF1 and UAR as streaming Keras metrics, on TensorFlow and JAX.

Over all batches since the last reset one confusion matrix is summed, and the score is taken from the sum:
neither score is a mean over batches.
"""

import keras
from keras import ops


class _ConfusionMetric(keras.metrics.Metric):
    """A score of the confusion matrix summed over batches; rows are truth, columns prediction."""

    def __init__(self, num_classes, name, dtype):
        super().__init__(name=name, dtype=dtype)
        if num_classes < 2:
            raise ValueError(f"Expected `num_classes` to be at least 2. Received: num_classes={num_classes}.")
        self.num_classes = num_classes
        self.confusion = self.add_variable(
            shape=(num_classes, num_classes), initializer="zeros", name="confusion"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds one batch.

        Args:
            y_true: integer labels in [0, num_classes), `(batch,)` or `(batch, 1)`. A label outside that
                range is ignored: compiled code cannot raise.
            y_pred: logits or probabilities, `(batch, num_classes)`; the largest is the prediction.
            sample_weight: `None`, a number, or weights `(batch,)` or `(batch, 1)`.
        """
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))  # (batch,)
        truth = ops.one_hot(labels, self.num_classes, dtype=self.dtype)  # (batch, classes)
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))  # (batch or 1, 1)
            truth = truth * weights
        self.confusion.assign_add(ops.matmul(ops.transpose(truth), predicted))

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="dualatme_keras")
class UF1(_ConfusionMetric):
    """Unweighted F1: the mean over classes of 2 TP / (2 TP + FP + FN).

    A class that is neither in the labels nor in the predictions (0/0) counts as 0, which is exactly
    scikit-learn's `f1_score(..., labels=range(num_classes), average="macro", zero_division=0)`.

    Args:
        num_classes: number of classes. Defaults to 3.
        name: name of the metric. Defaults to `"uf1"`.
        dtype: type of the sums; float32 counts exactly up to 2^24 clips.

    Example:
        >>> metric = UF1()
        >>> metric.update_state([0, 1, 2], [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
        >>> float(metric.result())  # (1 + 2/3 + 0) / 3
        0.5555555820465088

    References:
        See et al., MEGC 2019, section 4 (UF1).
    """

    def __init__(self, num_classes: int = 3, name: str = "uf1", dtype: str | None = None):
        super().__init__(num_classes, name, dtype)

    def result(self):
        hits = ops.diagonal(self.confusion)  # (classes,)
        marginals = ops.sum(self.confusion, axis=0) + ops.sum(self.confusion, axis=1)
        return ops.mean(ops.divide_no_nan(2 * hits, marginals))


@keras.saving.register_keras_serializable(package="dualatme_keras")
class UAR(_ConfusionMetric):
    """Unweighted average recall: the mean over classes of TP / (TP + FN).

    A class without labels (0/0) counts as 0, which is exactly scikit-learn's
    `recall_score(..., labels=range(num_classes), average="macro", zero_division=0)`.

    Args:
        num_classes: number of classes. Defaults to 3.
        name: name of the metric. Defaults to `"uar"`.
        dtype: type of the sums; float32 counts exactly up to 2^24 clips.

    Example:
        >>> metric = UAR()
        >>> metric.update_state([0, 1, 2], [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
        >>> float(metric.result())  # (1 + 1 + 0) / 3
        0.6666666865348816

    References:
        See et al., MEGC 2019, section 4 (UAR).
    """

    def __init__(self, num_classes: int = 3, name: str = "uar", dtype: str | None = None):
        super().__init__(num_classes, name, dtype)

    def result(self):
        hits = ops.diagonal(self.confusion)  # (classes,)
        return ops.mean(ops.divide_no_nan(hits, ops.sum(self.confusion, axis=1)))
