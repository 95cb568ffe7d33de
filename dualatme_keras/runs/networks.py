"""What a run left for those who ask its networks: weights, settings of its images, scores."""

import dataclasses
import os
from pathlib import Path

from dualatme_keras.choices import preset_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import parse_json, read_json, stored_archive
from dualatme_keras.preprocessing import PrepareSettings, differing_settings
from dualatme_keras.runs.directory import RunDirectory, read_config
from dualatme_keras.runs.folds import read_run_folds

NETWORKS = ("auto", "final", "folds")

_WEIGHTS = (".keras", ".pth", ".pt")


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """Networks that answer together, and what is known of them.

    Attributes:
        path: the run's folder, or the file of weights.
        networks: files of weights.
        settings: how the images were prepared that the networks were trained on, as the run or the `.keras`
            file says; None where it does not, as with flow images that were prepared elsewhere.
        metrics: scores of the run as in metrics.json; None where there are none.
    """

    path: Path
    networks: tuple[Path, ...]
    settings: PrepareSettings | None
    metrics: dict | None

    def settings_for(self, given: PrepareSettings | None) -> PrepareSettings:
        """The settings to prepare clips with: the run's, or `given` where the run has none.

        Raises:
            DualATMEError: both are there and differ, or none is.
        """
        if self.settings is None and given is None:
            raise DualATMEError(
                f"Expected the settings with which the images of {self.path} were prepared. Received: none, "
                "and it does not store them. Give `settings`: a prepare.json, or published, which comes near "
                "the flow images published for MEGC2019 (in Python by read_settings)."
            )
        if self.settings is None:
            return given
        if given is not None and (changes := differing_settings(self.settings, given)):
            raise DualATMEError(
                f"Expected the settings that {self.path} was trained with, which it stores: leave `settings` "
                f"out. Received: {', '.join(changes)}."
            )
        return given or self.settings


def read_run(path: str | os.PathLike, networks: str = "auto", unfinished: bool = False) -> TrainedRun:
    """Finds the networks of a run.

    Args:
        path: folder of a run, folder of several seeds (`seed_1`, `seed_2`, ...), which answer together, or a
            file of weights, `.keras` or `.pth`; or the name of a preset that comes with weights.
        networks: `final`, the network trained on all clips; `folds`, those of all folds; `auto`, the first
            where there is one, else the second.
        unfinished: also take the folds of a run of which not all are finished. What they answer changes when
            the run goes on. It says nothing about a file.

    Raises:
        DualATMEError: there is no run or no network of that kind, the run is not finished, or seeds of
            unequal settings; or `networks` of a file.
    """
    path = preset_weights(path) or Path(path)
    if networks not in NETWORKS:
        raise DualATMEError(f"Expected networks out of {', '.join(NETWORKS)}. Received: {networks!r}.")
    if path.is_file() and path.suffix in _WEIGHTS:
        if networks != "auto":
            raise DualATMEError(
                f"Expected a run with `networks={networks!r}`. Received: {path.name}, a file of one network. "
                "Leave `networks` out."
            )
        return TrainedRun(path, (path,), _settings_of_file(path), None)
    seeds = [run for run in RunDirectory(path).seeds().values() if run.config.exists()]
    if not seeds:
        return _read_one(RunDirectory(path), networks, unfinished)
    runs = [_read_one(run, networks, unfinished) for run in seeds]
    for run in runs[1:]:
        if run.settings != runs[0].settings:
            raise DualATMEError(
                "Expected seeds trained on images of the same settings. "
                f"Received: {runs[0].path} and {run.path}."
            )
    files = tuple(file for run in runs for file in run.networks)
    return dataclasses.replace(runs[0], path=path, networks=files, metrics=None)


def _read_one(run, networks, unfinished):
    if not run.config.is_file():
        raise DualATMEError(
            "Expected the folder of a run of dualatme-train, or a .keras or .pth file. "
            f"Received: {run.path}, which {'has no config.json' if run.path.is_dir() else 'is not there'}."
        )
    config = read_config(run)
    files = {"final": [run.final_model] if run.final_model.is_file() else [], "folds": run.fold_models()}
    found = files["final"] or files["folds"] if networks == "auto" else files[networks]
    if not found:
        wanted = "its final network (`final_model=True`)" if networks == "final" else "a finished fold"
        raise DualATMEError(f"Expected {wanted} in {run.path}. Received: a run without.")
    if found is files["folds"] and not unfinished:
        _refuse_unfinished(run.path)
    stored = config.get("preparation")
    settings = stored and PrepareSettings.from_dict(stored, str(run.config))
    metrics = read_json(run.metrics) if run.metrics.is_file() else None
    return TrainedRun(run.path, tuple(found), settings, metrics)


def _settings_of_file(path):
    """The network's argument `preparation` in a `.keras` file, a zip archive whose config.json has it."""
    if path.suffix != ".keras":
        return None
    try:
        with stored_archive(path) as archive:
            config = parse_json(archive.read("config.json"), f"{path}, config.json").get("config")
    except (DualATMEError, KeyError, OSError) as error:
        raise DualATMEError(f"Expected a .keras file. Received: {path} ({error}).") from error
    stored = config.get("preparation") if isinstance(config, dict) else None
    return stored and PrepareSettings.from_dict(stored, str(path))


def _refuse_unfinished(path):
    """A run without folds.csv does not say which folds it should have."""
    folds = read_run_folds(path)
    if folds is not None and len(folds.finished) < len(folds.clips):
        raise DualATMEError(
            f"Expected a finished run in {path}. Received: {folds}. Its dualatme-train command goes on with "
            "it; `unfinished=True` takes the folds that are there."
        )
