"""A run of dualatme-train, exported for servers and other runtimes."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.models import load_model
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import read_run
from dualatme_keras.serving.export import export_saved_model, free_version
from dualatme_keras.serving.formats import CONVERTERS
from dualatme_keras.serving.server_files import batching_parameters, models_config

FORMATS = ("saved_model", *CONVERTERS)


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """What was exported.

    Attributes:
        version: its number.
        paths: folder or file by format.
        without_frames: why there is no signature `serve_frames`; None where there is one.
    """

    version: int
    paths: dict[str, Path]
    without_frames: str | None


def export_run(
    run: str | os.PathLike,
    output: str | os.PathLike,
    version: int | None = None,
    formats: Sequence[str] = ("saved_model",),
    settings: PrepareSettings | None = None,
    warm_up: bool = True,
    model_name: str = "dualatme",
) -> ExportResult:
    """Exports the network that a run trained on all clips.

    Writes `OUTPUT/VERSION/` (see `export_saved_model`), `OUTPUT/models.config` and
    `OUTPUT/batching_parameters.txt` for the server; `OUTPUT/onnx/VERSION.onnx`; and
    `OUTPUT/litert/VERSION.tflite`. The latter two take what `serving_default` takes, and are compared with
    the network before they are kept.

    Args:
        run: folder of a run with a final network, or a file of weights.
        output: folder of all versions.
        version: version number; the next free one by default.
        formats: which of `FORMATS`.
        settings: how the images were prepared, where the run does not say.
        warm_up: write warm-up requests.
        model_name: the server's name of the model.

    Raises:
        DualATMEError: there is no such network, the version exists, a format is not known or its packages are
            missing, or settings differ from the run's.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise DualATMEError(
            f"Expected `formats` out of {', '.join(FORMATS)}. Received: {', '.join(unknown) or 'none'}."
        )
    found, output = read_run(run, "final"), Path(output)
    if len(found.networks) > 1:
        raise DualATMEError(
            f"Expected a run of one network. Received: {run} with {len(found.networks)} seeds."
        )
    known = found.settings_for(settings) if found.settings or settings else None
    model, version, paths = load_model(found.networks[0]), free_version(output, version), {}
    converters = {name: CONVERTERS[name] for name in formats if name in CONVERTERS}
    for converter in converters.values():
        converter.check_packages()  # before a server sees anything
    if "saved_model" in formats:
        path = export_saved_model(model, output, version, known, found.metrics, warm_up, model_name)
        replace_file(output / "models.config", models_config(model_name).encode())
        replace_file(output / "batching_parameters.txt", batching_parameters().encode())
        paths["saved_model"] = path
    for name, converter in converters.items():
        paths[name] = output / name / f"{version}{converter.suffix}"
        converter.convert(model, paths[name])
    return ExportResult(version, paths, _why_without_frames(known))


def _why_without_frames(settings):
    if settings is None:
        return "the run does not say how its images were prepared (`settings` tells)"
    if settings.flow != "tvl1":
        return f"the images were prepared with flow {settings.flow!r}, and graphs have TV-L1 only"
    return None
