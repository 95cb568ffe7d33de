"""Tier 3: a run, from settings to pooled predictions."""

from dualatme_keras.training.config import OPTIMIZERS, PRECISIONS, PROTOCOLS, STRATEGIES, TrainConfig
from dualatme_keras.training.loso import RunResult, run_loso, run_seeds

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "PROTOCOLS",
    "STRATEGIES",
    "RunResult",
    "TrainConfig",
    "run_loso",
    "run_seeds",
]
