"""What all tests share: quiet TensorFlow, two logical CPU devices, the published network's numbers."""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from dualatme_keras.workers.threads import shared_machine  # before TensorFlow, which the package configures

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as processors: more threads wait for each other
    for name, value in shared_machine(1).items():
        os.environ.setdefault(name, value)

import numpy as np
import pytest

PARITY = Path(__file__).parent / "parity"


OTHER_BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow"


def pytest_configure(config):
    shares_out = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if OTHER_BACKEND or shares_out:
        return
    import tensorflow as tf

    # Logical devices stand in for two GPUs; they can only be made before TensorFlow starts.
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


LONGEST_FILES = [
    *("training/loso_test", "training/pretraining_test", "serving/export_test", "serving/run_export_test"),
    *("models/dual_atme_test", "models/parity_test", "training/same_answers_test", "training/kill_test"),
    *("recognition/predict_test", "hostile/damage_test", "recognition/recognizer_test"),
    "app/browser_test",
]
"""First, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items):
    def place(item):
        name = "/".join(item.path.with_suffix("").parts[-2:])
        return LONGEST_FILES.index(name) if name in LONGEST_FILES else len(LONGEST_FILES)

    items.sort(key=place)
    for item in items:
        if OTHER_BACKEND and item.get_closest_marker("tensorflow"):
            item.add_marker(pytest.mark.skip(reason="needs TensorFlow's tape, devices or graphs"))


@pytest.fixture(scope="session")
def expected():
    """Numbers that the published network computes; see tests/parity/README.md."""
    with np.load(PARITY / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def torch_tensors():
    """The weights behind `expected`, drawn anew from their seed, by PyTorch name."""
    rng = np.random.default_rng(20230306)
    tensors = {}
    for name, shape in json.loads((PARITY / "state_dict_spec.json").read_text()):
        if name.endswith("num_batches_tracked"):
            tensors[name] = np.zeros(shape, "int64")
            continue
        scale = len(shape) == 1 and name.endswith("weight") and (".1." in name or ".4." in name)
        if name.endswith("running_var") or scale:
            values = rng.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            values = 0.1 * rng.standard_normal(shape)
        else:
            values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        tensors[name] = values.astype("float32")
    return tensors
