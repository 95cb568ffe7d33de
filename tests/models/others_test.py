"""Networks besides Dual-ATME: their sizes, what they look at, and what they make of images."""

import keras
import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import FlowNormalization
from dualatme_keras.models import MODELS, OTHER_MODELS, DualATME


def images(count=5, size=28, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, 3)).astype("float32")


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_sizes_are_as_told(name):
    assert set(MODELS) == {"dualatme", *OTHER_MODELS}
    model = OTHER_MODELS[name]()
    assert model.count_params() == MODELS[name]["parameters"]
    assert [tensor.name for tensor in model.inputs] == ["entire"]
    assert model({"entire": images()}).shape == (5, 3)
    assert OTHER_MODELS[name](num_classes=5).output.shape == (None, 5)
    assert any(
        isinstance(one, FlowNormalization) for one in OTHER_MODELS[name](flow_normalization=True).layers
    )
    assert not any(
        isinstance(one, FlowNormalization) for one in OTHER_MODELS[name](flow_normalization=False).layers
    )


@pytest.mark.parametrize("new_model", [DualATME, *OTHER_MODELS.values()])
def test_another_order_of_axes_is_refused(new_model):
    """Of Keras's settings; pooling would take columns and channels for rows and columns."""
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(DualATMEError, match="channels.*'channels_first'.*set_image_data_format"):
            new_model()
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_files_keep_them(name, tmp_path):
    model = OTHER_MODELS[name](flow_normalization=True)
    for variable in model.trainable_variables:  # those of `linear` are zero
        variable.assign(keras.random.normal(variable.shape, stddev=0.1, seed=3))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    batch = {"entire": images()}
    np.testing.assert_allclose(again(batch), model(batch), rtol=1e-5, atol=1e-6)


def test_the_papers_count_trainable_weights():
    ststnet = OTHER_MODELS["ststnet"]()
    assert sum(int(np.prod(variable.shape)) for variable in ststnet.trainable_variables) == 1683
    assert ststnet.get_layer("stream_8_pool").output.shape == (None, 10, 10, 8)
    assert OTHER_MODELS["sssnet"](image_size=64).get_layer("pool_2").output.shape == (None, 9, 9, 64)


def test_nothing_around_a_map_is_no_value_of_it():
    """Where a normalised map is below 0 everywhere, its border stays below 0."""
    model = OTHER_MODELS["ststnet"]()
    model.get_layer("stream_3_norm").beta.assign([-5.0, -5.0, -5.0])
    pooled = keras.Model(model.input, model.get_layer("stream_3_pool").output)
    assert np.asarray(pooled({"entire": images()})).max() < 0


def test_off_apexnet_does_not_see_strain():
    model = OTHER_MODELS["off_apexnet"]()
    before, after = images(), images()
    after[..., 2] *= -1
    np.testing.assert_array_equal(model({"entire": before}), model({"entire": after}))
    after[..., 1] *= -1
    assert np.abs(model({"entire": before}) - model({"entire": after})).max() > 1e-4
