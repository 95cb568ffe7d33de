"""Tier 2: the network, its presets, the weights of the published code, and other networks."""

from dualatme_keras.choices import IMPLEMENTATIONS, MODELS, PRESETS
from dualatme_keras.models.dual_atme import DualATME, copy_weights, resolve_implementation
from dualatme_keras.models.ensemble import Ensemble, EnsemblePredictions, prediction_model
from dualatme_keras.models.loading import load_model
from dualatme_keras.models.others import OTHER_MODELS
from dualatme_keras.models.preprocessor import flow_preprocessor
from dualatme_keras.models.torch_checkpoint import load_torch_checkpoint
from dualatme_keras.models.torch_file import read_torch_tensors

__all__ = [
    "IMPLEMENTATIONS",
    "MODELS",
    "OTHER_MODELS",
    "PRESETS",
    "DualATME",
    "Ensemble",
    "EnsemblePredictions",
    "copy_weights",
    "flow_preprocessor",
    "load_model",
    "load_torch_checkpoint",
    "prediction_model",
    "read_torch_tensors",
    "resolve_implementation",
]
