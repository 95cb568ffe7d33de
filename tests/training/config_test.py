"""Settings of a run: the published ones by default, and none out of its range."""

import pytest

from dualatme_keras.choices import PRESETS, preset_config
from dualatme_keras.errors import DualATMEError
from dualatme_keras.training import TrainConfig


def test_defaults_are_the_published_settings():
    published = {
        "preset": "paper",
        "loss": "focal",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "batch_size": 128,
        "epochs": 60,
        "protocol": "cde",
        "seed": 1,
        "precision": "float32",
        "workers": "auto",
        "executor": "processes",
        "threads": 0,
        "steps_per_execution": 1,
        "distribute": "none",
    }
    config = TrainConfig().resolved()
    assert {name: getattr(config, name) for name in published} == published


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("batch_size", 1),
        ("epochs", 1),
        ("steps_per_execution", 1),
        ("seed", 0),
        ("threads", 0),
    ],
)
def test_lowest_numbers(name, lowest):
    assert getattr(TrainConfig(**{name: lowest}), name) == lowest
    for wrong in (lowest - 1, lowest + 0.5):
        with pytest.raises(DualATMEError, match=f"`{name}` to be an integer from {lowest}"):
            TrainConfig(**{name: wrong})


@pytest.mark.parametrize("network", [{"preset": "plus"}, {"model": "linear"}])
def test_steps_of_a_network_that_is_fitted_take_epochs(network):
    """Which a regression has one of."""
    assert TrainConfig(**network).resolved().epochs == 1
    assert TrainConfig(**network, solver="gradient").resolved().epochs == 60
    assert TrainConfig(**network, solver="gradient", epochs=3).resolved().epochs == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "plus", "jit_compile": True}, "`jit_compile` with `solver='gradient'`"),
        ({"model": "linear", "steps_per_execution": 4}, "`steps_per_execution` with `solver='gradient'`"),
        ({"ray_address": "head:6379"}, "`ray_address` with `executor='ray'`"),
    ],
)
def test_settings_without_effect_are_refused(settings, message):
    with pytest.raises(DualATMEError, match=f"Expected {message}"):
        TrainConfig(**settings)
    TrainConfig(**{"executor": "ray", **settings, "preset": "paper", "model": "dualatme"})


@pytest.mark.parametrize("rate", [0.0, -1e-3, float("inf"), float("nan")])
def test_learning_rates_that_are_none(rate):
    with pytest.raises(DualATMEError, match="`learning_rate` to be a positive"):
        TrainConfig(learning_rate=rate)


def test_ablations_differ_from_the_paper_in_what_they_are_called_after():
    """One branch alone has nothing to be similar to."""
    alone = {"similarity_weight": 0.0}
    others = ("tiny", "convolution", "facs", "plus", "plus_flow", "plus_branches")
    assert {name: preset_config(name) for name in PRESETS if name not in others} == {
        "paper": {},
        "released": {"attention": "shared"},
        "no_attention": {"attention": "none"},
        "attention_puzzled": {"attention": "puzzled"},
        "attention_both": {"attention": "both"},
        "entire_only": {"branches": "entire", "attention": "entire", **alone},
        "puzzled_only": {"branches": "puzzled", "attention": "none", **alone},
        "no_similarity": alone,
    }


@pytest.mark.parametrize("names", [(), ("one",), ("one", "One"), ("one", "")])
def test_classes_that_are_none(names):
    with pytest.raises(
        DualATMEError, match="`class_names` to be two names or more that differ by more than capitals"
    ):
        TrainConfig(class_names=names)


def test_lists_are_as_good_as_tuples():
    given = TrainConfig(class_names=["calm", "tense"], subjects=["sub01"])
    assert given == TrainConfig(class_names=("calm", "tense"), subjects=("sub01",))
    assert hash(given.for_any_run())


def test_an_optimizer_whose_state_would_stay_from_fold_to_fold_is_refused():
    TrainConfig(optimizer="nadam", precision="mixed_bfloat16")
    with pytest.raises(DualATMEError, match="another `optimizer` with `precision='mixed_float16'`"):
        TrainConfig(optimizer="nadam", precision="mixed_float16")


def test_a_class_is_not_called_as_no_expression_is():
    with pytest.raises(DualATMEError, match="`class_names` without 'none'"):
        TrainConfig(class_names=("None", "smile"))


def test_folds_share_the_devices_in_one_way():
    for changes in ({"workers": 2}, {"distribute": "mirrored"}):
        TrainConfig(**changes)
    with pytest.raises(DualATMEError, match="either `workers` or `distribute`.*`workers=2`"):
        TrainConfig(workers=2, distribute="mirrored")
