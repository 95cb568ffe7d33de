"""Jobs in processes of this machine."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle
from joblib.externals.loky import get_reusable_executor

from dualatme_keras.errors import DualATMEError
from dualatme_keras.workers.parent import end_with_parent

LOST = 3
"""How often in a row workers may die without one job being finished; then the jobs are at fault."""

_IDLE_SECONDS = 300
"""How long a worker waits for further jobs."""

_beginning: list[Callable[[], None]] = []
"""What each worker calls first, see `begin_workers_with`."""


def begin_workers_with(function: Callable[[], None]) -> None:
    """Lets each worker that starts from now on call `function` first; it must be importable there."""
    if function not in _beginning:
        _beginning.append(function)


class ProcessExecutor:
    """Runs jobs in processes of this machine, which stay for the next jobs of the same worker.

    A job whose process dies, out of memory for example, is run again.

    Args:
        workers: processes.
        threads: threads that numerical libraries use in each.
    """

    def __init__(self, workers: int, threads: int = 1):
        self._workers, self._threads = workers, threads

    def run(self, new_worker: Callable[[], Callable[[Any], Any]], jobs: Sequence) -> Iterator[tuple]:
        """Runs the jobs.

        Args:
            new_worker: called once in each process; returns the function that is called with each job. It is
                sent by cloudpickle once to a process, with all that it holds.
            jobs: what that function is called with.

        Yields:
            Each job and what came of it, in the order in which they finish.

        Raises:
            DualATMEError: processes died again and again.
            Exception: what a job raises; other jobs are broken off.
        """
        yield from _run(self._workers, self._threads, cloudpickle.dumps(new_worker), dict(enumerate(jobs)))


def _run(workers, threads, packed, left):
    lost = 0
    jobs = dict(left)
    limits = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), str(threads)
    )
    while left:
        pool = get_reusable_executor(
            workers,
            timeout=_IDLE_SECONDS,
            initializer=_begin,
            initargs=(os.getpid(), tuple(_beginning), packed),
            env=limits,
        )
        futures = {pool.submit(_call, job): number for number, job in left.items()}
        try:
            for future in as_completed(futures):
                number, result = futures[future], future.result()
                del left[number]
                lost = 0
                yield jobs[number], result
        except BrokenProcessPool as error:
            lost += 1
            if lost == LOST:
                raise DualATMEError(
                    f"Expected workers that live until their jobs are done. Received: {LOST} times in a row "
                    "the end of one, as where memory runs out. Use fewer `workers`; what is finished is kept."
                ) from error
        except BaseException:
            pool.shutdown(wait=True, kill_workers=True)
            raise


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
