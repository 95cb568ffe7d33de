"""What can be chosen by name, known without Keras, and networks with their arguments and weights."""

import os
from pathlib import Path

from dualatme_keras.errors import DualATMEError

IMPLEMENTATIONS = ("auto", "plain", "fast")
"""How a network is computed, see `models.DualATME`."""

PUZZLE_SOURCES = ("image", "layer")
"""Where a network's puzzled image comes from, see `models.DualATME`."""

LOSSES = ("focal", "balanced", "cosine", "crossentropy")
"""Classification losses, see `losses.get_loss`."""

ACTION_UNITS = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    14: "dimpler",
    15: "lip corner depressor",
    17: "chin raiser",
    20: "lip stretcher",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
}
"""Action units that are drawn, learned and told, by their number in the Facial Action Coding System."""

_FACS = {
    "backbone": "convolution",
    "filters": (12, 24),
    "attention_reduction": 4,
    "hidden_units": 48,
    "flow_normalization": True,
    "feature_filters": 8,
    "action_units": tuple(ACTION_UNITS),
    "preparation": {"margin": 0.0},
}
_LOGISTIC_REGRESSION = {
    "solver": "logistic",
    "loss": "crossentropy",
    "class_weight": "balanced",
    "mirror": True,
    "mirror_answers": True,
    "epochs": 1,
}
_PLUS_RECIPE = {**_LOGISTIC_REGRESSION, "initial_weights": "facs", "logistic_c": 10.0}

PRESETS = {
    "paper": {
        "description": "The paper's network: CBAM on the entire branch (AARS), Entropy 25(3):460, section 3.",
        "config": {},
        "parameters": 4_835_625,
    },
    "released": {
        "description": "The published code: one CBAM, same weights, on both branches.",
        "config": {"attention": "shared"},
        "parameters": 4_835_625,
    },
    "no_attention": {
        "description": "Ablation: both branches, no attention.",
        "config": {"attention": "none"},
        "parameters": 4_835_267,
    },
    "attention_puzzled": {
        "description": "Ablation: CBAM on the puzzled branch only.",
        "config": {"attention": "puzzled"},
        "parameters": 4_835_625,
    },
    "attention_both": {
        "description": "Ablation: a CBAM of its own on each branch.",
        "config": {"attention": "both"},
        "parameters": 4_835_983,
    },
    "entire_only": {
        "description": "Ablation: the entire branch with its attention (AARS) alone.",
        "config": {"branches": "entire", "attention": "entire", "similarity_weight": 0.0},
        "parameters": 2_422_089,
    },
    "puzzled_only": {
        "description": "Ablation: the puzzled branch (HARS) alone.",
        "config": {"branches": "puzzled", "attention": "none", "similarity_weight": 0.0},
        "parameters": 2_421_731,
    },
    "no_similarity": {
        "description": "Ablation: the paper's network without the cosine loss.",
        "config": {"similarity_weight": 0.0},
        "parameters": 4_835_625,
    },
    "convolution": {
        "description": "The published code's other backbone: two 3x3 convolutions per branch.",
        "config": {"backbone": "convolution", "filters": (12, 24), "attention": "shared"},
        "parameters": 2_422_927,
    },
    "facs": {
        "description": "Small, with weights learned from drawn motion alone; tells action units too.",
        "config": _FACS,
        "parameters": 46_580,
        "weights": "facs.keras",
    },
    "plus": {
        "description": "facs and a linear classifier of flow and its features answer together.",
        "config": {**_FACS, "linear_path": ("flow", "branches")},
        "parameters": 50_699,
        "recipe": _PLUS_RECIPE,
    },
    "plus_flow": {
        "description": "Ablation: plus whose linear classifier sees the flow alone.",
        "config": {**_FACS, "linear_path": ("flow",)},
        "parameters": 48_347,
        "recipe": _PLUS_RECIPE,
    },
    "plus_branches": {
        "description": "Ablation: plus whose linear classifier sees the features of the branches alone.",
        "config": {**_FACS, "linear_path": ("branches",)},
        "parameters": 48_935,
        "recipe": _PLUS_RECIPE,
    },
    "tiny": {
        "description": "For tests: every part of the paper's network, few channels.",
        "config": {"filters": (2, 4), "bottleneck": 2, "hidden_units": 16},
        "parameters": 26_663,
    },
}
"""Networks: the paper's, the published code's, the paper's ablations, one with weights, one for tests."""

PUBLISHED_RECIPE = {
    "solver": "gradient",
    "logistic_c": 1.0,
    "loss": "focal",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "batch_size": 128,
    "epochs": 60,
    "initial_weights": "none",
    "class_weight": "none",
    "mirror": False,
    "mirror_answers": False,
    "shift": 0.0,
    "zoom": 0.0,
    "rotation": 0.0,
    "magnitude": 0.0,
    "mixup": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "schedule": "constant",
    "warmup_epochs": 0,
    "ema_momentum": 0.0,
}
"""How the published networks are trained: settings of `training.TrainConfig`."""

MODELS = {
    "dualatme": {
        "description": "Dual-ATME; a preset says which one.",
    },
    "linear": {
        "description": "Logistic regression of u, v and strain, which every network has to beat.",
        "parameters": 1_767,
        "recipe": _LOGISTIC_REGRESSION,
    },
    "off_apexnet": {
        "description": "OFF-ApexNet: two streams of flow, doi 10.1016/j.image.2019.02.005.",
        "parameters": 2_664_475,
        "recipe": {"loss": "crossentropy"},
    },
    "sssnet": {
        "description": "SSSNet: a shallow single stream, doi 10.2352/ISSN.2470-1173.2021.11.HVEI-157.",
        "parameters": 169_795,
        "recipe": {"loss": "crossentropy"},
    },
    "ststnet": {
        "description": "STSTNet: a shallow triple stream, doi 10.1109/FG.2019.8756567.",
        "parameters": 1_715,
        "recipe": {"loss": "crossentropy"},
    },
}
"""Networks of a run. `recipe` is what differs from `PUBLISHED_RECIPE`; a preset may have one too."""


def training_recipe(model: str, preset: str) -> dict:
    """How a network is trained where nothing else is said: a value for each name in `PUBLISHED_RECIPE`."""
    own = PRESETS[preset] if model == "dualatme" else MODELS[model]
    return {**PUBLISHED_RECIPE, **own.get("recipe", {})}


RENAMED = {"form": "implementation", "puzzle": "puzzle_source", "protocol_csv": "ground_truth"}
"""Arguments of networks and runs by the names that files of earlier versions have."""


def with_new_names(arguments: dict) -> dict:
    """Arguments as a file has them, by the names of today."""
    return {RENAMED.get(name, name): value for name, value in arguments.items()}


def preset_config(name: str) -> dict:
    """Arguments of `DualATME` for the preset `name`; raises `DualATMEError` when there is none."""
    if name not in PRESETS:
        raise DualATMEError(f"Expected a preset out of {', '.join(PRESETS)}. Received: {name!r}.")
    return dict(PRESETS[name]["config"])


def preset_weights(name: str | os.PathLike) -> Path | None:
    """The file of weights that comes with a preset; None where it has none or there is no such preset."""
    file = PRESETS[name].get("weights") if isinstance(name, str) and name in PRESETS else None
    return file and Path(__file__).parent / "weights" / file


def presets_with_weights() -> list[str]:
    """Names of the presets that come with weights."""
    return [name for name in PRESETS if preset_weights(name)]


def initial_weights_file(weights: str | os.PathLike) -> Path:
    """The file of `initial_weights`: a preset's, or the path itself.

    Raises:
        DualATMEError: there is none.
    """
    file = preset_weights(weights) or Path(weights)
    if not file.is_file():
        raise DualATMEError(
            "Expected `initial_weights` to be a file of weights, or a preset that comes with some: "
            f"{', '.join(presets_with_weights())}. Received: {os.fspath(weights)!r}, and no such file."
        )
    return file
