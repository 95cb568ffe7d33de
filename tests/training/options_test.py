"""Settings of a run that compile a network of their own."""

import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import rerun
from demo_data import write_colours

from dualatme_keras.errors import DualATMEError


def test_classes_of_another_number(base, tmp_path):
    names = ("red", "green", "blue", "white")
    own = dict.fromkeys(("loss", "epochs", "batch_size", "learning_rate"))
    # Nothing to trace.
    changes = {"model": "linear", "preset": "paper", "subjects": ("s01",)}
    base = dataclasses.replace(base, **changes, **own)
    result = rerun(base, tmp_path / "run", class_names=names, epochs=None, final_model=True)
    assert result.predictions.class_names == names
    assert result.predictions.probabilities.shape == (6, 4)
    assert np.shape(result.metrics["full"]["confusion"]) == (4, 4)
    header = (tmp_path / "run" / "predictions.csv").read_text().splitlines()[0]
    assert header.endswith("prediction,p_red,p_green,p_blue,p_white")
    assert keras.models.load_model(result.final_model).output_shape == (None, 4)
    with pytest.raises(DualATMEError, match="Received: class_names .*'white'"):
        rerun(base, tmp_path / "run", epochs=None)
    config = tmp_path / "run" / "config.json"
    record = json.loads(config.read_text())
    del record["class_names"]  # as earlier versions, which had those of MEGC2019
    config.write_text(json.dumps(record))
    with pytest.raises(DualATMEError, match="Received: class_names .*'white'"):
        rerun(base, tmp_path / "run", class_names=names, epochs=None)


@pytest.mark.long
def test_two_devices_learn_too(small, tmp_path):
    """Two logical CPU devices; the last batch of 13 clips in 4s is one clip, so one device has none."""
    write_colours(tmp_path, clips_per_subject=13, subjects={"sub01": "casme2", "s01": "smic"})
    changes = {"lists": str(tmp_path / "lists"), "data_root": str(tmp_path), "distribute": "mirrored"}
    result = rerun(small, tmp_path / "run", **changes, epochs=20, batch_size=4, learning_rate=0.01)
    assert result.metrics["full"]["accuracy"] > 0.9
    saved = keras.models.load_model(tmp_path / "run" / "folds" / "s01" / "model.keras")
    assert all(np.isfinite(weights).all() for weights in saved.get_weights())
    with pytest.raises(DualATMEError, match="multiple of the 2 devices.*5"):
        rerun(small, tmp_path / "odd", **changes, batch_size=5)


def test_scale_of_a_fold_does_not_depend_on_the_folds_before(small, tmp_path):
    """In half precision the loss is scaled, and each fold starts with the first scale."""
    # So fast that gradients soon leave float16's range, and the scale is halved.
    changes = {"precision": "mixed_float16", "learning_rate": 0.3, "epochs": 8, "batch_size": 6}
    both = rerun(small, tmp_path / "both", subjects=("sub01", "s01"), **changes)
    alone = rerun(small, tmp_path / "alone", subjects=("s01",), **changes)
    rows = both.predictions.subjects == "s01"
    np.testing.assert_array_equal(both.predictions.probabilities[rows], alone.predictions.probabilities)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "mixed_float16", "learning_rate": 0.003},
        {"puzzle_source": "layer", "optimizer": "sgd", "loss": "balanced"},
        {"loss": "cosine", "optimizer": "adamw"},
    ],
    ids=["mixed precision", "puzzle layer", "cosine"],
)
def test_options_learn(changes, base, tmp_path):
    result = rerun(base, tmp_path / "run", epochs=60, subjects=("sub01",), **changes)
    assert result.metrics["full"]["accuracy"] > 0.6
    assert np.isfinite(result.predictions.probabilities).all()
