"""Action units that a network tells, against those that a FACS coder has written down."""

import os
import re
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from dualatme_keras.data.clips import stem
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.tables import align_columns, format_score
from dualatme_keras.files import csv_records
from dualatme_keras.text import shorten

_COLUMNS = ("subject", "clip", "action_units")

Coding = Mapping[tuple[str, str], frozenset[int]]
"""Action units by subject and name of the clip."""


def read_action_units(path: str | os.PathLike) -> Coding:
    """Reads a FACS coding: a CSV with the columns `subject`, `clip` and `action_units`, others as they like.

    Units are joined by `+`. A letter before a number (`L10`, `R12`) tells the side, one behind it (`12B`) the
    intensity; both are passed over, and a clip without units has an empty cell.

    Raises:
        DualATMEError: the file is not there, or a line is not as expected; names it.
    """
    try:
        rows = list(csv_records(path, _COLUMNS))
    except OSError as error:
        raise DualATMEError(f"Expected a CSV of action units. Received: {path}: {error.strerror}.") from error
    coding = {}
    for line, row in rows:
        units, key = set(), (row["subject"], row["clip"])
        for word in filter(None, (row["action_units"] or "").replace(" ", "").split("+")):
            found = re.fullmatch(r"[LRTBlrtb]?(\d{1,2})[A-Ea-e]?", word)
            if not found:
                raise DualATMEError(
                    f"{path}:{line}: Expected action units such as 4+L10. Received: {word!r}."
                )
            units.add(int(found[1]))
        if key in coding:
            raise DualATMEError(f"{path}:{line}: Expected each clip once. Received: {key} again.")
        coding[key] = frozenset(units)
    return coding


def score_action_units(
    coding: Coding,
    paths: Sequence[str],
    subjects: Sequence[str],
    units: Sequence[int],
    probabilities: np.ndarray,
) -> dict:
    """Scores the action units of the clips that are coded.

    A clip is known by its subject and the name of its image, which begins with the clip's name, or with the
    subject and the clip's name.

    Args:
        coding: see `read_action_units`.
        paths, subjects: of the clips.
        units: numbers of the action units that the network tells.
        probabilities: of each unit in each clip, `(clips, units)`; 0.5 and more says that it is there.

    Returns:
        `clips`, how many are coded; `mean_f1` over the units that some coded clip has; `units`, a list of
        `unit`, `clips` that have it, `auc` (area under the curve; None where all or no clips have it),
        `precision`, `recall`, `f1`.

    Raises:
        DualATMEError: no clip is coded, a coded clip is not there, or an image has the name of two.
    """
    rows = _match(coding, paths, subjects)
    truth = np.array([[unit in coded for unit in units] for coded in rows.values()])
    told = probabilities[list(rows)]
    scores = []
    for index, unit in enumerate(units):
        present, found = truth[:, index], told[:, index]
        precision, recall, f1, _ = precision_recall_fscore_support(
            present, found >= 0.5, average="binary", zero_division=0.0
        )
        scores.append(
            {
                "unit": int(unit),
                "clips": int(present.sum()),
                "auc": float(roc_auc_score(present, found)) if 0 < present.sum() < len(present) else None,
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
            }
        )
    seen = [each["f1"] for each in scores if each["clips"]]
    return {"clips": len(rows), "mean_f1": float(np.mean(seen)) if seen else None, "units": scores}


def _match(coding, paths, subjects):
    """Units of the coded clips by the index of their image."""
    by_subject = {}
    for (subject, clip), units in coding.items():
        by_subject.setdefault(subject, {})[clip] = units
    rows, found = {}, set()
    for index, (path, subject) in enumerate(zip(paths, subjects, strict=True)):
        name = stem(path)
        starts = (name, name.removeprefix(f"{subject}_"))
        names = [
            clip
            for clip in by_subject.get(subject, {})
            if any(start == clip or start.startswith(f"{clip}_") for start in starts)
        ]
        # EP01_1 begins the name of EP01_1_2 too: the longer one is meant.
        if names:
            clip = max(names, key=len)
            if (subject, clip) in found:
                raise DualATMEError(
                    f"Expected one image of each coded clip. Received: {path}, a second one of {clip}."
                )
            rows[index] = by_subject[subject][clip]
            found.add((subject, clip))
    lost = [f"{subject} {clip}" for subject, clip in coding if (subject, clip) not in found]
    if lost or not rows:
        raise DualATMEError(
            "Expected an image of each coded clip in the lists. "
            f"Received: none of {shorten(lost) or 'no clip at all'}."
        )
    return rows


def format_action_units(scores: dict) -> str:
    """What `score_action_units` returns as a table for a terminal; no newline at the end."""
    rows = [("AU", "AUC", "precision", "recall", "F1", "clips")]
    for each in scores["units"]:
        if each["clips"]:
            auc = "" if each["auc"] is None else format_score(each["auc"], 2)
            cells = (format_score(each[key], 2) for key in ("precision", "recall", "f1"))
            rows.append((str(each["unit"]), auc, *cells, str(each["clips"])))
    mean = "" if scores["mean_f1"] is None else f": mean F1 {format_score(scores['mean_f1'], 2)}"
    lines = align_columns(rows, counts=1)
    return "\n".join([*lines, f"{len(rows) - 1} action units in {scores['clips']} coded clips{mean}"])
