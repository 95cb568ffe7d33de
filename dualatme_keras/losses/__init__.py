"""Tier 1: classification losses over logits, on TensorFlow and JAX."""

import functools

import keras

from dualatme_keras import choices
from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses.action_units import ActionUnitLoss
from dualatme_keras.losses.balanced import BalancedLoss
from dualatme_keras.losses.cosine import CosineLoss
from dualatme_keras.losses.focal import FocalLoss

_CLASSES = (
    FocalLoss,
    BalancedLoss,
    CosineLoss,
    functools.partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
)
LOSSES = dict(zip(choices.LOSSES, _CLASSES, strict=True))


def get_loss(name: str, dtype: str = "float32") -> keras.losses.Loss:
    """The loss called `name` (`focal`, `balanced`, `cosine` or `crossentropy`) with published defaults.

    Args:
        name: a name in `LOSSES`.
        dtype: type in which it computes.
    """
    if name not in LOSSES:
        raise DualATMEError(f"Expected a loss out of {', '.join(LOSSES)}. Received: {name!r}.")
    return LOSSES[name](dtype=dtype)


__all__ = ["LOSSES", "ActionUnitLoss", "BalancedLoss", "CosineLoss", "FocalLoss", "get_loss"]
