"""branches.npz of a fold: how far its branches agreed on each test clip, and where it looked.

Shown to people; no score of a run comes from it. Runs of other networks than Dual-ATME have none.
"""

import dataclasses
import io
import os

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file, stored_archive
from dualatme_keras.runs.directory import BRANCHES_FILE, RunDirectory
from dualatme_keras.runs.predictions import Predictions, read_predictions

_DIMENSIONS = {"similarity": 1, "attention": 3}


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
            with stored_archive(file), np.load(file, allow_pickle=False) as content:
                arrays = {name: np.asarray(content[name]) for name in _DIMENSIONS if name in content.files}
        except Exception as error:  # NumPy parses headers as Python does, and raises what that raises
            raise DualATMEError(
                f"Expected a readable {BRANCHES_FILE}. Received: {file} ({error})."
            ) from error
        for name, values in arrays.items():
            if values.ndim != _DIMENSIONS[name] or values.dtype.kind != "f" or len(values) != len(own):
                raise DualATMEError(
                    f"Expected {name} of {len(own)} clips, as in predictions.csv beside it. "
                    f"Received: {file}, where it is of shape {values.shape}, {values.dtype}."
                )
        found.append(arrays)
        paths += own.tolist()
    places = {path: row for row, path in enumerate(paths)}
    rows = [places.get(path) for path in predictions.paths.tolist()]
    if None in rows:
        raise DualATMEError(
            f"Expected every clip of {run.predictions} in that of a fold. "
            f"Received: {predictions.paths[rows.index(None)]!s:.200}, which is in none."
        )
    names = set.intersection(*(set(arrays) for arrays in found))
    if len({arrays[name].shape[1:] for arrays in found for name in names if name == "attention"}) > 1:
        raise DualATMEError(f"Expected attention of one size in {run.path}. Received: folds that differ.")
    return Branches(**{name: np.concatenate([arrays[name] for arrays in found])[rows] for name in names})
