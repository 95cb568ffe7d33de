"""Tier 3: a run, from settings to pooled predictions.

Importing this package does not import Keras; what trains does when it is first used.
"""

from dualatme_keras.lazy import lazy_names
from dualatme_keras.runs.continuation import CONTINUE_DESPITE
from dualatme_keras.training.config import (
    CLASS_WEIGHTS,
    IMAGES,
    OPTIMIZERS,
    PRECISIONS,
    PROTOCOLS,
    SCHEDULES,
    SOLVERS,
    STRATEGIES,
    TrainConfig,
)
from dualatme_keras.workers import EXECUTORS

__all__ = [
    "CLASS_WEIGHTS",
    "CONTINUE_DESPITE",
    "EXECUTORS",
    "IMAGES",
    "OPTIMIZERS",
    "PRECISIONS",
    "PROTOCOLS",
    "SCHEDULES",
    "SOLVERS",
    "STRATEGIES",
    "DrawnDataset",
    "PretrainConfig",
    "RunResult",
    "TrainConfig",
    "pretrain",
    "run_loso",
    "run_seeds",
    "write_pretrained",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    dict.fromkeys(("RunResult", "run_loso", "run_seeds"), "loso")
    | dict.fromkeys(("DrawnDataset", "PretrainConfig", "pretrain", "write_pretrained"), "pretraining"),
)
