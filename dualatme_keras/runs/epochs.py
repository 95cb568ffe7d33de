"""test_epochs.csv of a fold: what the network answered for the test clips after each epoch.

Written by runs that audit the protocol (`audit_protocol=True`). No score of a run comes from it.
"""

import csv
import io
import os
from collections.abc import Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_rows, replace_file

_COLUMNS = ("epoch", "path")


def write_epochs(
    path: str | os.PathLike, paths: Sequence[str], probabilities: np.ndarray, class_names: Sequence[str]
) -> None:
    """Writes the answers of each epoch.

    Args:
        path: the file.
        paths: of the n test clips.
        probabilities: `(epochs, n, classes)` in [0, 1].
        class_names: names of the classes.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_COLUMNS, *(f"p_{name}" for name in class_names)))
    for epoch, answers in enumerate(probabilities, start=1):
        for clip, row in zip(paths, answers, strict=True):
            writer.writerow((epoch, clip, *(f"{np.float32(p):.9g}" for p in row)))
    replace_file(path, text.getvalue().encode())


def read_epochs(path: str | os.PathLike, paths: Sequence[str]) -> np.ndarray:
    """Reads the answers of each epoch.

    Args:
        path: the file.
        paths: of the n test clips, in the file's order.

    Returns:
        Probabilities, float32 `(epochs, n, classes)`.

    Raises:
        DualATMEError: the file cannot be read, or has not these clips in every epoch.
    """
    try:
        _header, *rows = (row for _, row in csv_rows(path))
        probabilities = np.array([row[2:] for row in rows], np.float32).reshape(
            -1, len(paths), len(_header) - 2
        )
        told = [(int(row[0]), row[1]) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise DualATMEError(f"Expected the answers of each epoch. Received: {path} ({error}).") from error
    if not rows:
        raise DualATMEError(f"{path}:2: Expected the answers of at least one epoch. Received: none.")
    wanted = [(epoch, clip) for epoch in range(1, len(probabilities) + 1) for clip in paths]
    if told != wanted:
        raise DualATMEError(
            f"Expected the {len(paths)} clips of predictions.csv beside it in every epoch. Received: {path}, "
            "which has others."
        )
    return probabilities
