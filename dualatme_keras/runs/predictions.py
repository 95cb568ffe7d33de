"""predictions.csv: one row per clip, what a fold answered, and all that the scores are computed from.

NumPy and the standard library only.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dualatme_keras.data.clips import Clip
from dualatme_keras.data.names import fault_of_database
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_rows, replace_file
from dualatme_keras.megc2019 import CLASS_NAMES, describe_classes
from dualatme_keras.metrics.pooled import pooled_scores
from dualatme_keras.text import shorten

_COLUMNS = ("path", "subject", "database", "label", "prediction")
_PREFIX = "p_"
"""Before the name of a class: the column of its probability."""

COLUMNS = (*_COLUMNS, *(f"{_PREFIX}{name}" for name in CLASS_NAMES))
"""The header of predictions.csv, with the classes of MEGC2019."""

_ARRAYS = ("paths", "subjects", "databases", "labels", "predictions", "probabilities")

_TOLERANCE = 1e-3  # float16 probabilities may exceed 1 by a rounding; logits exceed it by far more


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for n clips.

    Attributes:
        paths: path of each clip's image as in the list files, `(n,)` strings.
        subjects: subject of each clip, which is also its fold, `(n,)` strings.
        databases: database of each clip, `(n,)` strings.
        labels: true classes, indices into `class_names`, `(n,)` int64.
        predictions: predicted classes, `(n,)` int64.
        probabilities: probability of each class in [0, 1], `(n, classes)` float32.
        class_names: names of the classes.
    """

    paths: np.ndarray
    subjects: np.ndarray
    databases: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...] = CLASS_NAMES

    def __len__(self):
        return len(self.labels)

    @classmethod
    def of_clips(
        cls, clips: Sequence[Clip], probabilities: np.ndarray, class_names: Sequence[str] = CLASS_NAMES
    ) -> "Predictions":
        """The answers for `clips`, from their probabilities `(len(clips), classes)`: the likeliest class."""
        return cls(
            paths=np.array([clip.path for clip in clips]),
            subjects=np.array([clip.subject for clip in clips]),
            databases=np.array([clip.database for clip in clips]),
            labels=np.array([clip.label for clip in clips], np.int64),
            predictions=np.argmax(probabilities, axis=-1).astype(np.int64),
            probabilities=np.asarray(probabilities, np.float32),
            class_names=tuple(class_names),
        )

    def of_paths(self, paths: Sequence[str]) -> "Predictions":
        """The answers for these clips, in this order; `DualATMEError` where there is none for one."""
        places = {path: row for row, path in enumerate(self.paths.tolist())}
        if missing := [str(path) for path in paths if path not in places]:
            raise DualATMEError(f"Expected an answer for {shorten(missing)}. Received: none.")
        rows = [places[path] for path in paths]
        return Predictions(*(column[rows] for column in self.columns), self.class_names)

    @property
    def columns(self) -> list[np.ndarray]:
        """The arrays, in the order of the attributes."""
        return [getattr(self, name) for name in _ARRAYS]


def read_predictions(path: str | os.PathLike) -> Predictions:
    """Reads a predictions.csv.

    Args:
        path: the file, UTF-8, with the header `COLUMNS`, or one of other classes: `p_NAME` for each.

    Returns:
        The predictions in the file's order.

    Raises:
        DualATMEError: the file cannot be read or is empty, or a line is malformed; names file and line.
    """
    try:
        lines = csv_rows(path)
        _, header = next(lines, (1, None))
        class_names = _class_names(header, path)
        rows = [_parse_row(row, class_names, f"{path}:{line}") for line, row in lines]
    except OSError as error:
        raise DualATMEError(f"Expected a readable predictions file. Received: {path} ({error}).") from error
    if not rows:
        raise DualATMEError(f"{path}:2: Expected at least one prediction. Received: only a header.")
    _refuse_duplicates([row[0] for row in rows], path)
    *names, labels, predictions, probabilities = zip(*rows, strict=True)
    return Predictions(
        *(np.array(column) for column in names),
        np.array(labels, np.int64),
        np.array(predictions, np.int64),
        np.array(probabilities, np.float32),
        class_names,
    )


def write_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes a predictions.csv, whole or not at all.

    Args:
        path: the file; its folder must exist. An existing file is replaced.
        predictions: what to write. Probabilities are written as float32 and read back bit by bit.

    Raises:
        OSError: the folder is missing or not writable.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_COLUMNS, *(f"{_PREFIX}{name}" for name in predictions.class_names)))
    for name, subject, database, label, prediction, probabilities in zip(*predictions.columns, strict=True):
        # Nine significant digits tell any two float32 apart.
        numbers = [f"{np.float32(p):.9g}" for p in probabilities]
        writer.writerow([name, subject, database, int(label), int(prediction), *numbers])
    replace_file(path, text.getvalue().encode())


def concatenate(parts: Iterable[Predictions]) -> Predictions:
    """Pools the predictions of several folds, in the order given.

    Raises:
        DualATMEError: there are no parts, or they are of different classes.
    """
    parts = list(parts)
    if not parts:
        raise DualATMEError("Expected the predictions of at least one fold. Received: none.")
    classes = {part.class_names for part in parts}
    if len(classes) > 1:
        raise DualATMEError(f"Expected folds of the same classes. Received: {sorted(classes)}.")
    columns = zip(*(part.columns for part in parts), strict=True)
    return Predictions(*map(np.concatenate, columns), parts[0].class_names)


def score_predictions(predictions: Predictions) -> dict:
    """Pooled scores of predictions; see `metrics.pooled_scores`."""
    return pooled_scores(
        predictions.labels,
        predictions.predictions,
        predictions.subjects,
        predictions.databases,
        num_classes=len(predictions.class_names),
    )


def _refuse_duplicates(paths, file):
    repeated = next((path for path, count in Counter(paths).items() if count > 1), None)
    if repeated is not None:
        raise DualATMEError(f"{file}: Expected every clip once. Received: {repeated!r} more than once.")


def _class_names(header, path):
    """The classes that a header names."""
    names = [column.removeprefix(_PREFIX) for column in (header or ())[len(_COLUMNS) :]]
    expected = [*_COLUMNS, *(f"{_PREFIX}{name}" for name in names)]
    if header != expected or len(set(names)) < max(2, len(names)) or not all(names):
        raise DualATMEError(
            f"{path}:1: Expected the header {','.join(COLUMNS)}, or p_NAME of other classes. "
            f"Received: {header}."
        )
    return tuple(names)


def _parse_row(row, class_names, where):
    """One line as `(path, subject, database, label, prediction, probabilities)`; `where` is file:line."""
    count = len(_COLUMNS) + len(class_names)
    if len(row) != count:
        raise DualATMEError(f"{where}: Expected {count} columns, as in the header. Received: {row}.")
    name, subject, database, label, prediction, *probabilities = row
    if not name or not subject:
        raise DualATMEError(f"{where}: Expected a path and a subject. Received: {row}.")
    if fault := fault_of_database(database):  # scores by database become figures of that name
        raise DualATMEError(
            f"{where}: Expected a database's name, one word that a file can have. "
            f"Received: {database!r}, which {fault}."
        )
    return (
        name,
        subject,
        database,
        _parse_class(label, class_names, "label", where),
        _parse_class(prediction, class_names, "prediction", where),
        [_parse_probability(text, where) for text in probabilities],
    )


def _parse_class(text, class_names, column, where):
    if text not in map(str, range(len(class_names))):
        raise DualATMEError(
            f"{where}: Expected {column} to be one of {describe_classes(class_names)}. Received: {text!r}."
        )
    return int(text)


def _parse_probability(text, where):
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -_TOLERANCE <= value <= 1 + _TOLERANCE:  # not-a-number fails this too
        raise DualATMEError(f"{where}: Expected a probability from 0 to 1. Received: {text!r}.")
    return value
