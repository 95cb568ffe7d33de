"""What a run is computed with."""

import joblib
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.training import TrainConfig
from dualatme_keras.training.devices import describe_computation, prepare_devices, threads_of_each


def test_workers_share_the_processors_out():
    processors = joblib.cpu_count()
    assert threads_of_each(TrainConfig(threads=3)) == threads_of_each(TrainConfig(threads=3, workers=2)) == 3
    assert threads_of_each(TrainConfig(workers=processors + 1)) == 1
    assert threads_of_each(TrainConfig(workers=2)) == max(1, processors // 2)
    assert threads_of_each(TrainConfig()) == threads_of_each(TrainConfig(executor="ray")) == 1
    assert threads_of_each(TrainConfig(workers=1)) >= 1


def test_a_computation_is_described():
    """There is no GPU here, but two logical processors."""
    alone, shared = (describe_computation(TrainConfig(distribute=name)) for name in ("none", "mirrored"))
    assert (alone["device"], shared["device"]) == ("CPU", "2 x CPU")
    assert alone["implementation"] == "fast"
    assert alone["threads"] == threads_of_each(TrainConfig())
    assert list(alone["versions"]) == ["dualatme-keras", "keras", "tensorflow"]
    for settings in ({"preset": "plus"}, {"select": "settings.json"}):
        versions = describe_computation(TrainConfig(**settings).resolved())["versions"]
        assert list(versions)[3:] == ["scipy", "scikit-learn"]


def test_another_number_of_threads_comes_too_late():
    other = threads_of_each(TrainConfig()) + 1
    describe_computation(TrainConfig(distribute="mirrored"))  # TensorFlow has started
    with pytest.raises(DualATMEError, match=f"before TensorFlow's first operation.*`threads={other}`"):
        prepare_devices(TrainConfig(threads=other))
