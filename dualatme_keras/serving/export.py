"""SavedModels for TensorFlow Serving."""

import os
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from dualatme_keras.data import decode_image
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import cosine_similarity
from dualatme_keras.models import DualATME
from dualatme_keras.protocol import CLASS_NAMES


def export_saved_model(model, directory, version: int | None = None) -> Path:
    """Writes `DIRECTORY/VERSION/`, a SavedModel with two signatures, for any batch size.

    - `serving_default`: inputs `entire`, `puzzled`, float32 `(batch, size, size, 3)` in [-1, 1].
    - `serve_images`: inputs `entire_bytes`, `puzzled_bytes`, strings `(batch,)`, PNG or JPEG files, which
      are decoded, resized and scaled in the graph exactly as in training.

    Both return `probabilities` float32 `(batch, classes)`, `class_id` int64 `(batch,)`, `label` string
    `(batch,)` and, with two branches, `similarity` float32 `(batch,)`, the cosine between their features. A
    network of one branch, or one that cuts its own puzzle, has only the inputs that it takes.

    The folder appears under its name only when complete, so a server that watches `DIRECTORY` never loads
    half a version.

    Args:
        model: a `DualATME`, or the path of one saved as a `.keras` file.
        directory: folder of all versions of the model.
        version: version number; the next free one by default.

    Returns:
        Path of the version's folder.

    Raises:
        DualATMEError: the version exists already.
    """
    if not isinstance(model, keras.Model):
        model = keras.models.load_model(model, compile=False)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    versions = [int(entry.name) for entry in directory.iterdir() if entry.name.isdigit()]
    version = max(versions, default=0) + 1 if version is None else version
    if version in versions:
        raise DualATMEError(
            f"Expected a new version number in {directory}. Received: {version}, which is there. "
            f"The next free one is {max(versions) + 1}."
        )
    archive = _new_archive(model)
    # Beside its final place, so that the move into it is a rename; a server passes over such a name.
    partial = tempfile.mkdtemp(prefix=f".{version}.", dir=directory)
    try:
        archive.write_out(partial, verbose=False)
        target = directory / str(version)
        os.replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    target.chmod(0o755)  # temporary folders are closed to the server's user
    return target


def _new_archive(model):
    answering = _answering_model(model)
    size = model.get_config()["image_size"]
    names = [tensor.name for tensor in model.inputs]
    archive = keras.export.ExportArchive()
    archive.track(answering)

    def serve(**images):
        return _with_label(answering(images))

    def serve_images(**encoded):
        images = {
            name: tf.map_fn(
                lambda image: decode_image(image, size),
                encoded[f"{name}_bytes"],
                fn_output_signature=tf.TensorSpec((size, size, 3), tf.float32),
            )
            for name in names
        }
        return _with_label(answering(images))

    tensors = {name: tf.TensorSpec((None, size, size, 3), tf.float32, name=name) for name in names}
    strings = {f"{name}_bytes": tf.TensorSpec((None,), tf.string, name=f"{name}_bytes") for name in names}
    for endpoint, function, specs in (
        ("serving_default", serve, tensors),
        ("serve_images", serve_images, strings),
    ):
        traced = tf.function(function)
        traced.get_concrete_function(**specs)
        archive.add_endpoint(endpoint, traced)
    return archive


def _answering_model(model: DualATME) -> keras.Model:
    """The network with what a client asks for as its outputs, under the names of the signatures."""
    logits = keras.ops.cast(model.output, "float32")
    outputs = {
        "probabilities": keras.ops.softmax(logits, axis=-1),
        "class_id": keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int64"),
    }
    if model.get_config()["branches"] == "both":
        entire, puzzled = (model.get_layer(f"{branch}_features").output for branch in ("entire", "puzzled"))
        outputs["similarity"] = cosine_similarity(entire, puzzled)
    return keras.Model(model.input, outputs)


def _with_label(answers):
    labels = tf.constant(CLASS_NAMES[: answers["probabilities"].shape[-1]])
    return {**answers, "label": tf.gather(labels, answers["class_id"])}
