"""Tier 2: the network, its presets, and the weights of the published code."""

from dualatme_keras.choices import FORMS, PRESETS
from dualatme_keras.models.answers import Answers, Ensemble, answering_model
from dualatme_keras.models.dual_atme import DualATME, computed_form
from dualatme_keras.models.pair_model import pair_model
from dualatme_keras.models.saved import load_model
from dualatme_keras.models.torch_checkpoint import load_torch_checkpoint
from dualatme_keras.models.torch_file import read_torch_tensors

__all__ = [
    "FORMS",
    "PRESETS",
    "Answers",
    "DualATME",
    "Ensemble",
    "answering_model",
    "computed_form",
    "load_model",
    "load_torch_checkpoint",
    "pair_model",
    "read_torch_tensors",
]
