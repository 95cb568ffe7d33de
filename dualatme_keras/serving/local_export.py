"""An export asked in this process, as a server would be."""

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from dualatme_keras.data.lists import read_text
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import SETTINGS_FILE, read_settings
from dualatme_keras.serving.client import RequestRefused, as_arrays


class LocalExport:
    """Asks an exported SavedModel without a server; otherwise as `Client`.

    Args:
        path: folder of a version, or of all versions, of which the newest is taken.

    Attributes:
        settings: how the images were prepared that the network was trained on; None where the export does not
            say.
        class_names: names of the classes, in the order of the probabilities.
        digest: SHA-256 of graph, weights and assets.

    Raises:
        DualATMEError: there is no SavedModel of an export, or it is damaged.
    """

    def __init__(self, path: str | os.PathLike):
        versions = [entry for entry in Path(path).glob("*/saved_model.pb") if entry.parent.name.isdigit()]
        newest = max(versions, key=lambda entry: int(entry.parent.name), default=None)
        self.path = str(newest.parent) if newest else os.fspath(path)
        labels = Path(self.path, "assets", "labels.txt")
        if not tf.saved_model.contains_saved_model(self.path) or not labels.is_file():
            raise DualATMEError(
                "Expected the folder of an export or one of its versions, such as models/dualatme/1. "
                f"Received: {self.path}."
            )
        settings = Path(self.path, "assets", SETTINGS_FILE)
        self.settings = read_settings(settings) if settings.is_file() else None
        self.class_names = tuple(read_text(labels).removesuffix("\n").split("\n"))
        try:
            self._model = tf.saved_model.load(self.path)
        except Exception as error:  # whatever TensorFlow stumbles over in a damaged file
            raise DualATMEError(
                f"Expected a whole export. Received: {self.path} ({str(error)[:200]}). Export it again."
            ) from error

    @functools.cached_property
    def digest(self) -> str:
        content = hashlib.sha256()
        for file in sorted(each for each in Path(self.path).rglob("*") if each.is_file()):
            content.update(f"{file.relative_to(self.path)}\n".encode() + file.read_bytes())
        return content.hexdigest()

    def predict(self, inputs: Mapping, signature: str = "serving_default") -> dict[str, np.ndarray]:
        """Answers for a batch, see `Client.predict`.

        Raises:
            DualATMEError: inputs are empty, not equally long, or have NaN, infinite numbers or text.
            RequestRefused: the signature is not there or has other inputs, or the graph refuses one.
        """
        if signature not in self._model.signatures:
            raise RequestRefused(
                f"Expected a signature out of {', '.join(self._model.signatures)} of {self.path}. "
                f"Received: {signature!r}."
            )
        arrays = as_arrays(inputs)
        wanted = sorted(self._model.signatures[signature].structured_input_signature[1])
        if sorted(arrays) != wanted:
            raise RequestRefused(
                f"Expected the inputs {', '.join(wanted)} of signature {signature}. "
                f"Received: {', '.join(sorted(arrays))}."
            )
        try:
            tensors = {
                name: tf.constant(array.tolist() if array.dtype == object else array)
                for name, array in arrays.items()
            }
            answers = self._model.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            lines = error.message.splitlines()
            reason = next((line for line in lines if line.startswith("assertion failed")), " ".join(lines))
            raise RequestRefused(f"{self.path}, signature {signature}: {reason}") from error
        return {
            name: np.char.decode(value.numpy().astype(bytes)) if value.dtype == tf.string else value.numpy()
            for name, value in answers.items()
        }
