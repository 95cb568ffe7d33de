"""The Dual-ATME network as a functional Keras model."""

import keras

from dualatme_keras.choices import FORMS, preset_config
from dualatme_keras.layers import (
    CBAM,
    BatchNormalization,
    ConvNormReLU,
    InceptionBlock,
    ROIPuzzle,
    SimilarityFusion,
    torch_uniform,
)
from dualatme_keras.layers.convolution import MaxPooling2D

ATTENTIONS = ("entire", "shared", "both", "puzzled", "none")
BACKBONES = ("inception", "convolution")
BRANCHES = ("both", "entire", "puzzled")
PUZZLES = ("image", "layer")


@keras.saving.register_keras_serializable(package="dualatme_keras")
class DualATME(keras.Model):
    """Dual-branch attention network: classifies optical flow as negative, positive or surprise.

    The entire face goes through one branch with learned attention (AARS), the puzzle of hand-picked regions
    through another (HARS); a cosine loss ties their features, whose concatenation is classified.

    Args:
        image_size: side of the square input images in pixels, a multiple of 4. Defaults to 28.
        num_classes: number of classes. Defaults to 3.
        backbone: what a branch is made of, each stage followed by a 2x2 max-pool: `"inception"` (two
            Inception blocks) or `"convolution"` (two 3x3 convolutions with batch norm and ReLU).
        filters: two numbers, channels of each Inception path, or of each convolution. Defaults to
            `(6, 12)`, the published Inception; the published convolutions have `(12, 24)`.
        bottleneck: channels before the 3x3 and 5x5 convolutions of an Inception block. Defaults to 6.
        attention: where CBAM stands: `"entire"` (the paper), `"shared"` (one CBAM, same weights, on both
            branches: the published code), `"both"` (one each), `"puzzled"`, `"none"`.
        attention_reduction, attention_kernel_size: see `CBAM`. Default to 16 and 3.
        branches: `"both"`, or a single one: `"entire"`, `"puzzled"`.
        puzzle: where the puzzled image comes from: `"image"` (an input of its own) or `"layer"` (cut from
            the entire image by `ROIPuzzle`).
        similarity_weight: weight of the cosine loss; 0 for none. Defaults to 0.01.
        hidden_units, dropout: of the classifier. Default to 1024 and 0.5.
        form: how Inception blocks are computed, see `InceptionBlock`: `"plain"`, `"fast"`, or `"auto"`,
            which is `"fast"` where there are only CPUs and `"plain"` elsewhere (not measured on a GPU).
            Variables and files are the same, results equal up to rounding. Defaults to `"auto"`.
        name, dtype: as for `keras.Model`; `dtype` is a policy such as `"mixed_float16"`, under which
            `compile` scales the loss (`keras.optimizers.LossScaleOptimizer`).

    Call arguments:
        inputs: dict of float32 images in [-1, 1], each `(batch, image_size, image_size, 3)`: `entire` and
            `puzzled`, or those of the two that the branches need.

    Returns:
        Logits `(batch, num_classes)`, float32 (float64 under that policy).

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
        image_size=28,
        num_classes=3,
        backbone="inception",
        filters=(6, 12),
        bottleneck=6,
        attention="entire",
        attention_reduction=16,
        attention_kernel_size=3,
        branches="both",
        puzzle="image",
        similarity_weight=0.01,
        hidden_units=1024,
        dropout=0.5,
        form="auto",
        name="dual_atme",
        dtype=None,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        config = {
            "image_size": image_size,
            "num_classes": num_classes,
            "backbone": backbone,
            "filters": tuple(filters),
            "bottleneck": bottleneck,
            "attention": attention,
            "attention_reduction": attention_reduction,
            "attention_kernel_size": attention_kernel_size,
            "branches": branches,
            "puzzle": puzzle,
            "similarity_weight": similarity_weight,
            "hidden_units": hidden_units,
            "dropout": dropout,
            "form": form,
        }
        _check_config(config)
        used = ("entire", "puzzled") if branches == "both" else (branches,)
        inputs, images = _build_inputs(config, used, policy)
        attentions = _build_attentions(config, policy)
        features = [
            _build_branch(images[branch], branch, attentions.get(branch), config, policy) for branch in used
        ]
        outputs = _build_classifier(features, config, policy)
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        # Keras's functional models take none, and `compile` scales the loss by it.
        self.dtype_policy = policy
        self._config = {**config, "name": name, "dtype": keras.dtype_policies.serialize(policy)}

    @classmethod
    def from_preset(cls, preset, **overrides):
        """Builds the network of a named preset (see `models.PRESETS`), with any argument overridden.

        Args:
            preset: name of the preset, e.g. `"paper"` or `"released"`.
            **overrides: arguments of `DualATME` that replace those of the preset.

        Returns:
            A `DualATME` with fresh weights.

        Raises:
            DualATMEError: there is no such preset.
        """
        return cls(**{**preset_config(preset), **overrides})

    def predict_probabilities(self, dataset):
        """Softmax probabilities, a float32 array `(clips, num_classes)`, of data as `predict` takes."""
        logits = self.predict(dataset, verbose=0)
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits, axis=-1))

    def get_config(self):
        return dict(self._config)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _check_config(config):
    for key, allowed in (
        ("attention", ATTENTIONS),
        ("backbone", BACKBONES),
        ("branches", BRANCHES),
        ("puzzle", PUZZLES),
        ("form", FORMS),
    ):
        if config[key] not in allowed:
            raise ValueError(f"Expected `{key}` out of {', '.join(allowed)}. Received: {config[key]!r}.")
    if config["image_size"] < 4 or config["image_size"] % 4:
        raise ValueError(
            "Expected `image_size` to be a positive multiple of 4 (two poolings halve it). "
            f"Received: image_size={config['image_size']}."
        )
    if len(config["filters"]) != 2:
        raise ValueError(f"Expected two numbers of filters. Received: filters={config['filters']}.")
    branches, attention = config["branches"], config["attention"]
    if branches != "both" and attention not in ("none", branches):
        raise ValueError(
            f"Expected `attention` to be 'none' or {branches!r} with the single branch {branches!r}. "
            f"Received: attention={attention!r}."
        )
    if branches != "both" and config["similarity_weight"]:
        raise ValueError(
            "Expected `similarity_weight=0` with a single branch, which has nothing to be similar to. "
            f"Received: similarity_weight={config['similarity_weight']}."
        )
    if config["form"] == "fast" and config["backbone"] != "inception":
        raise ValueError(
            "Expected `form='plain'` or 'auto' without Inception blocks. "
            f"Received: form='fast', backbone={config['backbone']!r}."
        )
    if branches == "entire" and config["puzzle"] == "layer":
        raise ValueError("Expected `puzzle='image'` with the single branch 'entire'. Received: 'layer'.")


def _build_inputs(config, used, policy):
    """Returns the model's inputs by name and the image of each branch."""
    size = config["image_size"]

    def new_input(name):
        return keras.Input((size, size, 3), name=name, dtype="float32")

    if config["puzzle"] == "image" or used == ("entire",):
        inputs = {name: new_input(name) for name in used}
        return inputs, inputs
    entire = new_input("entire")
    puzzled = ROIPuzzle((size, size), dtype=policy, name="roi_puzzle")(entire)
    return {"entire": entire}, {"entire": entire, "puzzled": puzzled}


def _build_attentions(config, policy):
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


def _build_branch(image, branch, cbam, config, policy):
    """Adds one branch: `(batch, size, size, 3)` -> flattened features `(batch, features)`."""
    x = image
    for stage, filters in enumerate(config["filters"], start=1):
        name = f"{branch}_{config['backbone']}_{stage}"
        if config["backbone"] == "inception":
            block = {"pool_size": 2, "form": computed_form(config["form"])}
            x = InceptionBlock(filters, config["bottleneck"], **block, dtype=policy, name=name)(x)
        else:
            x = ConvNormReLU(filters, 3, dtype=policy, name=name)(x)
            x = MaxPooling2D(2, dtype=policy, name=f"{branch}_pool_{stage}")(x)
    if cbam is not None:
        x = cbam(x)
    return keras.layers.Flatten(dtype=policy, name=f"{branch}_features")(x)


def computed_form(form: str) -> str:
    """`plain` or `fast`: what the form `"auto"` is on the devices that Keras sees; others as they are."""
    if form != "auto":
        return form
    only_cpus = all(device.startswith("cpu") for device in keras.distribution.list_devices())
    return "fast" if only_cpus else "plain"


def _build_classifier(features, config, policy):
    """Adds fusion and classifier: features of the branches -> logits `(batch, num_classes)`."""
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
    return keras.layers.Dense(config["num_classes"], **dense, dtype=policy.variable_dtype, name="logits")(x)
