"""Loss of action units, most of which are absent from most clips."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError


@keras.saving.register_keras_serializable(package="dualatme_keras")
class ActionUnitLoss(keras.losses.Loss):
    """Cross-entropy of each action unit on each side, absent against present.

    Args:
        present_from: least intensity at which a unit counts as present. Defaults to 0.25.
        present_weight: of present units relative to absent ones; more than 1 finds more of them, and says so
            of more clips that do not have them. Defaults to 6.
        reduction, name, dtype: as for `keras.losses.Loss`.

    Call arguments:
        y_true: intensities, `(batch, units, 2)`, about 1 where a unit shows.
        y_pred: logits of the same shape.

    Raises:
        DualATMEError: a number that is not positive.
    """

    def __init__(
        self,
        present_from: float = 0.25,
        present_weight: float = 6.0,
        reduction: str = "sum_over_batch_size",
        name: str = "action_unit_loss",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not (present_from > 0 and present_weight > 0):
            raise DualATMEError(
                "Expected positive `present_from` and `present_weight`. "
                f"Received: {present_from} and {present_weight}."
            )
        self.present_from, self.present_weight = present_from, present_weight

    def call(self, y_true, y_pred):
        present = ops.cast(y_true >= self.present_from, y_pred.dtype)
        absent_loss, present_loss = ops.softplus(y_pred), ops.softplus(-y_pred)
        losses = (1.0 - present) * absent_loss + self.present_weight * present * present_loss
        return ops.mean(losses, axis=(-2, -1))

    def get_config(self):
        own = {"present_from": self.present_from, "present_weight": self.present_weight}
        return {**super().get_config(), **own}
