"""Focal loss: cross-entropy that turns away from what is already well classified."""

import keras
from keras import ops

from dualatme_keras.losses.probability import LogitLoss, true_log_probability


@keras.saving.register_keras_serializable(package="dualatme_keras")
class FocalLoss(LogitLoss):
    """Computes `-alpha * (1 - p)^gamma * log(p)`, p the softmax probability of the true class.

    With `gamma=0` and `alpha=1` it is cross-entropy.

    Args:
        gamma: focus, not negative. Defaults to 2 (Zhou et al., Entropy 25(3):460, section 4.2).
        alpha: factor of the whole. Defaults to 1.
        reduction, name, dtype: as for `keras.losses.Loss`; averaged over the batch by default.

    Call arguments:
        y_true: integer labels, `(batch,)` or `(batch, 1)`.
        y_pred: logits, `(batch, classes)`.

    References:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 5.
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 1.0, name: str = "focal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if gamma < 0:
            raise ValueError(f"Expected `gamma` not to be negative. Received: gamma={gamma}.")
        self.gamma = gamma
        self.alpha = alpha

    def call(self, y_true, y_pred):
        log_p = true_log_probability(y_true, y_pred)  # (batch,)
        # 1 - p as -expm1(log p): exact near p = 1; kept off 0, where a fractional power has no gradient.
        miss = ops.maximum(-ops.expm1(log_p), keras.config.epsilon())
        return -self.alpha * ops.power(miss, self.gamma) * log_p

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}
