"""folds.csv: all folds of a run's protocol and their clips, whether they are finished or not.

What is missing in a run's predictions.csv can be told by it. NumPy and the standard library only.
"""

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Mapping

from dualatme_keras.data.clips import Clip, Fold
from dualatme_keras.data.names import LONGEST_NAME
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_rows, replace_file
from dualatme_keras.runs.directory import RunDirectory
from dualatme_keras.runs.predictions import Predictions
from dualatme_keras.text import shorten

COLUMNS = ("fold", "path", "subject", "database", "label")
"""The header of folds.csv: a row for each clip that a fold is tested on."""


@dataclasses.dataclass(frozen=True)
class RunFolds:
    """The folds of a run.

    Attributes:
        run: the run.
        clips: the clips that each fold is tested on, by the fold's name, in the order of the protocol.
    """

    run: RunDirectory
    clips: Mapping[str, tuple[Clip, ...]]

    @property
    def finished(self) -> tuple[str, ...]:
        """Names of the finished folds."""
        return tuple(filter(self.run.finished, self.clips))

    def __str__(self):
        return f"{len(self.finished)} of {len(self.clips)} folds"

    def add_counts(self, metrics: dict, predictions: Predictions) -> dict:
        """Scores that say how much of the protocol they are about.

        Args:
            metrics: scores by part, see `metrics.pooled_scores`.
            predictions: what they were computed from.

        Returns:
            The same with `folds` in each part, `{"answered": 3, "of": 68}`.
        """
        answered = set(predictions.paths.tolist())
        counts = {}
        for clips in self.clips.values():
            for part in {"full", *(clip.database for clip in clips)}:
                count = counts.setdefault(part, {"answered": 0, "of": 0})
                count["answered"] += clips[0].path in answered
                count["of"] += 1
        return {part: {**scores, "folds": counts[part]} for part, scores in metrics.items()}

    def check(self, predictions: Predictions) -> None:
        """Holds predictions against the folds.

        Raises:
            DualATMEError: they are not those of whole folds, or lack a finished one.
        """
        answered = set(_clips_of(predictions))
        wrong, finished = [], self.finished
        foreign = answered.difference(*self.clips.values())
        if foreign:
            wrong.append(f"{len(foreign)} clips of no fold, {min(clip.path for clip in foreign)} among them")
        for name, clips in self.clips.items():
            there = sum(clip in answered for clip in clips)
            if there < len(clips) and (there or name in finished):
                wrong.append(f"{there} of {len(clips)} clips of fold {name}")
        if wrong:
            raise DualATMEError(
                f"Expected {self.run.predictions} to have the clips of the finished folds, as in folds.csv "
                f"next to it. Received: {shorten(wrong)}. The dualatme-train command of the run writes it "
                "anew."
            )


def write_run_folds(workdir: str | os.PathLike, folds: Iterable[Fold]) -> None:
    """Writes the folds.csv of a run: all folds of its protocol, whichever of them are run now."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for fold in folds:
        writer.writerows(
            (fold.name, clip.path, clip.subject, clip.database, clip.label) for clip in fold.test
        )
    replace_file(RunDirectory(workdir).folds_table, text.getvalue().encode())


def read_run_folds(workdir: str | os.PathLike) -> RunFolds | None:
    """The folds of a run; None where there is no folds.csv, as with predictions of other origin.

    Raises:
        DualATMEError: the file is malformed; names file and line.
    """
    run = RunDirectory(workdir)
    file = run.folds_table
    if not file.exists():
        return None
    clips, rows = {}, csv_rows(file)
    _, header = next(rows, (1, []))
    if tuple(header) != COLUMNS:
        raise DualATMEError(f"{file}:1: Expected the header {','.join(COLUMNS)}. Received: {header}.")
    for line, row in rows:
        # `isdecimal` knows digits of all languages, which `int` takes, but not of any number.
        if len(row) != len(COLUMNS) or not row[-1].isdecimal() or len(row[-1]) > 9:
            raise DualATMEError(f"{file}:{line}: Expected {','.join(COLUMNS)}. Received: {row}.")
        name, path, subject, database, label = row
        if len(name.encode()) > LONGEST_NAME:
            raise DualATMEError(
                f"{file}:{line}: Expected the fold's name, {LONGEST_NAME} bytes at most, which names a "
                f"folder. Received: {name[:20]}..."
            )
        clips.setdefault(name, []).append(Clip(path, subject, database, int(label)))
    if not clips:
        raise DualATMEError(f"{file}:2: Expected at least one clip. Received: none.")
    return RunFolds(run, {name: tuple(fold) for name, fold in clips.items()})


def _clips_of(predictions):
    columns = (predictions.paths, predictions.subjects, predictions.databases, predictions.labels)
    return (Clip(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
