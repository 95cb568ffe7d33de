"""Weights of the published PyTorch code in this package's network."""

import os

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models.dual_atme import DualATME
from dualatme_keras.models.torch_file import read_torch_tensors
from dualatme_keras.text import shorten


def load_torch_checkpoint(path: str | os.PathLike, attention: str = "shared", **overrides) -> DualATME:
    """Builds the published network and gives it the weights of a `.pth` file.

    Neither PyTorch nor the published code is needed, and nothing that the file names is executed (see
    `read_torch_tensors`).

    Args:
        path: a state dict or whole module with the published names (`Inception1_1.branch1x1.0.weight`, ...),
            Inception backbone.
        attention: where its CBAM stands: `"shared"` (what the published code computes), or `"entire"`,
            `"puzzled"`, `"none"` for code changed accordingly.
        **overrides: further arguments of `DualATME`.

    Returns:
        A `DualATME` with these weights.

    Raises:
        DualATMEError: the file is refused or damaged, or its names or shapes are not the network's.
    """
    model = DualATME(attention=attention, **overrides)
    assign_torch_tensors(model, read_torch_tensors(path), source=str(path))
    return model


def assign_torch_tensors(model, tensors, source="the state dict"):
    """Copies PyTorch tensors, by their published names, into the variables of a `DualATME`.

    Raises:
        DualATMEError: a name is missing or not known, or a shape differs; nothing is assigned then.
    """
    wanted = torch_variables(model)
    known = {variable.path for variable, _convert in wanted.values()}
    if others := [weight.path for weight in model.weights if weight.path not in known]:
        raise DualATMEError(
            "Expected a network with the weights of the published one alone. "
            f"Received: one with {shorten(others)} besides."
        )
    given = {name for name in tensors if not name.endswith("num_batches_tracked")}
    missing, unknown = sorted(set(wanted) - given), sorted(given - set(wanted))
    if missing or unknown:
        raise DualATMEError(
            f"Expected the {len(wanted)} tensors of the published network in {source}. "
            f"Received: {len(given)} tensors; missing {shorten(missing) or 'none'}; unknown "
            f"{shorten(unknown) or 'none'}. Check `attention` and the backbone."
        )
    values = {}
    for name, (variable, convert) in wanted.items():
        values[name] = convert(tensors[name])
        if values[name].shape != tuple(variable.shape):
            raise DualATMEError(
                f"Expected {name} in {source} to fit a variable of shape {tuple(variable.shape)}. "
                f"Received: a tensor of shape {tensors[name].shape}."
            )
    for name, (variable, _convert) in wanted.items():
        variable.assign(values[name])


def torch_variables(model) -> dict:
    """The model's variables by published PyTorch name.

    Returns:
        `{name: (variable, convert)}`; `convert` turns an array of PyTorch's layout into the variable's.
    """
    found = {}
    cbams = [layer for layer in model.layers if layer.name.endswith("cbam")]
    if model.backbone != "inception" or model.branches != "both":
        raise DualATMEError(
            "Expected a network of two Inception branches, the only one with published PyTorch names. "
            f"Received: {model.get_config()}."
        )
    if len(cbams) > 1:
        raise DualATMEError(
            "Expected at most one CBAM, as in the published code. Received: attention='both'."
        )
    for number, branch in ((1, "entire"), (2, "puzzled")):
        for stage in (1, 2):
            block = model.get_layer(f"{branch}_inception_{stage}")
            for path, position, unit in _block_units(block):
                prefix = f"Inception{number}_{stage}.{path}"
                found.update(_weighted(f"{prefix}.{position}", unit.convolution, _convolution))
                found.update(_norm(f"{prefix}.{position + 1}", unit.norm))
    for cbam in cbams:
        found.update(_weighted("cbam.shared_MLP.0", cbam.channel_attention.hidden, np.transpose))
        found.update(_weighted("cbam.shared_MLP.2", cbam.channel_attention.output_dense, np.transpose))
        found.update(_weighted("cbam.conv2d", cbam.spatial_attention.convolution, _convolution))
    features = model.get_layer("entire_features").input.shape[1:]  # (height, width, channels)
    found.update(_weighted("fc.0", model.get_layer("hidden"), lambda w: _flattened(w, features)))
    found.update(_norm("fc.1", model.get_layer("hidden_norm")))
    found.update(_weighted("fc.4", model.get_layer("logits"), np.transpose))
    return found


def _block_units(block):
    """Units of an Inception block as (PyTorch path, position of the convolution in it, layer)."""
    yield "branch1x1", 0, block.path_1x1[0]
    for path, units in (("branch3x3", block.path_3x3), ("branch5x5", block.path_5x5)):
        yield path, 0, units[0]
        yield path, 3, units[1]
    yield "branch_pool", 1, block.path_pool[1]


def _weighted(name, layer, convert):
    return {f"{name}.weight": (layer.kernel, convert), f"{name}.bias": (layer.bias, np.asarray)}


def _norm(name, layer):
    variables = {
        "weight": layer.gamma,
        "bias": layer.beta,
        "running_mean": layer.moving_mean,
        "running_var": layer.moving_variance,
    }
    return {f"{name}.{key}": (variable, np.asarray) for key, variable in variables.items()}


def _convolution(kernel):
    return np.transpose(kernel, (2, 3, 1, 0))  # (out, in, height, width) -> (height, width, in, out)


def _flattened(kernel, features):
    """Reorders a dense kernel over two branches flattened channels first to channels last."""
    height, width, channels = features
    if kernel.ndim != 2 or kernel.shape[1] != 2 * height * width * channels:
        return np.transpose(kernel)
    kernel = kernel.reshape(-1, 2, channels, height, width)
    return np.transpose(kernel, (1, 3, 4, 2, 0)).reshape(-1, kernel.shape[0])  # (features, units)
