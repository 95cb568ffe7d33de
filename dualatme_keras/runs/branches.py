"""branches.npz of a fold: how far its branches agreed on each test clip, and where it looked.

Shown to people; no score of a run comes from it. Runs of other networks than Dual-ATME have none.
"""

import dataclasses
import io
import os
import zipfile

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.runs.directory import BRANCHES_FILE, RunDirectory
from dualatme_keras.runs.predictions import Predictions, read_predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Branches:
    """What Dual-ATME's branches did with n clips.

    Attributes:
        similarity: `(n,)`, cosine between the features of both branches; None for a single branch.
        attention: `(n, height, width)` in (0, 1), spatial attention over the entire face; None without one.
    """

    similarity: np.ndarray | None = None
    attention: np.ndarray | None = None


def write_branches(path: str | os.PathLike, branches: Branches) -> None:
    """Writes what there is of them."""
    content = io.BytesIO()
    arrays = {name: value for name, value in vars(branches).items() if value is not None}
    np.savez(content, **{name: value.astype("float32") for name, value in arrays.items()})
    replace_file(path, content.getvalue())


def read_branches(run: RunDirectory, predictions: Predictions) -> Branches | None:
    """Reads those of all clips.

    Args:
        run: the folder of a run.
        predictions: its clips, whose order the result has.

    Returns:
        None where a fold has none; else what all folds have.

    Raises:
        DualATMEError: a file cannot be read, or has another number of clips than its fold.
    """
    files = {model.parent: model.parent / BRANCHES_FILE for model in run.fold_models()}
    if not files or not all(file.exists() for file in files.values()):
        return None
    found, paths = [], []
    for fold, file in files.items():
        own = read_predictions(fold / "predictions.csv").paths
        try:
            with np.load(file, allow_pickle=False) as arrays:
                arrays = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise DualATMEError(
                f"Expected a readable {BRANCHES_FILE}. Received: {file} ({error})."
            ) from error
        if any(len(values) != len(own) for values in arrays.values()):
            raise DualATMEError(
                f"Expected {len(own)} clips, as in predictions.csv beside it. Received: {file}."
            )
        found.append(arrays)
        paths += own.tolist()
    places = {path: row for row, path in enumerate(paths)}
    rows = [places[path] for path in predictions.paths]
    names = set.intersection(*(set(arrays) for arrays in found)) & {"similarity", "attention"}
    return Branches(**{name: np.concatenate([arrays[name] for arrays in found])[rows] for name in names})
