"""Tier 0: independent jobs in other processes, here or on a cluster, which end with the one they work for."""

from dualatme_keras.workers.cluster import RayExecutor
from dualatme_keras.workers.memory import available_memory
from dualatme_keras.workers.parent import end_with_parent
from dualatme_keras.workers.processes import ProcessExecutor, begin_workers_with

EXECUTORS = ("processes", "ray")
"""Where jobs may run."""

__all__ = [
    "EXECUTORS",
    "ProcessExecutor",
    "RayExecutor",
    "available_memory",
    "begin_workers_with",
    "end_with_parent",
]
