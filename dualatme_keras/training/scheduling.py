"""Where folds are trained, and how many side by side."""

from collections.abc import Callable

from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import computes_on_devices, threads_of_each, use_threads
from dualatme_keras.workers import Scheduler

WORKER_BYTES = 900 * 2**20
"""What a process with TensorFlow and a network takes, without its images."""

START_SECONDS = 20
"""What it takes until several processes have TensorFlow and a compiled network."""


def fold_scheduler(config: TrainConfig, image_bytes: Callable[[], int]) -> Scheduler:
    """Who trains the folds.

    Args:
        config: the settings.
        image_bytes: tells what the images take, which each process holds.
    """
    workers, bytes_of_each = config.workers, 0
    if config.executor == "processes" and workers == "auto":
        if computes_on_devices(config):
            workers = 1
        else:
            bytes_of_each = WORKER_BYTES + 2 * image_bytes()
    return Scheduler(
        workers,
        config.executor,
        config.ray_address,
        threads_of_each(config),
        bytes_of_each,
        START_SECONDS,
        gpus=True,
    )


def computes_alike_here(config: TrainConfig) -> bool:
    """Whether this process rounds sums as those would that take over; lets it do so where it still can."""
    if config.workers != "auto" or config.executor != "processes" or computes_on_devices(config):
        return True
    return use_threads(threads_of_each(config))
