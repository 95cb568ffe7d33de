"""A small network's export with all signatures, made once for all tests of serving."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from spread_network import spread

from dualatme_keras.models import DualATME
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.serving import export_saved_model

SETTINGS = PrepareSettings(face_size=48, landmarks="template")
METRICS = {"full": {"uf1": 0.5}}


def new_tiny_export(directory):
    """Returns the network and the path of its version 1."""
    model = spread(DualATME.from_preset("tiny", attention="shared"))
    return model, export_saved_model(model, directory, settings=SETTINGS, metrics=METRICS, warm_up=True)
