"""Tier 3: a run, from settings to pooled predictions.

Importing this package does not import Keras; the names of `_LAZY` do when they are first used.
"""

import importlib

from dualatme_keras.runs.continuation import CONTINUE_DESPITE
from dualatme_keras.training.config import OPTIMIZERS, PRECISIONS, PROTOCOLS, STRATEGIES, TrainConfig

_LAZY = ("RunResult", "run_loso", "run_seeds")

__all__ = [
    "CONTINUE_DESPITE",
    "OPTIMIZERS",
    "PRECISIONS",
    "PROTOCOLS",
    "STRATEGIES",
    "RunResult",
    "TrainConfig",
    "run_loso",
    "run_seeds",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.loso"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
