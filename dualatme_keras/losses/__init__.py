"""Tier 1: classification losses over logits, on every Keras backend."""

import keras

from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses.balanced import BalancedLoss
from dualatme_keras.losses.cosine import CosineLoss
from dualatme_keras.losses.focal import FocalLoss

LOSSES = {
    "focal": FocalLoss,
    "balanced": BalancedLoss,
    "cosine": CosineLoss,
    "crossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
}


def get_loss(name: str) -> keras.losses.Loss:
    """The loss called `name` (`focal`, `balanced`, `cosine` or `crossentropy`) with published defaults."""
    if name not in LOSSES:
        raise DualATMEError(f"Expected a loss out of {', '.join(LOSSES)}. Received: {name!r}.")
    return LOSSES[name]()


__all__ = ["LOSSES", "BalancedLoss", "CosineLoss", "FocalLoss", "get_loss"]
