"""A run of dualatme-train, exported for servers and other runtimes."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.choices import preset_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_folder, make_folder, replace_file
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
        kept: files for the server that were there, are not this package's, and stayed as they are.
    """

    version: int
    paths: dict[str, Path]
    without_frames: str | None
    kept: tuple[Path, ...] = ()


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
    `OUTPUT/batching_parameters.txt` for the server, unless others are there; `OUTPUT/onnx/VERSION.onnx`; and
    `OUTPUT/litert/VERSION.tflite`. The latter two take what `serving_default` takes, and are compared with
    the network in float32 before they are kept.

    Args:
        run: folder of a run with a final network, a file of weights, or `facs`, the weights of this package.
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
    is_file = preset_weights(run) or not os.path.isdir(run)
    found, output = read_run(run, "auto" if is_file else "final"), Path(output)
    if len(found.networks) > 1:
        raise DualATMEError(
            f"Expected a run of one network. Received: {run} with {len(found.networks)} seeds."
        )
    known = found.settings_for(settings) if found.settings or settings else None
    check_folder(output, "output")
    model, version, paths = load_model(found.networks[0]), free_version(output, version), {}
    kept = ()
    converters = {name: CONVERTERS[name] for name in formats if name in CONVERTERS}
    for converter in converters.values():
        converter.check_packages()
    # A server sees nothing before all of them are converted.
    converted = {name: converter.convert(model) for name, converter in converters.items()}
    if "saved_model" in formats:
        path = export_saved_model(model, output, version, known, found.metrics, warm_up, model_name)
        kept = _write_server_files(output, model_name)
        paths["saved_model"] = path
    for name, content in converted.items():
        paths[name] = output / name / f"{version}{converters[name].suffix}"
        make_folder(paths[name].parent)
        replace_file(paths[name], content)
    return ExportResult(version, paths, _why_without_frames(known), kept)


def _write_server_files(output, model_name):
    """Writes them where none is, or one of an earlier export; the others, which are somebody's own."""
    kept, config, batching = [], output / "models.config", output / "batching_parameters.txt"
    for path, content, is_ours in (
        (config, models_config(model_name), _is_our_config),
        (batching, batching_parameters(), batching_parameters().__eq__),
    ):
        if path.exists() and not is_ours(path.read_text(encoding="utf-8", errors="replace")):
            kept.append(path)
        else:
            replace_file(path, content.encode())
    return tuple(kept)


def _is_our_config(text):
    """Whether an export wrote it, under whichever name of the model."""
    name = re.search(r'name: "(.*)"', text)
    return name is not None and text == models_config(name[1])


def _why_without_frames(settings):
    if settings is None:
        return "the run does not say how its images were prepared (`settings` tells)"
    if settings.flow != "tvl1":
        return f"the images were prepared with flow {settings.flow!r}, and graphs have TV-L1 only"
    return None
