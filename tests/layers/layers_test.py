"""Every layer: one shared check, then values computed by hand."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from gradients import gradient

from dualatme_keras import layers
from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.puzzle import cut_puzzle
from dualatme_keras.geometry.regions import TEMPLATE_BOXES

IMAGES = (2, 8, 8, 16)
FEATURES = ((3, 5), (3, 5))
FRAMES = ((2, 20, 24, 1), (2, 20, 24, 1))
FACES = ((2, 20, 24, 3), (2, 5, 2))
CASES = {
    "batch_normalization": (layers.BatchNormalization, {"momentum": 0.8, "epsilon": 1e-3}, IMAGES, 2, 2),
    "conv_norm_relu": (layers.ConvNormReLU, {"filters": 4, "kernel_size": 3}, IMAGES, 4, 2),
    "inception": (layers.InceptionBlock, {"filters": 3, "bottleneck": 2}, IMAGES, 24, 12),
    "channel_attention": (layers.ChannelAttention, {"reduction": 4}, IMAGES, 4, 0),
    "spatial_attention": (layers.SpatialAttention, {"kernel_size": 5}, IMAGES, 2, 0),
    "cbam": (layers.CBAM, {"reduction": 8, "kernel_size": 3}, IMAGES, 6, 0),
    "roi_puzzle": (layers.ROIPuzzle, {"size": (6, 10)}, IMAGES, 0, 0),
    "tvl1_flow": (layers.TVL1Flow, {"warps": 2, "outer_iterations": 2}, FRAMES, 0, 0),
    "face_alignment": (layers.FaceAlignment, {"size": 12, "margin": 0.2}, FACES, 0, 0),
    "region_boxes": (layers.RegionBoxes, {}, (2, 5, 2), 0, 0),
    "head_motion": (layers.HeadMotion, {}, ((2, 12, 10, 2), (2, 5, 2)), 0, 0),
    "flow_image": (
        layers.FlowImage,
        {"size": 6, "encoding": "fixed", "pixel_range": 1.5},
        (2, 12, 10, 2),
        0,
        0,
    ),
    "flow_normalization": (layers.FlowNormalization, {"limit": 3.0, "size": "rms"}, (2, 12, 10, 3), 0, 0),
    "random_flow_mirror": (
        layers.RandomFlowMirror,
        {"rate": 0.3, "encoding": "joint", "seed": 3},
        (2, 12, 10, 3),
        0,
        1,
    ),
    "mean_of_answers": (layers.MeanOfAnswers, {}, FEATURES, 0, 0),
    "random_flow_warp": (
        layers.RandomFlowWarp,
        {"shift": 0.2, "zoom": 0.3, "rotation": 20.0, "magnitude": 0.4, "encoding": "fixed", "seed": 3},
        (2, 12, 10, 3),
        0,
        1,
    ),
    "similarity_fusion": (layers.SimilarityFusion, {"weight": 0.5}, FEATURES, 0, 0),
}


def test_every_layer_has_a_case():
    public = {value for value in vars(layers).values() if isinstance(value, type)}
    assert public == {case[0] for case in CASES.values()}


def random_inputs(shapes):
    rng = np.random.default_rng(0)
    if isinstance(shapes[0], tuple):
        return [rng.standard_normal(shape).astype("float32") for shape in shapes]
    return rng.standard_normal(shapes).astype("float32")


def symbolic(shapes):
    if isinstance(shapes[0], tuple):
        return [keras.Input(shape[1:]) for shape in shapes]
    return keras.Input(shapes[1:])


# The blur has as many weights as the landmarks ask for, which is no shape that JAX could compile.
TENSORFLOW_ONLY = ("face_alignment",)
NAMES = [pytest.param(n, marks=pytest.mark.tensorflow if n in TENSORFLOW_ONLY else ()) for n in CASES]


@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_layer(name, policy):
    """Config, build, symbolic and eager call, shapes, types, variables and one training step."""
    kind, arguments, shapes, trainable, fixed = CASES[name]
    layer = kind(**arguments, dtype=policy)
    copy = kind.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert {key: getattr(copy, key) for key in arguments} == arguments

    inputs = random_inputs(shapes)
    outputs = layer(inputs)
    expected_shape = layer.compute_output_shape(
        [tuple(shape) for shape in shapes] if isinstance(shapes[0], tuple) else shapes
    )
    assert tuple(outputs.shape) == tuple(expected_shape)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert np.isfinite(np.asarray(outputs, "float32")).all()
    assert len(layer.trainable_variables) == trainable
    assert len(layer.non_trainable_variables) == fixed

    placeholders = symbolic(shapes)
    result = copy(placeholders)
    assert tuple(result.shape[1:]) == tuple(expected_shape[1:])
    model = keras.Model(placeholders, keras.layers.Dense(1)(keras.layers.Flatten()(result)))
    model.compile("sgd", "mse", run_eagerly=True)
    before = [np.array(variable) for variable in copy.trainable_variables]
    history = model.fit(inputs, np.ones((expected_shape[0], 1)), verbose=0).history
    assert np.isfinite(history["loss"][0])
    changed = [
        not np.array_equal(old, new) for old, new in zip(before, copy.trainable_variables, strict=True)
    ]
    assert not changed or any(changed)


def test_inception_concatenates_its_paths_in_order():
    block = layers.InceptionBlock(2, bottleneck=1)
    image = random_inputs((1, 5, 5, 3))
    outputs = np.asarray(block(image))
    pooled = keras.ops.max_pool(image, 3, strides=1, padding="same")
    by_path = {
        "1x1": block.path_1x1[0](image),
        "3x3": block.path_3x3[1](block.path_3x3[0](image)),
        "5x5": block.path_5x5[1](block.path_5x5[0](image)),
        "pool": block.path_pool[1](pooled),
    }
    np.testing.assert_allclose(outputs, np.concatenate(list(by_path.values()), axis=-1), atol=1e-6)
    assert [layer[-1].kernel_size for layer in block.paths[:3]] == [1, 3, 5]


def test_batch_normalization_by_hand():
    layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    values = np.array([[1.0], [2.0], [6.0]], "float32")  # mean 3, biased variance 14/3, unbiased 7
    outputs = layer(values, training=True)
    np.testing.assert_allclose(outputs, (values - 3.0) / np.sqrt(14.0 / 3.0 + 1e-5), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, [0.3], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [0.9 + 0.7], rtol=1e-6)
    np.testing.assert_allclose(layer(values), (values - 0.3) / np.sqrt(1.6 + 1e-5), rtol=1e-5)


@pytest.mark.parametrize("clips", [0, 1])
def test_batch_normalization_of_hardly_any_values(clips):
    layer = layers.BatchNormalization()
    layer.build((None, 2))
    outputs = layer(np.full((clips, 2), 3.0, "float32"), training=True)
    assert np.isfinite(np.asarray(outputs)).all()
    assert np.isfinite(np.asarray(layer.moving_variance)).all()
    np.testing.assert_allclose(layer.moving_mean, [0.3, 0.3] if clips else [0.0, 0.0], rtol=1e-6)


def test_channel_attention_by_hand():
    layer = layers.ChannelAttention(reduction=2)
    image = np.zeros((1, 2, 2, 2), "float32")
    image[0, 0, 0] = (4.0, 8.0)  # averages 1 and 2, maxima 4 and 8
    layer.build(image.shape)
    layer.hidden.set_weights([np.array([[1.0], [1.0]]), np.array([-4.0])])
    layer.output_dense.set_weights([np.array([[0.1, -0.1]]), np.array([0.0, 0.5])])
    # hidden: relu(3 - 4) = 0 and relu(12 - 4) = 8; outputs: 0.8 and 0.5 - 0.8 + 0.5
    np.testing.assert_allclose(layer(image)[0, 0, 0], 1 / (1 + np.exp([-0.8, -0.2])), rtol=1e-6)


def test_spatial_attention_takes_mean_before_maximum():
    layer = layers.SpatialAttention(kernel_size=1)
    image = np.array([[[[1.0, 5.0]]]], "float32")  # mean 3, maximum 5
    layer.build(image.shape)
    layer.convolution.set_weights([np.array([[[[1.0], [10.0]]]]), np.array([-52.0])])
    np.testing.assert_allclose(layer(image), [[[[1 / (1 + np.exp(-1.0))]]]], rtol=1e-5)


def test_similarity_fusion_by_hand():
    layer = layers.SimilarityFusion(weight=0.5)
    first, second = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [6.0, 8.0]])
    outputs = layer([first, second])
    np.testing.assert_allclose(outputs, [[1.0, 0.0, 0.0, 2.0], [3.0, 4.0, 6.0, 8.0]])
    np.testing.assert_allclose(layer.losses, [0.5 * (1.0 + 0.0) / 2], rtol=1e-6)  # cosines 0 and 1


def test_similarity_of_a_zero_vector_is_zero_with_finite_gradient():
    zeros, ones = np.zeros((1, 3), "float32"), np.ones((1, 3), "float32")
    assert float(layers.cosine_similarity(zeros, ones)[0]) == 0.0
    slope = gradient(lambda values: layers.cosine_similarity(values, ones)[0], zeros)
    assert np.isfinite(slope).all()


def test_no_similarity_loss_without_weight():
    layer = layers.SimilarityFusion(weight=0.0)
    layer([np.ones((2, 3)), np.ones((2, 3))])
    assert layer.losses == []


def test_the_mean_of_answers_is_of_probabilities():
    logits = np.log([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]), np.log([[0.1, 0.6, 0.3], [0.1, 0.8, 0.1]]) + 3.0
    answers = keras.ops.softmax(layers.MeanOfAnswers()([one.astype("float32") for one in logits]))
    np.testing.assert_allclose(answers, [[0.4, 0.4, 0.2], [0.3, 0.525, 0.175]], rtol=1e-5)
    # Beyond what an exponential can hold.
    sure = np.array([[300.0, 0.0]], "float32"), np.array([[0.0, 300.0]], "float32")
    np.testing.assert_allclose(layers.MeanOfAnswers()(sure), np.log([[0.5, 0.5]]), rtol=1e-5)


def test_puzzle_layer_equals_numpy():
    images = np.random.default_rng(1).uniform(-1, 1, (3, 30, 40, 2)).astype("float32")
    boxes = np.clip(TEMPLATE_BOXES + np.array([[[0.0]], [[0.03]], [[-0.05]]]), 0, 1)
    puzzles = layers.ROIPuzzle((28, 27))(images, boxes=boxes)
    for image, own, puzzle in zip(images, boxes, puzzles, strict=True):
        np.testing.assert_allclose(puzzle, cut_puzzle(image, own, (28, 27)), atol=1e-5)
    whole = (127.5 * (images + 1)).astype("uint8")
    np.testing.assert_array_equal(
        layers.ROIPuzzle((28, 27))(whole), layers.ROIPuzzle((28, 27))(whole.astype("float32"))
    )
    default = layers.ROIPuzzle((28, 27))(images)
    np.testing.assert_allclose(default[0], cut_puzzle(images[0], size=(28, 27)), atol=1e-5)


def test_puzzle_of_quadrants():
    """Boxes that are the puzzle's own tiles give the image back."""
    image = np.random.default_rng(2).uniform(size=(1, 8, 8, 3)).astype("float32")
    own = [(0.0, 0.0, 0.5, 0.5), (0.0, 0.5, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)]
    np.testing.assert_allclose(layers.ROIPuzzle((8, 8), boxes=own)(image), image, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.InceptionBlock(0), "filters=0"),
        (lambda: layers.InceptionBlock(1, bottleneck=0), "bottleneck=0"),
        (lambda: layers.InceptionBlock(1, pool_size=0), "pool_size=0"),
        (lambda: layers.InceptionBlock(1, implementation="fast"), "'fast', pool_size=1"),
        (lambda: layers.ChannelAttention(0), "reduction=0"),
        (lambda: layers.SimilarityFusion(-1.0), "weight=-1.0"),
        (lambda: layers.BatchNormalization(momentum=-0.1), "momentum=-0.1"),
        (lambda: layers.BatchNormalization(momentum=1.1), "momentum=1.1"),
        (lambda: layers.BatchNormalization(epsilon=0.0), "epsilon=0.0"),
        (lambda: layers.ROIPuzzle(boxes=[(0, 0, 1, 1)]), "three boxes"),
        (lambda: layers.ROIPuzzle(boxes=[(0.5, 0, 0.4, 1)] * 3), "0 <= top < bottom"),
        (lambda: layers.SimilarityFusion().build([(None, 3), (None, 4)]), "as many features"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (layers.InceptionBlock, {"filters": 1, "bottleneck": 1, "pool_size": 1}),
        (layers.ChannelAttention, {"reduction": 1}),
        (layers.SimilarityFusion, {"weight": 0.0}),
        (layers.BatchNormalization, {"momentum": 0.0}),
        (layers.BatchNormalization, {"momentum": 1.0}),
        (layers.FaceAlignment, {"size": 1, "margin": 0.0}),
        (layers.FaceAlignment, {"margin": 0.4}),
        (layers.FlowImage, {"size": 2, "pixel_range": 0.01}),
        (layers.TVL1Flow, dict.fromkeys(("scales", "warps", "inner_iterations", "median_size"), 1)),
        (layers.TVL1Flow, {"outer_iterations": 1, "tau": 0.01, "theta": 0.01, "epsilon": 0.001}),
    ],
)
def test_arguments_at_their_limits(kind, arguments):
    layer = kind(**arguments)
    assert {name: getattr(layer, name) for name in arguments} == arguments


def test_few_channels_have_one_hidden_unit():
    layer = layers.ChannelAttention(reduction=8)
    layer.build((None, 2, 2, 4))
    assert layer.hidden.units == 1


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2] == IMAGES])
def test_no_clips_give_no_clips(name):
    """A device's part of a batch can be empty; run inside a graph, as in training."""
    constructor, config, shape = CASES[name][:3]
    layer = constructor(**config)
    layer.build(shape)
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    outputs = model.predict_on_batch(np.zeros((0, *shape[1:]), "float32"))
    assert outputs.shape == (0, *layer.compute_output_shape(shape)[1:])
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((0, *shape[1:]), "float32"), outputs)


def test_flow_normalization_by_hand():
    """Most of the image stands still at a grey value of its own; one pixel of each channel moves."""
    images = np.full((1, 4, 5, 3), 0.2, "float32")
    images[0, 1, 2] = (0.6, -0.2, 1.0)
    normalized = np.array(layers.FlowNormalization(limit=100.0)(images))[0]
    size = 0.8 / 40  # two channels of twenty pixels share 0.4 + 0.4
    bent = 100 * np.tanh(np.array([0.4 / size, -0.4 / size, 20.0]) / 100)
    np.testing.assert_allclose(normalized[1, 2], bent, rtol=1e-4)
    normalized[1, 2] = 0
    np.testing.assert_allclose(normalized, 0, atol=1e-5)


def test_flow_normalization_undoes_what_minmax_hides():
    """Another zero for each channel, another unit of flow and of strain."""
    rng = np.random.default_rng(0)
    images = rng.standard_t(2, (3, 8, 8, 3)).astype("float32") / 20
    changed = images.astype("float64") * [0.3, 0.3, 2.0] + [0.1, -0.2, 0.3]
    layer = layers.FlowNormalization()
    normalized = np.asarray(layer(images))
    np.testing.assert_allclose(layer(changed), normalized, atol=2e-4)
    exact = layers.FlowNormalization(dtype="float64")
    np.testing.assert_allclose(exact(changed), exact(images), atol=1e-12)
    assert 4.0 < np.abs(normalized).max() < 4.5
    assert np.abs(np.asarray(layer(np.zeros((1, 4, 4, 3), "float32")))).max() == 0
    with pytest.raises(DualATMEError, match="positive `limit`, or None. Received: 0"):
        layers.FlowNormalization(limit=0)
