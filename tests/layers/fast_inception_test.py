"""The fast implementation of the Inception block computes what the plain one does, in every mode."""

import keras
import numpy as np
import pytest

from dualatme_keras.layers import InceptionBlock

SHAPES = {"first": ((5, 28, 28, 3), 6), "second": ((5, 14, 14, 24), 12), "oblong": ((3, 6, 10, 2), 4)}


@pytest.fixture(params=SHAPES)
def images(request):
    shape, filters = SHAPES[request.param]
    # As flow images are: most pixels of a channel near one value, far from zero.
    rng = np.random.default_rng(3)
    images = np.clip(rng.standard_normal(shape) * 0.2 + rng.uniform(-0.8, 0.8, shape[-1]), -1, 1)
    return images.astype("float32"), filters


def pair(images, filters, dtype="float32"):
    """A plain and a fast block with the same weights; some batch norms turn the sign."""
    blocks = [
        InceptionBlock(filters, pool_size=2, implementation=implementation, dtype=dtype)
        for implementation in ("plain", "fast")
    ]
    rng = np.random.default_rng(4)
    for block in blocks:
        block.build(images.shape)
    weights = []
    for variable in blocks[0].weights:
        values = rng.standard_normal(variable.shape)
        weights.append(np.abs(values) + 0.5 if variable.name == "moving_variance" else values)
    for block in blocks:
        block.set_weights(weights)
    gammas = np.concatenate([w for w, v in zip(weights, blocks[0].weights, strict=True) if v.name == "gamma"])
    assert (gammas < 0).any()
    assert (gammas > 0).any()
    return blocks


def test_inference(images):
    images, filters = images
    plain, fast = pair(images, filters)
    expected = plain(images)
    assert expected.shape == plain.compute_output_shape(images.shape)
    np.testing.assert_allclose(fast(images), expected, rtol=1e-5, atol=1e-5 * np.max(expected))


@pytest.mark.tensorflow
def test_training(images):
    """Outputs, moving statistics and gradients with respect to every variable and to the input."""
    import tensorflow as tf

    images, filters = images
    results = []
    for block in pair(images, filters):
        inputs = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = block(inputs, training=True)
            # Smooth and different for each value, so that no gradient cancels.
            slopes = np.random.default_rng(5).standard_normal(outputs.shape).astype("float32")
            loss = tf.reduce_sum(outputs * slopes)
        variables = {variable.path.split("/", 1)[1]: variable for variable in block.trainable_variables}
        gradients = tape.gradient(loss, [v.value for v in variables.values()] + [inputs])
        moving = {variable.path.split("/", 1)[1]: variable for variable in block.non_trainable_variables}
        named = dict(zip([*variables, "inputs"], gradients, strict=True))
        results.append((outputs, moving, named))
    (plain, plain_moving, plain_gradients), (fast, fast_moving, fast_gradients) = results
    np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-4 * np.max(plain))
    for name, values in plain_moving.items():
        np.testing.assert_allclose(fast_moving[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    scale = max(np.abs(gradient).max() for name, gradient in plain_gradients.items() if name != "inputs")
    for name, gradient in plain_gradients.items():
        # A convolution's bias has no effect before a batch norm: its gradient is rounding, and here zero.
        size = scale if name.endswith("convolution/bias") else np.linalg.norm(gradient)
        distance = np.linalg.norm(fast_gradients[name] - gradient)
        # A rounding may choose another pixel as the maximum, or the other side of ReLU.
        assert distance < 5e-3 * size, f"{name}: {distance} of {size}"


def test_frozen_block_keeps_its_statistics(images):
    images, filters = images
    for block in pair(images, filters):
        block.trainable = False
        before = block.get_weights()
        np.testing.assert_array_equal(block(images, training=True), block(images, training=False))
        for old, new in zip(before, block.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.tensorflow
def test_no_clips_change_nothing():
    """Of several devices some may get none of a small last batch."""
    import tensorflow as tf

    _plain, fast = pair(np.zeros((1, 4, 4, 3), "float32"), 2)
    before = fast.get_weights()
    with tf.GradientTape() as tape:
        outputs = fast(tf.zeros((0, 4, 4, 3)), training=True)
        loss = tf.reduce_sum(outputs)
    assert outputs.shape == (0, 2, 2, 8)
    for old, new in zip(before, fast.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for gradient in tape.gradient(loss, [v.value for v in fast.trainable_variables]):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("deviation", [0.0, 0.001, 0.1])
def test_no_variance_below_zero(deviation, policy):
    """Values far from zero, nearly all the same: their squares' mean and their mean's square round apart."""
    values = 30.0 + deviation * np.random.default_rng(0).standard_normal((5, 28, 28, 3))
    _plain, fast = pair(values, 6, policy)
    assert np.isfinite(np.asarray(fast(values.astype("float32"), training=True), "float32")).all()
    for variable in fast.non_trainable_variables:
        assert variable.name != "moving_variance" or np.min(variable) >= 0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(images, policy):
    images, filters = images
    plain, fast = pair(images, filters, policy)
    outputs = fast(images, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    expected = np.asarray(plain(images, training=True), "float32")
    error = np.abs(np.asarray(outputs, "float32") - expected).mean()
    assert error < 0.03 * expected.mean()


def test_half_precision_of_as_many_clips_as_a_batch_has():
    """More pixels than float16 counts."""
    shape, filters = (128, 28, 28, 3), 6
    noise = np.random.default_rng(3).standard_normal(shape) * 0.2 - 0.4
    images = np.clip(noise, -1, 1).astype("float32")
    plain, fast = pair(images, filters, "mixed_float16")
    outputs = [np.asarray(block(images, training=True), "float32") for block in (plain, fast)]
    assert np.abs(outputs[1] - outputs[0]).mean() < 0.03 * outputs[0].mean()
    for expected, variable in zip(plain.weights, fast.weights, strict=True):
        if "moving" in variable.name:
            np.testing.assert_allclose(variable, expected, rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InceptionBlock(4, implementation="quick"), "implementation='quick'"),
        (lambda: InceptionBlock(4, implementation="fast"), "pool_size=1"),
        (
            lambda: InceptionBlock(4, pool_size=2, implementation="fast").build((None, 7, 8, 3)),
            r"\(None, 7, 8, 3\)",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_clips_give_no_clips():
    block = InceptionBlock(6, pool_size=2, implementation="fast")
    model = keras.Sequential([keras.Input((8, 8, 3)), block])
    assert model.predict_on_batch(np.zeros((0, 8, 8, 3), "float32")).shape == (0, 4, 4, 24)
