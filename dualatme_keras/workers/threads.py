"""Settings of numerical libraries that they read when they start."""

import os
from collections.abc import Callable

_LIMITS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)


def shared_machine(threads: int) -> dict[str, str]:
    """Environment of a process that shares its machine: so many threads, and GPU memory as it is needed."""
    return dict.fromkeys(_LIMITS, str(threads)) | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def one_thread(work: Callable) -> Callable:
    """Returns what does a job, when it has left OpenCV one thread: other processors are for other workers."""
    import cv2

    cv2.setNumThreads(1)
    return work


def compute_as_workers() -> None:
    """Lets this process compute as its workers do, so that the same sums are rounded alike.

    It has to be called before TensorFlow is imported. Numbers of threads that a user has set for TensorFlow
    give way, as they do in workers.
    """
    wanted = shared_machine(1)
    os.environ.update({name: value for name, value in wanted.items() if name.startswith("TF_")})
