"""selection.json of a fold: the settings that it chose from. Shown to people; none of it enters a score."""

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import read_json, wrong_fields
from dualatme_keras.runs.directory import RunDirectory

_KINDS = {
    "name": str,
    "settings": dict,
    "uf1": (int, float, type(None)),
    "uar": (int, float, type(None)),
    "chosen": bool,
}


def read_selections(run: RunDirectory) -> dict[str, list[dict]]:
    """What each fold tried, see `training.selection.choose`, by its name; empty where none had to choose.

    Raises:
        DualATMEError: a file is no such file.
    """
    found = {}
    for file in run.fold_selections():
        found[file.parent.name] = rows = read_json(file, list)
        for row in rows:
            if wrong := wrong_fields(row, _KINDS):
                raise DualATMEError(
                    f"{file}: Expected {', '.join(_KINDS)} of each candidate. Received: a wrong or missing "
                    f"{wrong[0]} in {row!r:.200}."
                )
    return found
