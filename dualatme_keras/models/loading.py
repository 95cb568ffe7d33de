"""Trained networks from disk."""

import os

import keras

from dualatme_keras.choices import preset_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models.dual_atme import DualATME
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
        DualATMEError: there is no such file, or it is of another kind.
    """
    path = os.fspath(preset_weights(path) or path)
    extension = os.path.splitext(path)[1]
    if not os.path.isfile(path) or extension not in (".keras", ".pth", ".pt"):
        raise DualATMEError(f"Expected an existing .keras or .pth file. Received: {path}.")
    if extension != ".keras":
        return load_torch_checkpoint(path, attention=attention)
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise DualATMEError(
            f"Expected a network saved by this package. Received: {path} ({error})."
        ) from error
    if not isinstance(model, DualATME):
        raise DualATMEError(
            f"Expected a DualATME network. Received: {path}, which holds another network, {model.name!r}."
        )
    return model
