"""SavedModels for TensorFlow Serving."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import tensorflow as tf

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_folder
from dualatme_keras.models import DualATME, load_model
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.serving.signatures import new_signatures
from dualatme_keras.serving.warm_up import WARM_UP_FILE, write_warm_up


def export_saved_model(
    model: DualATME | str | os.PathLike,
    directory: str | os.PathLike,
    version: int | None = None,
    settings: PrepareSettings | None = None,
    metrics: dict | None = None,
    warm_up: bool = False,
    model_name: str = "dualatme",
) -> Path:
    """Writes `DIRECTORY/VERSION/`, a SavedModel with two or three signatures, for any batch size.

    - `serving_default`: inputs `entire`, `puzzled`, float32 `(batch, size, size, 3)` in [-1, 1].
    - `serve_images`: inputs `entire_bytes`, `puzzled_bytes`, strings `(batch,)`, PNG or JPEG files, which
      are decoded, resized and scaled in the graph exactly as in training.
    - `serve_frames`, with `settings` of TV-L1 flow: inputs `onset_bytes`, `apex_bytes`, strings `(batch,)`,
      PNG or JPEG files of the two frames, and `landmarks`, float32 `(batch, 5, 2)` in their pixels (see
      `regions.TEMPLATE_LANDMARKS`); -1 throughout, or `(0, 5, 2)`, which is also the default, for frames that
      are aligned faces. Alignment, regions, flow and encoding are in the graph.

    All return `probabilities` float32 `(batch, classes)`, `class_id` int64 `(batch,)`, `label` string
    `(batch,)` and, with two branches, `similarity` float32 `(batch,)`, the cosine between their features. One
    that tells action units also returns `action_units` float32 `(batch, units, 2)`, their probabilities on
    the image-left and image-right side, and `action_unit_numbers` int32 `(batch, units)`. A
    network of one branch, or one that cuts its own puzzle, has only the inputs that it takes. What is wrong
    with a request is answered with INVALID_ARGUMENT.

    `assets/` has `labels.txt` and `network.json` (the network's configuration), with settings
    `prepare.json`, with metrics `metrics.json`. The folder appears under its name only when complete, so a
    server that watches `DIRECTORY` never loads half a version.

    Args:
        model: a `DualATME`, or the path of a `.keras` or `.pth` file.
        directory: folder of all versions of the model.
        version: version number; the next free one by default.
        settings: how the images were prepared that the network was trained on; the network's own
            `preparation` by default.
        metrics: scores of the run.
        warm_up: write warm-up requests, one for each signature; takes tensorflow-serving-api.
        model_name: the server's name of the model, which warm-up requests have.

    Returns:
        Path of the version's folder.

    Raises:
        DualATMEError: the version exists already, or a package is missing.
        WritingError: the folder cannot be written, or the disk is full.
    """
    if not isinstance(model, DualATME):
        model = load_model(model)
    settings = settings or model.preparation
    directory = Path(directory)
    version = free_version(directory, version)
    frames = settings if settings is not None and settings.flow == "tvl1" else None
    holder, signatures = new_signatures(model, frames)

    def write(folder):
        try:
            tf.saved_model.save(holder, str(folder), signatures)
            _write_assets(folder / "assets", model, settings, metrics)
            if warm_up:
                write_warm_up(folder / WARM_UP_FILE, model, signatures, model_name)
        except tf.errors.OpError as error:  # what TensorFlow's file system has for OSError
            raise OSError(errno.EIO, error.message) from error

    # A server passes over the name that the folder has until it is complete.
    replace_folder(directory / str(version), write, replace=False)
    return directory / str(version)


def free_version(directory: Path, version: int | None) -> int:
    """The next free version number in a folder of versions of any format, or `version` if it is free.

    Raises:
        DualATMEError: it is not, or no positive number.
    """
    entries = (entry for pattern in ("*", "onnx/*", "litert/*") for entry in directory.glob(pattern))
    versions = [int(entry.stem) for entry in entries if entry.stem.isdigit()]
    following = max(versions, default=0) + 1
    if version is None:
        return following
    if version < 1 or version in versions:
        raise DualATMEError(
            f"Expected a new version number, 1 or more, in {directory}. Received: {version}"
            f"{', which is there' if version in versions else ''}. The next free one is {following}."
        )
    return version


_NOT_OF_THE_NETWORK = ("name", "dtype", "implementation", "preparation")
"""Parts of the configuration that network.json leaves out; prepare.json has the last."""


def _write_assets(folder, model, settings, metrics):
    folder.mkdir(exist_ok=True)
    (folder / "labels.txt").write_text("\n".join(model.class_names) + "\n", encoding="utf-8")
    contents = {
        "network.json": {k: v for k, v in model.get_config().items() if k not in _NOT_OF_THE_NETWORK},
        "prepare.json": settings and dataclasses.asdict(settings),
        "metrics.json": metrics,
    }
    for name, content in contents.items():
        if content is not None:
            (folder / name).write_text(json.dumps(content, indent=2) + "\n")
