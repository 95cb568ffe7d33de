"""Runs of train.py as far as recognition reads them, with small networks that were not trained."""

import dataclasses
import json
import sys
from pathlib import Path

import keras

sys.path.insert(0, str(Path(__file__).parents[1]))
from spread_network import spread

from dualatme_keras.models import DualATME
from dualatme_keras.preprocessing import PrepareSettings

SETTINGS = PrepareSettings(landmarks="template", face_size=64, flow="dis")


def write_run(path, settings=SETTINGS, folds=2, final=True, seed=0, **arguments):
    """A run's folder; returns the networks, the final one first."""
    path.mkdir(parents=True)
    stored = settings and dataclasses.asdict(settings)
    (path / "config.json").write_text(json.dumps({"preset": "tiny", "preparation": stored}))
    names = ["final"] * final + [f"folds/s{number:02d}" for number in range(1, folds + 1)]
    models = []
    for number, name in enumerate(names):
        keras.utils.set_random_seed(seed + number)
        models.append(spread(DualATME.from_preset("tiny", backbone="convolution", **arguments), 0.5))
        (path / name).mkdir(parents=True)
        models[-1].save(path / name / "model.keras")
    return models
