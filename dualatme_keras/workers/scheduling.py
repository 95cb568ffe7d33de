"""How many jobs run side by side, and where."""

import functools
import numbers
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib

from dualatme_keras.errors import DualATMEError
from dualatme_keras.workers.cluster import RayExecutor
from dualatme_keras.workers.memory import available_memory
from dualatme_keras.workers.processes import ProcessExecutor

EXECUTORS = ("processes", "ray")
"""Where jobs may run."""

_ALONE = 2
"""Jobs that this process does before others are asked: the first compiles, the second tells the time."""


def check_workers(workers: int | str, executor: str, ray_address: str = "auto") -> None:
    """Raises `DualATMEError` where there is no such executor, or no such workers or address of it."""
    if executor not in EXECUTORS:
        raise DualATMEError(f"Expected `executor` out of {', '.join(EXECUTORS)}. Received: {executor!r}.")
    if workers != "auto" and (not isinstance(workers, numbers.Integral) or workers < 1):
        raise DualATMEError(f"Expected `workers` to be 'auto' or an integer from 1. Received: {workers!r}.")
    if executor == "ray" and workers != "auto":
        raise DualATMEError(
            "Expected `workers` with `executor='processes'`. Received: `executor='ray'`, whose cluster "
            "decides how many jobs it runs."
        )
    if executor != "ray" and ray_address != "auto":
        raise DualATMEError(
            "Expected `ray_address` with `executor='ray'`. "
            f"Received: `ray_address={ray_address!r}` with `executor={executor!r}`, where it has no effect."
        )


def most_workers(jobs: int, bytes_of_each: int, threads: int = 1) -> int:
    """Processes that this machine has processors and memory for.

    Args:
        jobs: that there are to do.
        bytes_of_each: memory that a process takes.
        threads: of each.
    """
    in_memory = available_memory() // max(1, bytes_of_each)
    return max(1, min(joblib.cpu_count() // max(1, threads), jobs, int(in_memory)))


def is_worth_it(seconds: float, jobs: int, workers: int, start_seconds: float) -> bool:
    """Whether so many processes finish earlier than this one alone, their start included.

    Args:
        seconds: that a job takes here.
        jobs: that are left.
        workers: processes.
        start_seconds: until they are ready.
    """
    return jobs * seconds * (1 - 1 / workers) > start_seconds


class Scheduler:
    """Runs jobs in this process, in others beside it, or on a cluster.

    With `workers="auto"` this process does the first jobs and measures them. Where as many processes as there
    are processors, and memory allows, would finish the rest sooner, their start included, they take over.
    Processes stay for later calls with the same worker.

    Args:
        workers: processes, or `auto`.
        executor: one of `EXECUTORS`.
        ray_address: of the cluster, see `RayExecutor`.
        threads: that numerical libraries use for a job.
        bytes_of_each: memory that a process takes, for `auto`.
        start_seconds: until other processes are ready, for `auto`.
        gpus: whether jobs on a cluster ask for a GPU each, where it has any.

    Raises:
        DualATMEError: see `check_workers`.
    """

    def __init__(
        self,
        workers: int | str = "auto",
        executor: str = "processes",
        ray_address: str = "auto",
        threads: int = 1,
        bytes_of_each: int = 0,
        start_seconds: float = 0.0,
        gpus: bool = False,
    ):
        check_workers(workers, executor, ray_address)
        self._workers, self._ray_address, self._gpus = workers, ray_address, gpus
        self._elsewhere = executor == "ray"
        self._threads, self._bytes, self._start_seconds = threads, bytes_of_each, start_seconds
        self._seconds: list[float] = []
        self._began = 0  # processes, which stay and have their memory already
        self._processes = functools.cache(lambda number: ProcessExecutor(number, threads))

    def run(
        self,
        jobs: Sequence,
        here: Callable[[Any], Any] | None,
        new_worker: Callable[[], Callable],
        tell: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple]:
        """Runs jobs.

        Args:
            jobs: what to do.
            here: does a job in this process; None where it cannot.
            new_worker: called where other processes are needed; returns what their executor's `run` is given.
            tell: called with the number of jobs that run side by side, whenever it changes.

        Yields:
            Each job and what came of it, in the order in which they finish.

        Raises:
            DualATMEError: there is no cluster, or processes or machines died again and again.
            Exception: what a job raises; other jobs are broken off.
        """
        left = list(jobs)
        if self._elsewhere:
            yield from RayExecutor(self._ray_address, self._threads, self._gpus).run(new_worker(), left)
            return
        workers = self._workers
        if workers == "auto":
            most = most_workers(len(left), self._bytes, self._threads)
            workers = max(self._began, most) if len(left) > 1 else 1
        tell(1)
        while left and here and self._stays_here(len(left), workers):
            job = left.pop(0)
            begun = time.perf_counter()
            result = here(job)
            self._seconds.append(time.perf_counter() - begun)
            yield job, result
        if left:
            tell(workers)
            self._began = workers
            yield from self._processes(workers).run(new_worker(), left)

    def _stays_here(self, jobs, workers):
        if self._workers != "auto" or workers == 1:
            return workers == 1
        measured = len(self._seconds) >= _ALONE
        return not measured or not is_worth_it(self._seconds[-1], jobs, workers, self._start_seconds)
