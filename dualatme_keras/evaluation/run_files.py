"""Reads what a run left beside its predictions. All of it is optional; none of it enters a score."""

import csv
import json
from pathlib import Path

import numpy as np

from dualatme_keras.errors import DualATMEError


def read_settings(path: Path) -> dict[str, str]:
    """Reads a JSON object as flat pairs, to be shown.

    Args:
        path: e.g. `WORKDIR/config.json`.

    Returns:
        `{"optimizer.learning_rate": "0.001", ...}`, nested names joined by dots; empty if there is no file.

    Raises:
        DualATMEError: the file is not a JSON object; names file and line.
    """
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not UTF-8: the latter has no line
        line = getattr(error, "lineno", 1)
        raise DualATMEError(f"{path}:{line}: Expected JSON. Received: {error}.") from error
    if not isinstance(settings, dict):
        raise DualATMEError(f"{path}:1: Expected a JSON object. Received: {type(settings).__name__}.")
    return dict(_flatten(settings))


def read_histories(folds: Path) -> list[dict[str, np.ndarray]]:
    """Reads the training history of each fold.

    A fold that was cut off leaves half a line, and which columns there are is the trainer's business, so
    what is not a number is read as not-a-number, and a file without any curve is passed over.

    Args:
        folds: the folder with `*/history.csv`, one row per epoch, named columns.

    Returns:
        For each fold `{column: (epochs,) float64}`, in the order of the folders' names.
    """
    histories = (_read_history(path) for path in sorted(folds.glob("*/history.csv")))
    return [history for history in histories if history.keys() - {"epoch"}]


def _read_history(path):
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    rows = [row for row in rows if len(row) == len(header)]
    columns = {name: np.array([_number(row[i]) for row in rows]) for i, name in enumerate(header)}
    return {name: values for name, values in columns.items() if np.isfinite(values).any()}


def _number(text):
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _flatten(settings, prefix=""):
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
