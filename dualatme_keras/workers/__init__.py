"""Tier 0: independent jobs in other processes, here or on a cluster, which end with the one they work for."""

from dualatme_keras.workers.cluster import RayExecutor
from dualatme_keras.workers.memory import available_memory
from dualatme_keras.workers.parent import end_with_parent
from dualatme_keras.workers.processes import ProcessExecutor, begin_workers_with
from dualatme_keras.workers.scheduling import EXECUTORS, Scheduler, check_workers
from dualatme_keras.workers.threads import compute_as_workers, one_thread

__all__ = [
    "EXECUTORS",
    "ProcessExecutor",
    "RayExecutor",
    "Scheduler",
    "available_memory",
    "begin_workers_with",
    "check_workers",
    "compute_as_workers",
    "end_with_parent",
    "one_thread",
]
