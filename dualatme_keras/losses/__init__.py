"""Tier 1: classification losses over logits, on TensorFlow and JAX."""

import functools

import keras

from dualatme_keras import choices
from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses.action_units import ActionUnitLoss
from dualatme_keras.losses.balanced import BalancedLoss
from dualatme_keras.losses.cosine import CosineLoss
from dualatme_keras.losses.focal import FocalLoss
from dualatme_keras.losses.smoothed import SmoothedCrossentropy

_CLASSES = (
    FocalLoss,
    BalancedLoss,
    CosineLoss,
    functools.partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
)
LOSSES = dict(zip(choices.LOSSES, _CLASSES, strict=True))


def get_loss(
    name: str, dtype: str = "float32", label_smoothing: float = 0.0, soft_labels: bool = False
) -> keras.losses.Loss:
    """The loss called `name` (`focal`, `balanced`, `cosine` or `crossentropy`) with published defaults.

    Args:
        name: a name in `LOSSES`.
        dtype: type in which it computes.
        label_smoothing: of `crossentropy`, see `SmoothedCrossentropy`.
        soft_labels: whether labels are shares of the classes, `(batch, classes)` floats, not integers.

    Raises:
        DualATMEError: there is no such loss, or it takes no smoothing.
    """
    if label_smoothing and name != "crossentropy":
        raise DualATMEError(f"Expected `label_smoothing` with crossentropy. Received: it with {name}.")
    if label_smoothing or (soft_labels and name == "crossentropy"):
        return SmoothedCrossentropy(label_smoothing, dtype=dtype)
    if name not in LOSSES:
        raise DualATMEError(f"Expected a loss out of {', '.join(LOSSES)}. Received: {name!r}.")
    return LOSSES[name](dtype=dtype)


__all__ = [
    "LOSSES",
    "ActionUnitLoss",
    "BalancedLoss",
    "CosineLoss",
    "FocalLoss",
    "SmoothedCrossentropy",
    "get_loss",
]
