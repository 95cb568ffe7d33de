"""Where the files of a run are."""

import os
import re
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import read_json

EPOCHS_FILE = "test_epochs.csv"
"""Beside a fold's predictions, where the protocol was audited, see `runs.epochs`."""

BRANCHES_FILE = "branches.npz"
"""Beside a fold's predictions, where Dual-ATME answered, see `runs.branches`."""

SELECTION_FILE = "selection.json"
"""Beside a fold's predictions, where the fold chose its settings: what was tried, and how it did."""


FORMAT = 1
"""Version of the folder's form, in config.json; runs without one are of the time before it."""


def read_config(run: "RunDirectory") -> dict:
    """What config.json of a run has, whichever version of this package wrote it.

    Raises:
        DualATMEError: the run's form is newer than this package, or the file is no such file.
    """
    config = read_json(run.config)
    version = config.pop("format", 0)
    if not isinstance(version, int) or version > FORMAT:
        raise DualATMEError(
            f"Expected a run of format {FORMAT} or before. Received: {run.path}, of format {version!r}, of a "
            "newer dualatme-keras. Install that version: pip install --upgrade dualatme-keras."
        )
    return config


class RunDirectory:
    """The folder of a run, whether it is there or not.

    A fold is finished when its folder is there: it is written under a hidden name and renamed.

    Args:
        path: the folder.

    Attributes:
        config: what the run is: settings, digests of lists and images, what it was computed with.
        environment: versions and devices of each call that worked on it.
        folds_table: all folds of the evaluation protocol and their clips, see `RunFolds`.
        predictions: an answer for each clip of the finished folds, see `Predictions`.
        metrics: scores of the predictions.
        challenge_log, report, figures: what `dualatme-evaluate` writes for people.
        final_model: the network trained on all clips.
        seeds_table: scores over several seeds, in the folder of all of them.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.environment = self.path / "environment.json"
        self.folds_table = self.path / "folds.csv"
        self.predictions = self.path / "predictions.csv"
        self.metrics = self.path / "metrics.json"
        self.challenge_log = self.path / "challenge_log.txt"
        self.report = self.path / "report.html"
        self.figures = self.path / "figures"
        self.final_model = self.path / "final" / "model.keras"
        self.seeds_table = self.path / "seeds.json"

    def fold(self, name: str) -> Path:
        """Folder of a fold: `model.keras`, `history.csv` and `predictions.csv`."""
        return self.path / "folds" / name

    def unfinished(self, name: str) -> Path:
        """Folder of what a fold that is being trained can go on from."""
        return self.fold(f".{name}.unfinished")

    @property
    def unfinished_final(self) -> Path:
        """The same of the network that is trained on all clips; there may be a subject of that name."""
        return self.path / ".final.unfinished"

    def finished(self, name: str) -> bool:
        """Whether a fold is complete."""
        return self.fold(name).is_dir()

    def fold_models(self) -> list[Path]:
        """Networks of the finished folds, by name."""
        return sorted(self.path.glob("folds/[!.]*/model.keras"))

    def fold_histories(self) -> list[Path]:
        """Training histories of the finished folds, by name."""
        return sorted(self.path.glob("folds/[!.]*/history.csv"))

    def fold_epochs(self) -> list[Path]:
        """Answers of each epoch for the test clips, where the protocol was audited, by fold."""
        return sorted(self.path.glob(f"folds/[!.]*/{EPOCHS_FILE}"))

    def fold_selections(self) -> list[Path]:
        """What each fold chose from, where it chose its settings, by fold."""
        return sorted(self.path.glob(f"folds/[!.]*/{SELECTION_FILE}"))

    def tensorboard(self, fold: str) -> Path:
        """Folder of a fold's event files."""
        return self.path / "tensorboard" / fold

    def seed(self, seed: int) -> "RunDirectory":
        """The run of one of several seeds."""
        return RunDirectory(self.path / f"seed_{seed}")

    def seeds(self) -> dict[int, "RunDirectory"]:
        """The runs of several seeds below this folder, in order; empty where it is a single run."""
        names = (re.fullmatch(r"seed_(\d+)", path.name) for path in self.path.glob("seed_*"))
        return {seed: self.seed(seed) for seed in sorted(int(name[1]) for name in names if name)}
