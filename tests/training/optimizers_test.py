"""The fused Adam takes Keras's steps."""

import keras
import numpy as np
import pytest

from dualatme_keras.training import TrainConfig
from dualatme_keras.training.config import OPTIMIZERS
from dualatme_keras.training.devices import get_strategy
from dualatme_keras.training.optimizers import FusedAdam, new_optimizer


def trained(optimizer, steps=20):
    """Weights after some steps on a small network, through `fit`; float64, so that rounding stays small."""
    keras.utils.set_random_seed(1)
    dense = [keras.layers.Dense(units, "tanh", dtype="float64") for units in (5, 2)]
    model = keras.Sequential([keras.Input((6,), dtype="float64"), *dense])
    rng = np.random.default_rng(0)
    data = rng.standard_normal((8, 6)), rng.standard_normal((8, 2))
    model.compile(optimizer, keras.losses.MeanSquaredError(dtype="float64"))
    model.fit(*data, epochs=steps, batch_size=4, shuffle=False, verbose=0)
    return model.get_weights(), [variable.numpy() for variable in optimizer.variables]


@pytest.mark.parametrize("settings", [{"epsilon": 1e-8}, {"beta_1": 0.5, "beta_2": 0.9}, {"amsgrad": True}])
def test_same_steps_as_keras(settings):
    fused = trained(FusedAdam(0.01, **settings))
    plain = trained(keras.optimizers.Adam(0.01, **settings))
    for ours, theirs in zip((*fused[0], *fused[1]), (*plain[0], *plain[1]), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    start = trained(FusedAdam(**settings), steps=0)[0]
    assert all(np.abs(ours - before).max() > 1e-3 for ours, before in zip(fused[0], start, strict=True))


def test_under_loss_scaling():
    inner = FusedAdam(0.01)
    scaled = trained(keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0))[0]
    for ours, theirs in zip(scaled, trained(keras.optimizers.Adam(0.01))[0], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.long
def test_on_two_devices():
    with get_strategy(TrainConfig(distribute="mirrored")).scope():
        mirrored = trained(FusedAdam(0.01))[0]
    for ours, theirs in zip(mirrored, trained(keras.optimizers.Adam(0.01))[0], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_config_round_trip():
    optimizer = FusedAdam(0.02, beta_1=0.8)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, FusedAdam)
    assert copy.get_config() == optimizer.get_config()


def test_optimizers_have_the_settings_of_the_published_run():
    made = {name: new_optimizer(TrainConfig(optimizer=name, learning_rate=0.02)) for name in OPTIMIZERS}
    assert {name: type(optimizer).__name__.lower() for name, optimizer in made.items()} == {
        **{name: name for name in OPTIMIZERS},
        "adam": "fusedadam",
    }
    for name, optimizer in made.items():
        config = optimizer.get_config()
        assert config["learning_rate"] == pytest.approx(0.02)
        if name in ("adam", "adamw", "nadam"):
            assert config["epsilon"] == 1e-8
        assert not config["weight_decay"]  # AdamW's own default is not 0
    assert made["sgd"].get_config()["momentum"] == 0.9
    decaying = (
        new_optimizer(TrainConfig(optimizer=name, weight_decay=0.1, learning_rate=0.02))
        for name in OPTIMIZERS
    )
    assert {optimizer.weight_decay for optimizer in decaying} == {0.1}
