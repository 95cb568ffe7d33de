"""How many folds are trained side by side, where nobody says."""

import joblib
import psutil

from dualatme_keras.training.config import TrainConfig

WORKER_BYTES = 900 * 2**20
"""What a process with TensorFlow and a network takes, without its images."""

START_SECONDS = 20
"""What it takes until several processes have TensorFlow and a compiled network."""


def most_workers(config: TrainConfig, folds: int, image_bytes: int) -> int:
    """Processes that this machine has processors and memory for.

    Args:
        config: the settings.
        folds: that there are to train.
        image_bytes: of the images, which each process holds.
    """
    in_memory = psutil.virtual_memory().available // (WORKER_BYTES + 2 * image_bytes)
    processors = joblib.cpu_count() // max(1, config.threads)
    return max(1, min(processors, folds, int(in_memory)))


def is_worth_it(seconds: float, folds: int, workers: int) -> bool:
    """Whether so many processes finish earlier than this one alone, their start included.

    Args:
        seconds: that a fold takes here.
        folds: that are left.
        workers: processes.
    """
    return folds * seconds * (1 - 1 / workers) > START_SECONDS
