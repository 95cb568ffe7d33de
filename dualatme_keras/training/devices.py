"""TensorFlow set up for a run: memory, determinism, precision, several devices."""

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import platform

import joblib
import keras
import tensorflow as tf

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import resolve_implementation
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.versions import installed_versions

_PACKAGES = ("dualatme-keras", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pillow")


def prepare_devices(config: TrainConfig) -> None:
    """Lets GPU memory grow as needed, sets the number of threads and makes operations reproducible, for the
    rest of the process.

    Keras does not compile with XLA where operations must be deterministic, so with `jit_compile` they are
    left as XLA makes them.

    Raises:
        DualATMEError: `threads` are asked for in a process that computes with another number already.
    """
    if config.threads and not use_threads(config.threads):
        raise DualATMEError(
            "Expected `threads` before TensorFlow's first operation, or as it computes already. "
            f"Received: `threads={config.threads}`. Start a process of its own for the run."
        )
    if config.workers == "auto" and not computes_on_devices(config):
        # Before images are decoded. Where it is too late, folds are trained in other processes.
        use_threads(threads_of_each(config))
    for gpu in tf.config.list_physical_devices("GPU"):
        # A process that has used its GPUs keeps the settings it started with.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    if not config.jit_compile:
        tf.config.experimental.enable_op_determinism()


def use_threads(threads: int) -> bool:
    """Lets TensorFlow compute with so many threads; False where it computes with another number already."""
    setters = (
        tf.config.threading.set_intra_op_parallelism_threads,
        tf.config.threading.set_inter_op_parallelism_threads,
    )
    try:
        for setter in setters:
            setter(threads)
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def default_policy(precision: str):
    """Layers that are made within take this dtype policy where they are given none."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def get_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """The distribution strategy of a run: all GPUs, or all logical CPU devices where there is none."""
    return tf.distribute.get_strategy() if config.distribute == "none" else _mirrored_strategy()


@functools.cache
def _mirrored_strategy():
    """One for the process: the collective operations of two strategies would take each other's numbers."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def check_tensorboard() -> None:
    """Raises `DualATMEError` where the package that writes event files is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise DualATMEError(
            "Expected the package tensorboard for `tensorboard=True`. Received: an environment without it. "
            "Install it: pip install tensorboard."
        )


def computes_on_devices(config: TrainConfig) -> bool:
    """Whether a network has GPUs, or all devices, to itself."""
    return config.distribute != "none" or bool(tf.config.list_physical_devices("GPU"))


def threads_of_each(config: TrainConfig) -> int:
    """Processor threads with which each network of a run is computed."""
    if config.threads:
        return config.threads
    if config.executor != "processes" or (config.workers == "auto" and not computes_on_devices(config)):
        return 1  # wherever and beside whatever a network is trained, its sums are rounded alike
    if config.workers not in (1, "auto"):
        return max(1, joblib.cpu_count() // config.workers)
    # TensorFlow's own default is a thread for each processor that the process may use.
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    return tf.config.threading.get_intra_op_parallelism_threads() or len(usable)


def describe_computation(config: TrainConfig) -> dict:
    """What a run's settings come to on this machine, as far as it rounds differently elsewhere.

    Returns:
        `versions` of this package, Keras and TensorFlow, and of what fits a regression and divides people
        where a run does so; `implementation` of the network, `plain`
        or `fast`; `device`, and how many of them share a batch; `threads` of each network, None on GPUs.
    """
    gpus = _gpu_names()
    device = gpus[0] if gpus else "CPU"
    if config.distribute != "none":
        device = f"{get_strategy(config).num_replicas_in_sync} x {device}"
    fits = config.solver == "logistic" or config.select
    return {
        "versions": installed_versions(
            ("dualatme-keras", "keras", "tensorflow", *(("scipy", "scikit-learn") if fits else ()))
        ),
        "implementation": resolve_implementation(config.implementation),
        "device": device,
        "threads": None if gpus else threads_of_each(config),
    }


def _gpu_names():
    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", "unknown GPU") for gpu in gpus]


def describe_environment() -> dict:
    """Versions and devices that a run depends on besides its configuration."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": keras.backend.backend(),
        "packages": installed_versions(_PACKAGES),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "gpus": _gpu_names(),
    }
