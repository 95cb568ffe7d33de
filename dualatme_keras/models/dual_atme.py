"""The Dual-ATME network as a functional Keras model."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from dualatme_keras.choices import (
    IMPLEMENTATIONS,
    PUZZLE_SOURCES,
    preset_config,
    preset_weights,
    presets_with_weights,
    with_new_names,
)
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import (
    CBAM,
    BatchNormalization,
    ConvNormReLU,
    FlowNormalization,
    InceptionBlock,
    MeanOfAnswers,
    ROIPuzzle,
    SimilarityFusion,
    torch_uniform,
)
from dualatme_keras.layers.convolution import MaxPooling2D, check_channels_last
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.models.linear import linear_flow, linear_logits
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.text import shorten

ATTENTIONS = ("entire", "shared", "both", "puzzled", "none")
BACKBONES = ("inception", "convolution")
BRANCHES = ("both", "entire", "puzzled")
LINEAR_PATH = ("flow", "branches")


@keras.saving.register_keras_serializable(package="dualatme_keras")
class DualATME(keras.Model):
    """Dual-branch attention network: classifies optical flow, by default as negative, positive or surprise.

    The entire face goes through one branch with learned attention (AARS), the puzzle of hand-picked regions
    through another (HARS); a cosine loss ties their features, whose concatenation is classified. Every
    argument is an attribute of the same name, and stored in `.keras` files.

    Args:
        image_size: side of the square input images in pixels, a multiple of 4. Defaults to 28.
        num_classes: number of classes. Defaults to the number of `class_names`, 3 without them.
        backbone: what a branch is made of, each stage followed by a 2x2 max-pool: `"inception"` (two
            Inception blocks) or `"convolution"` (two 3x3 convolutions with batch norm and ReLU).
        filters: two numbers, channels of each Inception path, or of each convolution. Defaults to
            `(6, 12)`, the published Inception; the published convolutions have `(12, 24)`.
        bottleneck: channels before the 3x3 and 5x5 convolutions of an Inception block. Defaults to 6.
        attention: where CBAM stands: `"entire"` (the paper), `"shared"` (one CBAM, same weights, on both
            branches: the published code), `"both"` (one each), `"puzzled"`, `"none"`.
        attention_reduction, attention_kernel_size: see `CBAM`. Default to 16 and 3.
        branches: `"both"`, or a single one: `"entire"`, `"puzzled"`.
        puzzle_source: where the puzzled image comes from: `"image"` (an input of its own) or `"layer"` (cut
            from the entire image by `ROIPuzzle`).
        similarity_weight: weight of the cosine loss; 0 for none. Defaults to 0.01.
        hidden_units, dropout: of the classifier. Default to 1024 and 0.5.
        flow_normalization: begin with `FlowNormalization`. Defaults to `False`, as published.
        feature_filters: end each branch with a 1x1 convolution to so many channels, which makes the
            classifier smaller; `None` for none, as published. Defaults to `None`.
        linear_path: answer together with a linear classifier, the mean of both probabilities, of what is
            named: `"flow"` (the entire image, as `Linear` takes it), `"branches"` (the features of the
            branches). Defaults to none, as published.
        action_units: numbers of the action units that the network tells besides the class. Default to none.
        implementation: how Inception blocks are computed, see `InceptionBlock`: `"plain"`, `"fast"`, or
            `"auto"`, which is `"fast"` where there are only CPUs and `"plain"` elsewhere (not measured on a
            GPU). Variables and files are the same, results equal up to rounding. Defaults to `"auto"`.
        class_names: names of the classes, in the order of the logits. Default to those of MEGC2019 for three
            classes, to `"class_0"`, `"class_1"`, ... for any other number.
        preparation: how the clips become images, a `preprocessing.PrepareSettings` or its fields as a dict;
            `Recognizer` prepares clips by it. Defaults to `None`, not known.
        name, dtype: as for `keras.Model`; `dtype` is a policy such as `"mixed_float16"`, under which
            `compile` scales the loss (`keras.optimizers.LossScaleOptimizer`).

    Call arguments:
        inputs: dict of float32 images in [-1, 1], each `(batch, image_size, image_size, 3)`: `entire` and
            `puzzled`, or those of the two that the branches need.

    Returns:
        Logits `(batch, num_classes)`, float32 (float64 under that policy). With `action_units` a dict of
        `logits` and `action_units`, the logits of each unit on the image-left and the image-right side,
        `(batch, units, 2)`.

    Attributes:
        class_logits: symbolic logits of the classes.
        feature_outputs: symbolic features by branch, `(batch, features)`, as the classifier gets them.
        attention_outputs: symbolic spatial attention by branch that has a CBAM, `(batch, height, width)` in
            (0, 1). `keras.Model(model.input, model.attention_outputs)` computes it.

    Example:

    >>> model = DualATME.from_preset("paper")
    >>> images = keras.random.uniform((4, 28, 28, 3), -1, 1)
    >>> model({"entire": images, "puzzled": images}).shape
    TensorShape([4, 3])

    References:
        Zhou, Huang, Li, Wang, Entropy 25(3):460, 2023, doi 10.3390/e25030460.
    """

    def __init__(
        self,
        image_size: int = 28,
        num_classes: int | None = None,
        backbone: str = "inception",
        filters: Sequence[int] = (6, 12),
        bottleneck: int = 6,
        attention: str = "entire",
        attention_reduction: int = 16,
        attention_kernel_size: int = 3,
        branches: str = "both",
        puzzle_source: str = "image",
        similarity_weight: float = 0.01,
        hidden_units: int = 1024,
        dropout: float = 0.5,
        flow_normalization: bool = False,
        feature_filters: int | None = None,
        linear_path: Sequence[str] = (),
        action_units: Sequence[int] = (),
        implementation: str = "auto",
        class_names: Sequence[str] | None = None,
        preparation: PrepareSettings | dict | None = None,
        name: str = "dual_atme",
        dtype: str | keras.DTypePolicy | None = None,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        class_names = _class_names(num_classes, class_names)
        if isinstance(preparation, dict):
            preparation = PrepareSettings.from_dict(preparation, "`preparation` of a network")
        config = {
            "image_size": image_size,
            "num_classes": len(class_names),
            "backbone": backbone,
            "filters": tuple(filters),
            "bottleneck": bottleneck,
            "attention": attention,
            "attention_reduction": attention_reduction,
            "attention_kernel_size": attention_kernel_size,
            "branches": branches,
            "puzzle_source": puzzle_source,
            "similarity_weight": similarity_weight,
            "hidden_units": hidden_units,
            "dropout": dropout,
            "flow_normalization": flow_normalization,
            "feature_filters": feature_filters,
            "linear_path": tuple(linear_path),
            "action_units": tuple(action_units),
            "implementation": implementation,
            "class_names": class_names,
            "preparation": preparation,
        }
        _check_config(config)
        used = ("entire", "puzzled") if branches == "both" else (branches,)
        inputs, images = _build_inputs(config, used, policy)
        cbams = _build_cbams(config, policy)
        features, attention_outputs = {}, {}
        for branch in used:
            x = _build_stages(images[branch], branch, config, policy)
            if branch in cbams:
                x, attention_outputs[branch] = cbams[branch](x, return_attention_scores=True)
            if config["feature_filters"]:
                x = ConvNormReLU(config["feature_filters"], 1, dtype=policy, name=f"{branch}_features_1x1")(x)
            features[branch] = keras.layers.Flatten(dtype=policy, name=f"{branch}_features")(x)
        outputs = _build_classifier([*features.values()], images, config, policy)
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        # Keras's functional models take none, and `compile` scales the loss by it.
        self.dtype_policy = policy
        self._arguments = tuple(config)
        for argument, value in config.items():
            setattr(self, argument, value)
        self.class_logits = outputs["logits"] if config["action_units"] else outputs
        self.feature_outputs = features
        self.attention_outputs = attention_outputs

    @classmethod
    def from_preset(cls, preset: str, load_weights: bool | None = None, **overrides) -> "DualATME":
        """Builds the network of a named preset (see `models.PRESETS`), with any argument overridden.

        Args:
            preset: name of the preset, e.g. `"paper"`, or `"facs"`, which comes with weights.
            load_weights: `True` asks for trained weights, `False` for fresh ones, `None` for trained ones
                where the preset comes with them. Defaults to `None`.
            **overrides: arguments of `DualATME` that replace those of the preset. With trained weights only
                those that leave the variables as they are.

        Raises:
            DualATMEError: there is no such preset, it has no weights and `load_weights=True`, or its weights
                do not fit the overrides.
        """
        config = {**preset_config(preset), **overrides}
        file = preset_weights(preset)
        if load_weights and not file:
            raise DualATMEError(
                f"Expected a preset that comes with weights: {', '.join(presets_with_weights())}. Received: "
                f"{preset!r} with load_weights=True. Leave load_weights out for fresh weights, train the "
                "network (run_loso), or load a trained one: models.load_model(FILE)."
            )
        model = cls(**config)
        if load_weights is not False and file:
            copy_weights(keras.models.load_model(file, compile=False), model)
        return model

    def predict_probabilities(self, dataset: Iterable | dict) -> np.ndarray:
        """Softmax probabilities, a float32 array `(clips, num_classes)`, of data as `predict` takes."""
        logits = self.predict(dataset, verbose=0)
        logits = logits["logits"] if self.action_units else logits
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits, axis=-1))

    def make_train_function(self, force: bool = False):
        """Makes the optimizer's variables first: TensorFlow would trace a step that makes them twice."""
        if self.optimizer is not None and not self.optimizer.built:
            scope = getattr(self, "distribute_strategy", None)
            with scope.scope() if scope is not None else contextlib.nullcontext():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def get_config(self):
        config = {argument: getattr(self, argument) for argument in self._arguments}
        if self.preparation is not None:
            config["preparation"] = dataclasses.asdict(self.preparation)
        return {**config, "name": self.name, "dtype": keras.dtype_policies.serialize(self.dtype_policy)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**with_new_names(config))


def _class_names(num_classes, class_names):
    """Returns the names of the classes as a tuple; neither argument has to be given."""
    if class_names is None:
        if num_classes in (None, len(CLASS_NAMES)):
            return CLASS_NAMES
        return tuple(f"class_{index}" for index in range(num_classes))
    class_names = tuple(class_names)
    if len(set(class_names)) < len(class_names) or num_classes not in (None, len(class_names)):
        raise DualATMEError(
            "Expected `class_names` to be different names, as many as `num_classes`. "
            f"Received: class_names={class_names}, num_classes={num_classes}."
        )
    return class_names


def _check_config(config):
    check_channels_last()
    for key, allowed in (
        ("attention", ATTENTIONS),
        ("backbone", BACKBONES),
        ("branches", BRANCHES),
        ("puzzle_source", PUZZLE_SOURCES),
        ("implementation", IMPLEMENTATIONS),
    ):
        if config[key] not in allowed:
            raise DualATMEError(f"Expected `{key}` out of {', '.join(allowed)}. Received: {config[key]!r}.")
    if config["image_size"] < 4 or config["image_size"] % 4:
        raise DualATMEError(
            "Expected `image_size` to be a positive multiple of 4 (two poolings halve it). "
            f"Received: image_size={config['image_size']}."
        )
    if len(config["filters"]) != 2:
        raise DualATMEError(f"Expected two numbers of filters. Received: filters={config['filters']}.")
    branches, attention = config["branches"], config["attention"]
    if branches != "both" and attention not in ("none", branches):
        raise DualATMEError(
            f"Expected `attention` to be 'none' or {branches!r} with the single branch {branches!r}. "
            f"Received: attention={attention!r}."
        )
    if branches != "both" and config["similarity_weight"]:
        raise DualATMEError(
            "Expected `similarity_weight=0` with a single branch, which has nothing to be similar to. "
            f"Received: similarity_weight={config['similarity_weight']}."
        )
    if config["implementation"] == "fast" and config["backbone"] != "inception":
        raise DualATMEError(
            "Expected `implementation='plain'` or 'auto' without Inception blocks. "
            f"Received: implementation='fast', backbone={config['backbone']!r}."
        )
    if unknown := [name for name in config["linear_path"] if name not in LINEAR_PATH]:
        raise DualATMEError(f"Expected `linear_path` out of {', '.join(LINEAR_PATH)}. Received: {unknown}.")
    if branches == "puzzled" and "flow" in config["linear_path"]:
        raise DualATMEError(
            "Expected `linear_path` without 'flow', which is of the entire face, with the single branch "
            f"'puzzled'. Received: linear_path={config['linear_path']}."
        )
    if branches == "entire" and config["puzzle_source"] == "layer":
        raise DualATMEError(
            "Expected `puzzle_source='image'` with the single branch 'entire'. Received: 'layer'."
        )


def _build_inputs(config, used, policy):
    """Returns the model's inputs by name and the image of each branch."""
    size = config["image_size"]

    def new_input(name):
        return keras.Input((size, size, 3), name=name, dtype="float32")

    if config["puzzle_source"] == "image" or used == ("entire",):
        inputs = {name: new_input(name) for name in used}
        return inputs, inputs
    entire = new_input("entire")
    puzzled = ROIPuzzle((size, size), dtype=policy, name="roi_puzzle")(entire)
    return {"entire": entire}, {"entire": entire, "puzzled": puzzled}


def _build_cbams(config, policy):
    """Returns the CBAM layer of each branch that has one."""

    def new_cbam(name):
        return CBAM(config["attention_reduction"], config["attention_kernel_size"], dtype=policy, name=name)

    attention = config["attention"]
    if attention == "none":
        return {}
    if attention == "shared":
        cbam = new_cbam("shared_cbam")
        return {"entire": cbam, "puzzled": cbam}
    branches = ("entire", "puzzled") if attention == "both" else (attention,)
    return {branch: new_cbam(f"{branch}_cbam") for branch in branches}


def _build_stages(image, branch, config, policy):
    """Adds the stages of a branch: `(batch, size, size, 3)` -> `(batch, size / 4, size / 4, channels)`."""
    x = image
    if config["flow_normalization"]:
        x = FlowNormalization(dtype=policy, name=f"{branch}_normalization")(x)
    for stage, filters in enumerate(config["filters"], start=1):
        name = f"{branch}_{config['backbone']}_{stage}"
        if config["backbone"] == "inception":
            block = {"pool_size": 2, "implementation": resolve_implementation(config["implementation"])}
            x = InceptionBlock(filters, config["bottleneck"], **block, dtype=policy, name=name)(x)
        else:
            x = ConvNormReLU(filters, 3, dtype=policy, name=name)(x)
            x = MaxPooling2D(2, dtype=policy, name=f"{branch}_pool_{stage}")(x)
    return x


def resolve_implementation(implementation: str) -> str:
    """`plain` or `fast`: what `auto` is on the devices that Keras sees; the others as they are."""
    if implementation != "auto":
        return implementation
    only_cpus = all(device.startswith("cpu") for device in keras.distribution.list_devices())
    return "fast" if only_cpus else "plain"


def _build_classifier(features, images, config, policy):
    """Adds fusion and classifier: features and images of the branches -> what `DualATME` returns."""
    if len(features) == 2:
        x = SimilarityFusion(config["similarity_weight"], dtype=policy, name="similarity_fusion")(features)
    else:
        (x,) = features
    dense = {"kernel_initializer": torch_uniform()}
    x = keras.layers.Dense(config["hidden_units"], **dense, dtype=policy, name="hidden")(x)
    x = BatchNormalization(dtype=policy, name="hidden_norm")(x)
    x = keras.layers.ReLU(dtype=policy, name="hidden_relu")(x)
    x = keras.layers.Dropout(config["dropout"], dtype=policy, name="hidden_dropout")(x)
    # As precise as the variables, so that softmax and losses do not overflow.
    dense["dtype"] = policy.variable_dtype
    logits = keras.layers.Dense(config["num_classes"], **dense, name="logits")(x)
    if config["linear_path"]:
        parts = (
            [linear_flow(images["entire"], dtype=dense["dtype"])] if "flow" in config["linear_path"] else []
        )
        parts += features if "branches" in config["linear_path"] else []
        linear = linear_logits(parts, config["num_classes"], dense["dtype"])
        logits = MeanOfAnswers(dtype=dense["dtype"], name="mean_of_answers")([logits, linear])
    if not config["action_units"]:
        return logits
    units = len(config["action_units"])
    sides = keras.layers.Dense(2 * units, **dense, name="action_unit_sides")(x)
    sides = keras.layers.Reshape((units, 2), dtype=policy.variable_dtype, name="action_units")(sides)
    return {"logits": logits, "action_units": sides}


def copy_weights(source: keras.Model, target: DualATME, leave: Sequence[str] = ()) -> None:
    """Gives a network the weights of another one, layer by layer; what only `source` has is left out.

    Args:
        source, target: from and to whom.
        leave: names of layers of `target` that stay as they are.

    Raises:
        DualATMEError: a layer of `target` is missing or has other shapes.
    """
    layers = {layer.name: layer for layer in source.layers}
    shapes = {name: [tuple(weight.shape) for weight in layer.weights] for name, layer in layers.items()}
    layers_to_set = [layer for layer in target.layers if layer.weights and layer.name not in leave]
    for layer in layers_to_set:
        wanted = [tuple(weight.shape) for weight in layer.weights]
        found = shapes.get(layer.name, [])
        if wanted != found:
            raise DualATMEError(
                f"Expected weights of the same architecture. Received: {layer.name} with {_shown(found)}, "
                f"where the network takes {_shown(wanted)}."
            )
    for layer in layers_to_set:
        layer.set_weights(layers[layer.name].get_weights())


def _shown(shapes):
    return f"shapes {shorten(shapes)}" if shapes else "no weights"
