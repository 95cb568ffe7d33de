"""Files that carry code are refused, and none of it runs."""

import importlib.metadata
import json
import zipfile

import keras
import pytest
from packaging.requirements import Requirement

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME, load_model


@pytest.mark.parametrize("version", ["3.6.0", "3.11.3", "3.12.0", "3.12.3", "3.13.2", "3.14.1", "3.15.0"])
def test_versions_of_keras_with_known_holes_are_not_installed(version):
    (bound,) = [
        requirement.specifier
        for requirement in map(Requirement, importlib.metadata.requires("dualatme-keras"))
        if requirement.name == "keras"
    ]
    assert version not in bound
    assert "3.12.4" in bound  # the last for Python 3.10
    assert keras.__version__ in bound


@pytest.fixture
def saved(tmp_path):
    """A small network's file, and a function that writes it anew with another config."""
    DualATME.from_preset("tiny").save(tmp_path / "model.keras")

    def forge(change):
        with zipfile.ZipFile(tmp_path / "model.keras") as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["config.json"] = json.dumps(change(json.loads(members["config.json"])))
        with zipfile.ZipFile(tmp_path / "forged.keras", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return tmp_path / "forged.keras"

    return forge


def called(marker):
    """As an archive names a function that is to be called with an argument: here it makes a folder."""
    return {
        "module": "os",
        "class_name": "mkdir",
        "config": {"path": str(marker)},
        "registered_name": "mkdir",
    }


FORGERIES = {
    "whole": lambda config, marker: called(marker),
    "process": lambda config, marker: {
        "module": "subprocess",
        "class_name": "Popen",
        "config": {"args": ["mkdir", str(marker)]},
        "registered_name": "Popen",
    },
    "policy": lambda config, marker: {**config, "config": {**config["config"], "dtype": called(marker)}},
    "build": lambda config, marker: {**config, "build_config": called(marker)},
    "compile": lambda config, marker: {**config, "compile_config": {"optimizer": called(marker)}},
    "safe mode off": lambda config, marker: {
        "module": "keras.config",
        "class_name": "function",
        "config": "enable_unsafe_deserialization",
        "registered_name": "function",
    },
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_units": 30_000, "action_units": [1] * 50_000}, "the weights of the network"),
        ({"filters": [4, 40_000], "attention_reduction": 1}, "the weights of the network"),
        ({"filters": None}, "two numbers in `filters`"),
        ({"filters": [1]}, "two numbers in `filters`"),
        ({"num_classes": None, "class_names": 5}, "Expected lists"),
    ],
)
def test_networks_larger_than_their_weights(changes, message, saved):
    path = saved(lambda config: {**config, "config": {**config["config"], **changes}})
    with pytest.raises(DualATMEError, match=message):
        load_model(path)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_a_config_names_is_not_called(forgery, saved, tmp_path):
    marker = tmp_path / "called"
    path = saved(lambda config: FORGERIES[forgery](config, marker))
    if forgery in ("build", "compile"):  # not read: the network builds itself, and is loaded uncompiled
        load_model(path)
    else:
        with pytest.raises(DualATMEError, match="forged.keras"):
            load_model(path)
    assert not marker.exists()


def test_bytecode_is_not_run(tmp_path):
    marker = tmp_path / "called"
    layer = keras.layers.Lambda(
        lambda x, marker=str(marker): (__import__("os").makedirs(marker, exist_ok=True), x)[1]
    )
    model = keras.Sequential([keras.Input((2,)), layer])
    model.save(tmp_path / "lambda.keras")
    marker.rmdir()  # made when the model was built
    with pytest.raises(DualATMEError, match="lambda.keras"):
        load_model(tmp_path / "lambda.keras")
    assert not marker.exists()
