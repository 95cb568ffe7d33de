"""A small network's export with all signatures, made once for all tests."""

import sys
from pathlib import Path

import keras

sys.path.insert(0, str(Path(__file__).parents[1]))
from shared import made_once
from spread_network import spread

from dualatme_keras.models import DualATME
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.serving import export_saved_model

SETTINGS = PrepareSettings(face_size=32, landmarks="template")
METRICS = {"full": {"uf1": 0.5}}


def new_tiny():
    """The network; it has the same weights each time."""
    keras.utils.set_random_seed(0)
    return spread(DualATME.from_preset("tiny", attention="shared"))


def export_tiny(directory):
    """Returns the path of its version 1 below `directory`."""
    return export_saved_model(new_tiny(), directory, settings=SETTINGS, metrics=METRICS, warm_up=True)


def tiny_export(tmp_path_factory):
    """The same, made by one of the test processes; to be read only."""
    return made_once(tmp_path_factory, "tiny_export", export_tiny) / "1"
