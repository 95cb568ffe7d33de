"""`.keras` files of strangers: refused by what they declare, before Keras builds and reads anything."""

import inspect
import io
import math
import os

from dualatme_keras.choices import with_new_names
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import parse_json, stored_archive
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.models.dual_atme import DualATME

_MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
"""Sorted. Others would be unpacked to the disk."""

_CLASS = ("DualATME", "dualatme_keras>DualATME")


def check_keras_file(path: str | os.PathLike) -> None:
    """Looks at a file that Keras is to load.

    Keras refuses what declares more than 4 GiB, and builds whatever a config asks for. Here a file that is
    small cannot ask for much.

    Raises:
        DualATMEError: it is no archive as Keras writes it, holds another network than `DualATME`, or fewer
            weights than that network has, or weights that are compressed, elsewhere, or more than the file.
    """
    with stored_archive(path) as archive:
        names = sorted(archive.namelist())
        if names != _MEMBERS:
            raise DualATMEError(
                f"Expected {', '.join(_MEMBERS)} in {path}. Received: {', '.join(names)[:200]}."
            )
        config = parse_json(archive.read("config.json"), f"{path}, config.json")
        weights = archive.read("model.weights.h5")
    arguments = config.get("config")
    if (config.get("class_name"), config.get("registered_name")) != _CLASS:
        name = arguments.get("name") if isinstance(arguments, dict) else None
        raise DualATMEError(
            f"Expected a DualATME network. Received: {path}, which holds another network, {name!r:.80}."
        )
    stored, wanted = _stored_parameters(weights, path), _least_parameters(arguments, path)
    if wanted > stored:
        raise DualATMEError(
            f"Expected the weights of the network that {path} describes, {wanted} or more. "
            f"Received: {stored}."
        )


def _stored_parameters(content, path):
    """How many numbers an HDF5 file holds, all of them as they are and inside it."""
    import h5py

    counts, sizes, odd = [], [], []

    def look(name, item):
        if isinstance(item, h5py.Dataset):
            counts.append(math.prod(item.shape or ()))
            sizes.append(counts[-1] * item.dtype.itemsize)
            if item.dtype.kind not in "fiuV" or item.chunks or item.external or item.is_virtual:
                odd.append(name)

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            file.visititems(look)
    except Exception as error:  # HDF5 has many words for damage
        raise DualATMEError(f"Expected weights that can be read in {path}. Received: {error}.") from error
    if odd or sum(sizes) > len(content):
        raise DualATMEError(
            f"Expected weights as Keras stores them in {path}. "
            f"Received: {odd[0][:200] if odd else f'{sum(sizes)} bytes of them in {len(content)}'}."
        )
    return sum(counts)


_SIZES = ("image_size", "bottleneck", "attention_kernel_size", "attention_reduction", "hidden_units")


def _least_parameters(arguments, path):
    """Numbers in those layers of a `DualATME` that grow with its arguments."""
    if not isinstance(arguments, dict):
        raise DualATMEError(f"Expected the arguments of a network in {path}. Received: {arguments!r:.80}.")
    known = {name: each.default for name, each in inspect.signature(DualATME).parameters.items()}
    values = known | with_new_names(arguments)
    lists = {name: values[name] for name in ("filters", "class_names", "action_units")}
    if not all(isinstance(value or [], (list, tuple)) for value in lists.values()) or (
        len(values["filters"] or ()) != 2
    ):
        raise DualATMEError(f"Expected lists, two numbers in `filters`, in {path}. Received: {lists!r:.200}.")
    classes = values["num_classes"] or len(values["class_names"] or CLASS_NAMES)
    sizes = [values[name] for name in _SIZES]
    sizes += [classes, *values["filters"]]
    reduced = values["feature_filters"]
    if not all(type(size) is int and size > 0 for size in (*sizes, *([reduced] if reduced else []))):
        raise DualATMEError(f"Expected positive numbers as sizes of a network in {path}. Received: {sizes}.")
    size, bottleneck, attended, reduction, hidden, _, first, second = sizes
    channels, kernels = second, 9 * first * second
    if values["backbone"] == "inception":
        channels, kernels = 4 * second, 25 * bottleneck * (first + second) + 4 * first * second
    features = (size // 4) ** 2 * (reduced or channels) * (2 if values["branches"] == "both" else 1)
    kernels += channels * (reduced or 0)
    if values["attention"] != "none":
        kernels += attended**2 + 2 * channels * max(1, channels // reduction)
    return kernels + hidden * (features + classes + 2 * len(values["action_units"] or ()))
