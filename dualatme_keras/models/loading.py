"""Trained networks from disk."""

import os

import keras

from dualatme_keras.choices import preset_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models.dual_atme import DualATME
from dualatme_keras.models.keras_file import check_keras_file
from dualatme_keras.models.torch_checkpoint import load_torch_checkpoint


def load_model(path: str | os.PathLike, attention: str = "shared") -> DualATME:
    """Loads a trained network.

    Args:
        path: a `.keras` file of this package, a `.pth` file of the published code, or the name of a preset
            that comes with weights.
        attention: of a `.pth` file, which does not say where its CBAM stands; see `load_torch_checkpoint`.

    Returns:
        The network, not compiled.

    Raises:
        DualATMEError: there is no such file, or it is of another kind, or declares more than it holds.
    """
    path = os.fspath(preset_weights(path) or path)
    extension = os.path.splitext(path)[1]
    if not os.path.isfile(path) or extension not in (".keras", ".pth", ".pt"):
        raise DualATMEError(f"Expected an existing .keras or .pth file. Received: {path}.")
    if extension != ".keras":
        return load_torch_checkpoint(path, attention=attention)
    check_keras_file(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # what layers and HDF5 raise for arguments and weights that are none
        raise DualATMEError(
            f"Expected a network saved by this package. Received: {path} ({error})."
        ) from error
