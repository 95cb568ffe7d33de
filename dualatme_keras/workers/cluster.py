"""Jobs on the machines of a Ray cluster."""

import contextlib
import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cloudpickle

from dualatme_keras.errors import DualATMEError
from dualatme_keras.workers.threads import shared_machine

_RETRIES = 3
"""How often a job is run again whose process or machine is lost."""

_AHEAD = 1000
"""Jobs that the cluster knows of at a time: enough for it to grow, and few enough to look through."""


class RayExecutor:
    """Runs jobs on a Ray cluster, each in a process of its own choosing of a machine.

    The package must be installed on every machine, in the same version; no file system is shared. What
    `new_worker` holds reaches a machine once. A job whose process or machine is lost is run again elsewhere.
    Relative paths mean what they mean here, on machines that have the present folder.

    Args:
        address: of the cluster, `auto` for the one that this machine belongs to, `HOST:PORT`, or `local` for
            one that is started on this machine and ends with this process.
        threads: processors that a job asks for.
        gpus: whether it asks for a GPU too, where the cluster has any.

    Raises:
        DualATMEError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str = "auto", threads: int = 1, gpus: bool = True):
        if importlib.util.find_spec("ray") is None:
            raise DualATMEError(
                "Expected the package ray for `executor='ray'`. Received: an environment without it. "
                "Install it: pip install 'dualatme-keras[scale]'."
            )
        import ray

        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level="error")
            except (ConnectionError, ValueError) as error:
                raise DualATMEError(
                    "Expected `ray_address` of a Ray cluster: auto, HOST:PORT or local. "
                    f"Received: {address} ({str(error).splitlines()[0]})."
                ) from error
        self._threads, self._gpus = threads, gpus

    def run(self, new_worker: Callable[[], Callable[[Any], Any]], jobs: Sequence) -> Iterator[tuple]:
        """Runs the jobs, see `ProcessExecutor.run`.

        Raises:
            DualATMEError: a job's machine was lost too often.
            Exception: what a job raises; other jobs are broken off.
        """
        import ray

        beginning = (os.getcwd(), shared_machine(self._threads), cloudpickle.dumps(new_worker))
        packed = ray.put(cloudpickle.dumps(beginning))
        # A machine shows a job its GPUs only where it asks for one.
        gpus = min(1, ray.cluster_resources().get("GPU", 0)) if self._gpus else 0
        call = ray.remote(num_cpus=self._threads, num_gpus=gpus, max_retries=_RETRIES)(_call)
        left, pending = iter(jobs), {}
        try:
            while True:
                ahead = itertools.islice(left, _AHEAD - len(pending))
                pending |= {call.remote(packed, job): job for job in ahead}
                if not pending:
                    return
                (done,), _ = ray.wait(list(pending), num_returns=1)
                try:
                    result = ray.get(done)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except ray.exceptions.RayError as error:
                    raise DualATMEError(
                        f"Expected machines that live until their jobs are done. Received: {error}. What is "
                        "finished is kept."
                    ) from error
                yield pending.pop(done), result
        finally:
            for one in pending:
                ray.cancel(one, force=True)


_held: tuple[bytes, Callable] | None = None
"""What this process was sent last, and what came of it."""


def _call(packed, job):
    global _held
    if _held is None or _held[0] != packed:
        _held = (packed, _begin(packed))
    return _held[1](job)


def _begin(packed):
    folder, environment, new_worker = cloudpickle.loads(packed)
    os.environ.update(environment)  # before libraries are imported, which read it
    with contextlib.suppress(FileNotFoundError):  # whoever needs it names what is not there
        os.chdir(folder)
    return cloudpickle.loads(new_worker)()
