"""The network: presets, options, files."""

import dataclasses
import inspect
import json
import zipfile

import keras
import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses import FocalLoss
from dualatme_keras.metrics import UAR, UF1
from dualatme_keras.models import PRESETS, DualATME, load_model, prediction_model
from dualatme_keras.preprocessing import PrepareSettings


def random_images(model, clips=2):
    size = model.image_size
    rng = np.random.default_rng(0)
    return {
        tensor.name: rng.uniform(-1, 1, (clips, size, size, 3)).astype("float32") for tensor in model.inputs
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_their_parameters(preset):
    assert DualATME.from_preset(preset, load_weights=False).count_params() == PRESETS[preset]["parameters"]


def test_attention_stands_where_it_should():
    cbams = {
        attention: sorted(layer.name for layer in tiny(attention=attention).layers if "cbam" in layer.name)
        for attention in ("entire", "shared", "both", "puzzled", "none")
    }
    assert cbams == {
        "entire": ["entire_cbam"],
        "shared": ["shared_cbam"],
        "both": ["entire_cbam", "puzzled_cbam"],
        "puzzled": ["puzzled_cbam"],
        "none": [],
    }
    shared = tiny(attention="shared")
    images = {
        name: np.random.default_rng(seed).uniform(-1, 1, (2, 28, 28, 3)).astype("float32")
        for seed, name in enumerate(("entire", "puzzled"))
    }
    branches = keras.Model(shared.inputs, [shared.get_layer(f"{name}_features").output for name in images])
    before = [np.asarray(features) for features in branches(images)]
    cbam = shared.get_layer("shared_cbam")
    cbam.set_weights([weight + 0.5 for weight in cbam.get_weights()])
    for features, earlier in zip(branches(images), before, strict=True):
        assert np.abs(np.asarray(features) - earlier).max() > 0.01 * np.abs(earlier).max()  # in both branches


def tiny(**overrides):
    return DualATME.from_preset("tiny", **overrides)


VARIANTS = [
    {},
    {"attention": "shared"},
    {"branches": "entire", "similarity_weight": 0.0},
    {"branches": "puzzled", "attention": "none", "similarity_weight": 0.0},
    {"puzzle_source": "layer", "image_size": 32, "num_classes": 5},
    {"backbone": "convolution", "similarity_weight": 0.0},
    {"dtype": "mixed_float16"},
]


@pytest.mark.parametrize("overrides", VARIANTS, ids=str)
def test_keras_file_round_trip(overrides, tmp_path):
    model = tiny(**overrides)
    images = random_images(model)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")  # safe mode is the default
    assert type(copy) is DualATME
    assert copy.get_config() == model.get_config()
    logits = model(images)
    assert logits.shape == (2, model.num_classes)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    np.testing.assert_array_equal(copy(images), logits)


def test_inputs_follow_the_branches():
    names = [sorted(tensor.name for tensor in tiny(**overrides).inputs) for overrides in VARIANTS[:5]]
    both = ["entire", "puzzled"]
    assert names == [both, both, ["entire"], ["puzzled"], ["entire"]]


def test_puzzle_layer_feeds_the_puzzled_branch():
    """A network that cuts its own puzzle answers as one that is given the same puzzle."""
    from dualatme_keras.layers import ROIPuzzle

    own, given = tiny(puzzle_source="layer"), tiny()
    for layer in given.layers:
        if layer.weights:
            layer.set_weights(own.get_layer(layer.name).get_weights())
    entire = keras.ops.convert_to_tensor(random_images(own)["entire"])
    puzzled = ROIPuzzle()(entire)
    np.testing.assert_allclose(
        own({"entire": entire}), given({"entire": entire, "puzzled": puzzled}), atol=1e-5
    )


def test_similarity_loss_only_with_weight():
    model, without = tiny(similarity_weight=0.25), tiny(similarity_weight=0.0)
    model(random_images(model))
    without(random_images(without))
    assert len(model.losses) == 1
    assert 0.0 <= float(model.losses[0]) <= 0.5
    assert without.losses == []


def test_dropout_only_in_training():
    model = tiny(dropout=0.5)
    images = random_images(model, 8)
    np.testing.assert_array_equal(model(images), model(images))
    assert not np.array_equal(model(images, training=True), model(images, training=True))


def small_step(dtype):
    """How one step with gradients below float16's smallest number moves each kernel, by path."""
    keras.utils.set_random_seed(1)
    model = tiny(backbone="convolution", attention="none", dtype=dtype, dropout=0.0, similarity_weight=0.0)
    before = {variable.path: variable.numpy() for variable in model.trainable_variables}
    model.compile(keras.optimizers.SGD(1e6), lambda labels, logits: 1e-6 * FocalLoss()(labels, logits))
    model.train_on_batch(random_images(model, 12), np.arange(12) % 3)
    kernels = [variable for variable in model.trainable_variables if variable.name == "kernel"]
    return {variable.path: variable.numpy() - before[variable.path] for variable in kernels}


def test_gradients_too_small_for_float16_train_all_the_same():
    """Within what float16 rounds; without scaling the first layers stay where they are."""
    half, full = small_step("mixed_float16"), small_step("float32")
    for path, expected in full.items():
        assert np.linalg.norm(half[path] - expected) < 0.5 * np.linalg.norm(expected), path


@pytest.mark.tensorflow
def test_a_step_is_traced_once(monkeypatch):
    """Which takes longer than many a training."""
    steps, train_step = [], DualATME.train_step
    monkeypatch.setattr(
        DualATME, "train_step", lambda model, data: steps.append(data) or train_step(model, data)
    )
    model = tiny(backbone="convolution")
    model.compile("adam", FocalLoss(), metrics=[UF1()])
    model.fit(random_images(model, 6), np.arange(6) % 3, batch_size=3, epochs=2, verbose=0)
    assert len(steps) == 1


@pytest.mark.long
@pytest.mark.parametrize("implementation", ["plain", "fast"])
def test_half_precision_learns(implementation):
    """Through `fit`, with the metrics of a run; a small last batch included."""
    keras.utils.set_random_seed(1)
    model = tiny(dtype="mixed_bfloat16", implementation=implementation, dropout=0.0)
    model.compile(keras.optimizers.Adam(0.01), FocalLoss(), metrics=[UF1(), UAR()])
    labels = np.arange(10) % 3
    colours = 0.7 * np.eye(3, dtype="float32")[labels, None, None]
    images = {name: 0.3 * noise + colours for name, noise in random_images(model, 10).items()}
    history = model.fit(images, labels, batch_size=4, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert 0 <= history["uf1"][-1] <= 1
    probabilities = model.predict_probabilities(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.tensorflow
def test_loss_scaling_is_kept_in_files(tmp_path):
    """A network that was saved while it trained goes on with the scale that it had."""
    from dualatme_keras.training.optimizers import FusedAdam

    model = tiny(backbone="convolution", dtype="mixed_float16")
    model.compile(FusedAdam(1e-3), FocalLoss())
    model.train_on_batch(random_images(model, 6), np.arange(6) % 3)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.dtype_policy.name == model.dtype_policy.name == "mixed_float16"
    assert isinstance(copy.optimizer.inner_optimizer, FusedAdam)
    state = [[np.asarray(v) for v in m.optimizer.variables] for m in (model, copy)]
    for ours, theirs in zip(*state, strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_float32_network_under_a_half_policy_is_not_scaled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny(dtype="float32")
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(keras.optimizers.SGD())
    assert isinstance(model.optimizer, keras.optimizers.SGD)


def test_initial_weights_are_those_of_the_published_network():
    kernel = DualATME.from_preset("paper").get_layer("hidden").kernel
    bound = 1.0 / np.sqrt(kernel.shape[0])
    values = np.asarray(kernel)
    assert 0.99 * bound < np.abs(values).max() <= 1.0001 * bound
    np.testing.assert_allclose(values.std(), bound / np.sqrt(3), rtol=0.01)  # of a uniform distribution


def test_summary_is_readable():
    lines = []
    tiny().summary(print_fn=lines.append, line_length=100)
    text = "\n".join(lines)
    for name in ("entire_inception_1", "puzzled_inception_2", "entire_cbam", "similarity_fusion", "logits"):
        assert name in text


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"attention": "all"}, "attention.*'all'"),
        ({"backbone": "resnet"}, "backbone.*'resnet'"),
        ({"image_size": 30}, "image_size=30"),
        ({"image_size": 0}, "image_size=0"),
        ({"backbone": "convolution", "implementation": "fast"}, "implementation"),
        ({"filters": (6,)}, r"filters=\(6,\)"),
        ({"branches": "entire"}, "similarity_weight=0"),
        ({"branches": "puzzled", "similarity_weight": 0}, "attention='entire'"),
        ({"branches": "entire", "similarity_weight": 0, "puzzle_source": "layer"}, "puzzle_source='image'"),
        ({"linear_path": ("faces",)}, r"linear_path` out of flow, branches. Received: \['faces'\]"),
        (
            {"branches": "puzzled", "attention": "none", "similarity_weight": 0, "linear_path": ("flow",)},
            "without 'flow'",
        ),
    ],
)
def test_bad_arguments(overrides, message):
    with pytest.raises(ValueError, match=message):
        tiny(**overrides)


def test_the_smallest_images():
    assert tiny(image_size=4).input["entire"].shape == (None, 4, 4, 3)


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(DualATMEError, match="paper, released.*'paperr'"):
        DualATME.from_preset("paperr")


def test_load_model_refuses_what_is_no_network(tmp_path):
    with pytest.raises(DualATMEError, match="existing .keras or .pth"):
        load_model(tmp_path / "absent.keras")
    (tmp_path / "weights.h5").touch()
    with pytest.raises(DualATMEError, match="existing .keras or .pth"):
        load_model(tmp_path / "weights.h5")
    (tmp_path / "junk.keras").write_bytes(b"junk")
    with pytest.raises(DualATMEError, match="junk.keras"):
        load_model(tmp_path / "junk.keras")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="small")
    other.save(tmp_path / "other.keras")
    with pytest.raises(DualATMEError, match="holds another network, 'small'"):
        load_model(tmp_path / "other.keras")


@pytest.mark.parametrize("outputs", ["feature_outputs", "attention_outputs"])
@pytest.mark.parametrize(
    "overrides", [{"attention": "shared"}, {"attention": "both", "puzzle_source": "layer"}]
)
@pytest.mark.parametrize("backbone", ["inception", "convolution"])
def test_part_of_a_network_is_saved_and_loaded(backbone, overrides, outputs, tmp_path):
    model = tiny(backbone=backbone, **overrides)
    part = keras.Model(model.input, getattr(model, outputs))
    part.save(tmp_path / "part.keras")
    images = random_images(model)
    ours, theirs = part(images), keras.models.load_model(tmp_path / "part.keras")(images)
    assert sorted(ours) == ["entire", "puzzled"]
    for branch in ours:
        np.testing.assert_array_equal(theirs[branch], ours[branch])


def test_features_and_attention_are_outputs():
    """The classifier's input, and what CBAM multiplies the features by."""
    model = tiny(attention="puzzled")
    assert list(model.attention_outputs) == ["puzzled"]
    features, attention = model.feature_outputs, model.attention_outputs["puzzled"]
    weighted = model.get_layer("puzzled_cbam").output[0]
    fused = model.get_layer("similarity_fusion").output
    everything = keras.Model(model.input, [*features.values(), attention, weighted, fused])
    images = random_images(model)
    entire, puzzled, before, unchanged, fused = (np.asarray(output) for output in everything(images))
    assert before.shape == (2, 7, 7)
    np.testing.assert_array_equal(np.concatenate([entire, puzzled], axis=1), fused)
    np.testing.assert_array_equal(unchanged.reshape(2, -1), puzzled)
    # Equal attention everywhere: what is left is the features by their channels' attention.
    spatial = model.get_layer("puzzled_cbam").spatial_attention
    spatial.set_weights([np.zeros_like(weight) for weight in spatial.get_weights()])
    _, _, flat, halved, _ = (np.asarray(output) for output in everything(images))
    np.testing.assert_array_equal(flat, np.full((2, 7, 7), 0.5, "float32"))
    np.testing.assert_allclose(unchanged, 2 * halved * before[..., None], rtol=1e-5)


def test_single_branch_offers_its_own_features():
    single = tiny(branches="puzzled", attention="none", similarity_weight=0.0)
    assert list(single.feature_outputs) == ["puzzled"]
    assert single.attention_outputs == {}


PREPARATION = PrepareSettings(flow="dis", margin=0.05)


def test_arguments_are_attributes_and_in_files(tmp_path):
    """One value other than the default for each argument."""
    arguments = {
        "image_size": 32,
        "num_classes": 2,
        "backbone": "convolution",
        "filters": (3, 4),
        "bottleneck": 3,
        "attention": "both",
        "attention_reduction": 2,
        "attention_kernel_size": 5,
        "branches": "both",
        "puzzle_source": "layer",
        "similarity_weight": 0.5,
        "hidden_units": 8,
        "dropout": 0.25,
        "flow_normalization": True,
        "feature_filters": 5,
        "linear_path": ("branches",),
        "action_units": (1, 12),
        "implementation": "plain",
        "class_names": ("calm", "moved"),
        "preparation": PREPARATION,
        "name": "mine",
        "dtype": "mixed_bfloat16",
    }
    assert list(arguments) == list(inspect.signature(DualATME).parameters)
    model = DualATME(**arguments)
    model.save(tmp_path / "model.keras")
    for network in (model, load_model(tmp_path / "model.keras")):
        found = {name: getattr(network, name) for name in arguments if name != "dtype"}
        assert found == {name: value for name, value in arguments.items() if name != "dtype"}
        assert network.dtype_policy.name == "mixed_bfloat16"


def test_names_of_classes():
    assert tiny().class_names == tiny(num_classes=3).class_names == ("negative", "positive", "surprise")
    assert tiny(num_classes=2).class_names == ("class_0", "class_1")
    named = tiny(class_names=["a", "b", "c", "d"])
    assert (named.num_classes, named.output.shape) == (4, (None, 4))
    for wrong in ({"num_classes": 3, "class_names": "ab"}, {"class_names": ("a", "b", "a")}):
        with pytest.raises(ValueError, match="Expected `class_names` .*'a', 'b'"):
            tiny(**wrong)


def test_preparation_may_be_given_as_a_dict():
    assert tiny(preparation=dataclasses.asdict(PREPARATION)).preparation == PREPARATION
    assert tiny().preparation is None
    with pytest.raises(DualATMEError, match="`preparation` of a network.*unheard"):
        tiny(preparation={"unheard": 1})


def test_files_of_before_these_arguments_load(tmp_path):
    """Their configuration has neither names of classes nor preparation."""
    config = tiny(num_classes=2).get_config()
    old = DualATME.from_config({k: v for k, v in config.items() if k not in ("class_names", "preparation")})
    assert (old.class_names, old.preparation) == (("class_0", "class_1"), None)


OLD_NAMES = {"implementation": "form", "puzzle_source": "puzzle"}
"""Arguments by the names that they have in files of earlier versions."""


def with_old_names(value):
    if isinstance(value, dict):
        return {OLD_NAMES.get(name, name): with_old_names(one) for name, one in value.items()}
    return [with_old_names(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("part", ["network", "features"])
def test_files_with_earlier_names_of_arguments_load(part, tmp_path):
    """A network's own configuration, and that of its blocks in another model."""
    model = tiny(puzzle_source="layer", implementation="fast", similarity_weight=0.3)
    asked = model if part == "network" else keras.Model(model.input, model.feature_outputs)
    asked.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                content = json.dumps(with_old_names(json.loads(content))).encode()
                assert b'"form": "fast"' in content
                assert b"implementation" not in content
            old.writestr(name, content)
    loaded = keras.models.load_model(tmp_path / "old.keras")
    if part == "network":
        assert loaded.get_config() == model.get_config()
    images = random_images(model)
    for ours, theirs in zip(
        keras.tree.flatten(asked(images)), keras.tree.flatten(loaded(images)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_presets_with_and_without_weights():
    with pytest.raises(DualATMEError, match="with weights: facs. Received: 'tiny' with load_weights=True"):
        DualATME.from_preset("tiny", load_weights=True)
    assert DualATME.from_preset("tiny", load_weights=False).count_params() == 26_663
    shipped, loaded, fresh = (
        DualATME.from_preset("facs"),
        load_model("facs"),
        DualATME.from_preset("facs", load_weights=False),
    )
    assert shipped.get_config() == loaded.get_config() == fresh.get_config()
    images = random_images(shipped)
    for ours, theirs in zip(shipped.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(shipped(images)["logits"] - fresh(images)["logits"]).max() > 0.01
    for overrides, layer in (({"hidden_units": 32}, "hidden"), ({"num_classes": 5}, "logits")):
        with pytest.raises(DualATMEError, match=f"same architecture. Received: {layer} with shapes"):
            DualATME.from_preset("facs", **overrides)
    assert DualATME.from_preset("facs", load_weights=False, num_classes=5).num_classes == 5
    without = DualATME.from_preset("facs", action_units=())  # the same classes, nothing else
    np.testing.assert_array_equal(without(images), shipped(images)["logits"])


def test_action_units_are_told_besides_the_class(tmp_path):
    model = tiny(backbone="convolution", action_units=(1, 12, 17), flow_normalization=True, feature_filters=3)
    images = random_images(model)
    outputs = model(images)
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "logits": (2, 3),
        "action_units": (2, 3, 2),
    }
    assert model.feature_outputs["entire"].shape == (None, 7 * 7 * 3)
    probabilities = model.predict_probabilities(images)
    np.testing.assert_allclose(probabilities, keras.ops.softmax(outputs["logits"]), atol=1e-5)
    answers = prediction_model(model)(images)
    np.testing.assert_allclose(answers["action_units"], keras.ops.sigmoid(outputs["action_units"]), atol=1e-6)
    model.save(tmp_path / "units.keras")
    loaded = load_model(tmp_path / "units.keras")
    assert loaded.action_units == (1, 12, 17)
    np.testing.assert_array_equal(loaded(images)["action_units"], outputs["action_units"])
    # Another zero and another size of the motion are the same motion.
    changed = {name: 0.5 * image + 0.1 for name, image in images.items()}
    np.testing.assert_allclose(model(changed)["logits"], outputs["logits"], atol=2e-3)
