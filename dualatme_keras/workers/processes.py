"""Jobs in processes of this machine."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle
from joblib.externals.loky import ProcessPoolExecutor

from dualatme_keras.errors import DualATMEError
from dualatme_keras.workers.parent import end_with_parent
from dualatme_keras.workers.threads import shared_machine

LOST = 3
"""How often in a row workers may die without one job being finished; then the jobs are at fault."""

_NO_SEMAPHORES = (errno.EACCES, errno.ENOENT, errno.ENOSPC, errno.ENOSYS)
"""A system without a folder for them, or with one that is closed or full."""

_beginning: list[Callable[[], None]] = []
"""What each worker calls first, see `begin_workers_with`."""


def begin_workers_with(function: Callable[[], None]) -> None:
    """Lets each worker that starts from now on call `function` first; it must be importable there."""
    if function not in _beginning:
        _beginning.append(function)


class ProcessExecutor:
    """Runs jobs in processes of this machine.

    They stay for the next jobs of the same worker, until this executor is forgotten. A job whose process
    dies, out of memory for example, is run again.

    Args:
        workers: processes.
        threads: threads that numerical libraries use in each.
    """

    def __init__(self, workers: int, threads: int = 1):
        self._workers, self._threads = workers, threads
        self._pool: ProcessPoolExecutor | None = None
        self._packed = b""

    def run(self, new_worker: Callable[[], Callable[[Any], Any]], jobs: Sequence) -> Iterator[tuple]:
        """Runs the jobs.

        Args:
            new_worker: called once in each process; returns the function that is called with each job. It is
                sent by cloudpickle once to a process, with all that it holds.
            jobs: what that function is called with.

        Yields:
            Each job and what came of it, in the order in which they finish.

        Raises:
            DualATMEError: processes died again and again, or the system has no semaphores for them.
            Exception: what a job raises; other jobs are broken off.
        """
        packed = cloudpickle.dumps(new_worker)
        left = dict(enumerate(jobs))
        lost = 0
        while left:
            pool = self._pool_for(packed)
            try:  # a process may have died since the last call, too
                futures = {pool.submit(_call, job): (number, job) for number, job in left.items()}
                for future in as_completed(futures):
                    number, job = futures[future]
                    result = future.result()
                    del left[number]
                    lost = 0
                    yield job, result
            except BrokenProcessPool as error:
                self._pool = None
                lost += 1
                if lost == LOST:
                    raise DualATMEError(
                        f"Expected workers that live until their jobs are done. Received: {LOST} times in a "
                        "row the end of one, as where memory runs out. Use fewer `workers`; what is finished "
                        "is kept."
                    ) from error
            except BaseException:
                self._pool = None
                pool.shutdown(wait=True, kill_workers=True)
                raise

    def _pool_for(self, packed):
        if self._pool is None or packed != self._packed:
            try:
                # Not the pool that joblib keeps for all: `joblib.Parallel` would take it for its own.
                self._pool = ProcessPoolExecutor(
                    self._workers,
                    initializer=_begin,
                    initargs=(os.getpid(), tuple(_beginning), packed),
                    env=shared_machine(self._threads),
                )
            except OSError as error:
                if error.errno not in _NO_SEMAPHORES:
                    raise
                raise DualATMEError(
                    "Expected a system on which processes share semaphores: Linux keeps them in /dev/shm. "
                    f"Received: {error.strerror or error}. Use `workers=1`."
                ) from error
            self._packed = packed
        return self._pool


_packed: bytes = b""
_work: Callable | None = None


def _begin(parent, beginning, packed):
    global _packed
    end_with_parent(parent)  # already while libraries are imported, which takes seconds
    for function in beginning:
        function()
    _packed = packed


def _call(job):
    global _work
    if _work is None:
        _work = cloudpickle.loads(_packed)()
    return _work(job)
