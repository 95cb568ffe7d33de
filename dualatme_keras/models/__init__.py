"""Tier 2: the network, its presets, and the weights of the published code."""

from dualatme_keras.models.dual_atme import FORMS, DualATME
from dualatme_keras.models.presets import PRESETS
from dualatme_keras.models.saved import load_model
from dualatme_keras.models.torch_checkpoint import load_torch_checkpoint
from dualatme_keras.models.torch_file import read_torch_tensors

__all__ = ["FORMS", "PRESETS", "DualATME", "load_model", "load_torch_checkpoint", "read_torch_tensors"]
