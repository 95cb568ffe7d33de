"""history.csv of each fold: its training, a row per epoch. Shown to people; none of it enters a score."""

import numpy as np

from dualatme_keras.files import csv_rows, read_content
from dualatme_keras.runs.directory import RunDirectory


def read_histories(run: RunDirectory) -> list[dict[str, np.ndarray]]:
    """Reads the training history of each fold.

    A fold that was cut off leaves half a line, and which columns there are is the trainer's business, so
    what is not a number is read as not-a-number, and a file without any curve is passed over.

    Returns:
        For each fold `{column: (epochs,) float64}`, in the order of the folders' names.

    Raises:
        DualATMEError: a file is no CSV.
    """
    histories = (_read_history(path) for path in run.fold_histories())
    return [history for history in histories if history.keys() - {"epoch"}]


def _read_history(path):
    text = read_content(path).decode(errors="replace")
    header, *rows = [row for _, row in csv_rows(path, text)] or [[]]
    rows = [row for row in rows if len(row) == len(header)]
    columns = {name: np.array([_number(row[i]) for row in rows]) for i, name in enumerate(header)}
    return {name: values for name, values in columns.items() if np.isfinite(values).any()}


def _number(text):
    try:
        return float(text)
    except ValueError:
        return float("nan")
