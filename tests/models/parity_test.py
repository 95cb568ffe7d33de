"""The network computes what the published PyTorch network computes."""

import keras
import numpy as np
import pytest

from dualatme_keras.losses import FocalLoss
from dualatme_keras.models import DualATME
from dualatme_keras.models.torch_checkpoint import assign_torch_tensors, torch_variables

VARIANTS = ("released", "paper")


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(params=["plain", "fast"])
def model(request, variant, torch_tensors):
    model = DualATME.from_preset(variant, dropout=0.0, implementation=request.param)
    assign_torch_tensors(model, torch_tensors)
    return model


@pytest.fixture(scope="module")
def images(expected):
    return {name: np.moveaxis(expected[f"x_{name}"], 1, -1) for name in ("entire", "puzzled")}


def feature_model(model):
    layers = [model.get_layer(f"{branch}_features") for branch in ("entire", "puzzled")]
    return keras.Model(model.inputs, [layer.output for layer in layers])


def test_inference(model, variant, images, expected):
    np.testing.assert_allclose(model(images), expected[f"{variant}.logits"], atol=1e-5, rtol=0)


def test_features(model, variant, images, expected):
    first_two = {name: image[:2] for name, image in images.items()}
    for branch, features in zip(("entire", "puzzled"), feature_model(model)(first_two), strict=True):
        channels_last = np.reshape(features, (2, 7, 7, 48))
        channels_first = np.moveaxis(channels_last, -1, 1).reshape(2, -1)
        np.testing.assert_allclose(
            channels_first, expected[f"{variant}.features_{branch}"], atol=1e-5, rtol=0
        )


def test_variants_differ(expected):
    assert np.abs(expected["released.logits"] - expected["paper.logits"]).max() > 1e-2


@pytest.mark.tensorflow
def test_gradient_norms(model, variant, images, expected):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        loss = FocalLoss()(expected["y"], logits) + sum(model.losses)
    names = [key for key in expected if key.startswith(f"{variant}.grad_norm.")]
    assert len(names) == 4
    variables = {key: torch_variables(model)[key.split("grad_norm.")[1]][0] for key in names}
    gradients = tape.gradient(loss, [variable.value for variable in variables.values()])
    for key, gradient in zip(variables, gradients, strict=True):
        norm = np.linalg.norm(gradient.numpy())
        np.testing.assert_allclose(norm, expected[key], rtol=1e-3, err_msg=key)


def focal(y_true, y_pred):
    return FocalLoss(reduction=None)(y_true, y_pred)


@pytest.mark.long
def test_twelve_training_steps(model, variant, images, expected):
    """Through the public `fit`: both loss terms before each step, and the inference that comes after."""
    model.compile(optimizer=keras.optimizers.Adam(2e-5, epsilon=1e-8), loss=FocalLoss(), metrics=[focal])
    history = model.fit(images, expected["y"], batch_size=16, epochs=12, shuffle=False, verbose=0).history
    terms = {
        "train_focal": np.array(history["focal"]),
        "train_one_minus_cosine": (np.array(history["loss"]) - history["focal"]) / 0.01,
    }
    for term, values in terms.items():
        np.testing.assert_allclose(values, expected[f"{variant}.{term}"], rtol=1e-3, err_msg=term)
    logits = expected[f"{variant}.logits_after_12_steps"]
    np.testing.assert_allclose(model(images), logits, rtol=0, atol=1e-3 * np.abs(logits).max())


def test_moving_variance_is_the_unbiased_one(model, images, expected):
    """A biased one would be a sixteenth smaller after the dense layer: the published run would not be met."""
    hidden = keras.Model(model.inputs, model.get_layer("hidden").output)
    values = np.asarray(hidden(images, training=True))
    norm = model.get_layer("hidden_norm")
    before = np.array(norm.moving_variance)
    model(images, training=True)
    np.testing.assert_allclose(
        np.asarray(norm.moving_variance), 0.9 * before + 0.1 * values.var(axis=0, ddof=1), rtol=1e-4
    )
