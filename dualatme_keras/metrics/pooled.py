"""UF1, UAR and accuracy of predictions pooled over folds, with intervals over subjects. NumPy only.

Folds are never averaged: a LOSO fold holds one subject, who seldom shows every class. A class that is
0/0 counts as 0, as in scikit-learn with `zero_division=0` and all labels given.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import ALL_DATABASES, CLASS_NAMES, order_databases

_NUM_CLASSES = len(CLASS_NAMES)


def confusion_matrix(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int = _NUM_CLASSES
) -> np.ndarray:
    """Counts how often each class was taken for each class.

    Args:
        labels: true classes in [0, num_classes), `(n,)`.
        predictions: predicted classes in [0, num_classes), `(n,)`.
        num_classes: number of classes.

    Returns:
        `(num_classes, num_classes)` int64; rows are truth, columns prediction.

    Raises:
        DualATMEError: lengths differ, or a class is not an integer in range.
    """
    labels, predictions = _check_classes(labels, predictions, num_classes)
    return _count((num_classes, num_classes), labels, predictions)


def f1_per_class(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, `(..., classes)` in [0, 1], from confusion matrices `(..., classes, classes)`."""
    confusion = np.asarray(confusion)
    return _divide(2 * _hits(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def recall_per_class(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, `(..., classes)` in [0, 1], from confusion matrices `(..., classes, classes)`."""
    confusion = np.asarray(confusion)
    return _divide(_hits(confusion), confusion.sum(axis=-1))


def uf1(confusion: np.ndarray) -> np.ndarray:
    """Unweighted F1, the mean of `f1_per_class`: `(...)` from `(..., classes, classes)`."""
    return f1_per_class(confusion).mean(axis=-1)


def uar(confusion: np.ndarray) -> np.ndarray:
    """Unweighted average recall, the mean of `recall_per_class`: `(...)` from `(..., classes, classes)`."""
    return recall_per_class(confusion).mean(axis=-1)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of clips that were predicted correctly: `(...)` from `(..., classes, classes)`."""
    confusion = np.asarray(confusion)
    return _divide(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


SCORE_FUNCTIONS = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
"""By the names that metrics.json has."""


def pooled_scores(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    subjects: Sequence[str],
    databases: Sequence[str],
    bootstrap: int = 2000,
    seed: int = 0,
    num_classes: int = _NUM_CLASSES,
) -> dict:
    """Scores of the whole and of each database's part: what a run writes to metrics.json.

    The 95% intervals are percentiles of a bootstrap that draws subjects, not clips, with replacement:
    clips of one person are not independent. They say what other subjects would change, not another seed.

    Args:
        labels: true classes, `(n,)`.
        predictions: predicted classes of the same clips, `(n,)`, pooled over all folds.
        subjects: subject of each clip, `(n,)` strings.
        databases: database of each clip, `(n,)` names.
        bootstrap: number of resamples; 0 for no intervals.
        seed: seed of the resampling. Each part starts from it anew, so that a database's interval does
            not depend on which other databases are there.
        num_classes: number of classes.

    Returns:
        `{"full": scores, "casme2": scores, ...}` with the databases present, in the order of
        `megc2019.order_databases`. `scores` holds `uf1`, `uar`, `accuracy`, `samples`, `subjects` (how many),
        `confusion` (rows truth), `f1_per_class`, `recall_per_class` and `intervals`, a dict of
        `[low, high]` per score or of `None` where there is only one subject. Plain numbers and lists.

    Raises:
        DualATMEError: nothing given, lengths differ, a class out of range or a database called `full`.
    """
    labels, predictions = _check_classes(labels, predictions, num_classes)
    databases = _check_databases(databases)
    if not 0 < len(labels) == len(subjects) == len(databases):
        raise DualATMEError(
            "Expected one subject and one database per label, and at least one label. Received: "
            f"{len(labels)} labels, {len(subjects)} subjects, {len(databases)} databases."
        )
    # Two databases may both have a subject `01`: a person is a name within a database.
    people = np.array([f"{d}/{s}" for d, s in zip(databases, subjects, strict=True)])
    parts = {ALL_DATABASES: np.ones(len(labels), bool)}
    parts |= {name: databases == name for name in order_databases(databases.tolist())}
    return {
        part: _scores(labels[rows], predictions[rows], people[rows], bootstrap, seed, num_classes)
        for part, rows in parts.items()
    }


def _scores(labels, predictions, people, bootstrap, seed, num_classes):
    """Scores of one part; see `pooled_scores`."""
    names, person = np.unique(people, return_inverse=True)
    per_person = _count((len(names), num_classes, num_classes), person, labels, predictions)
    confusion = per_person.sum(axis=0)
    return {
        **{name: float(score(confusion)) for name, score in SCORE_FUNCTIONS.items()},
        "samples": len(labels),
        "subjects": len(names),
        "confusion": confusion.tolist(),
        "f1_per_class": f1_per_class(confusion).tolist(),
        "recall_per_class": recall_per_class(confusion).tolist(),
        "intervals": _intervals(per_person, bootstrap, seed),
    }


def _intervals(per_person, bootstrap, seed):
    """95% percentile intervals from confusion matrices per person, `(people, classes, classes)`."""
    people, size, _ = per_person.shape
    if people < 2 or bootstrap < 1:  # one person resampled is always the same person: no interval
        return dict.fromkeys(SCORE_FUNCTIONS)
    # How often each person is drawn is all that a resample is: (bootstrap, people).
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=bootstrap)
    confusions = (draws @ per_person.reshape(people, -1)).reshape(bootstrap, size, size)
    return {
        name: np.percentile(score(confusions), [2.5, 97.5]).tolist()
        for name, score in SCORE_FUNCTIONS.items()
    }


def _check_classes(labels, predictions, num_classes):
    """Both as `(n,)` int64 arrays, or an error."""
    arrays = []
    for name, values in (("labels", labels), ("predictions", predictions)):
        array = np.asarray(values)
        valid = array.ndim == 1 and (array.size == 0 or np.issubdtype(array.dtype, np.integer))
        if not valid or np.any((array < 0) | (array >= num_classes)):
            raise DualATMEError(
                f"Expected `{name}` to be a list of integers from 0 to {num_classes - 1}. "
                f"Received: {values!r}."
            )
        arrays.append(array.astype(np.int64))
    if len(arrays[0]) != len(arrays[1]):
        raise DualATMEError(
            "Expected one prediction per label. "
            f"Received: {len(arrays[0])} labels, {len(arrays[1])} predictions."
        )
    return arrays


def _check_databases(databases):
    """`(n,)` strings, or an error."""
    databases = np.asarray(databases, str)
    if reserved := {"", ALL_DATABASES} & set(databases.tolist()):
        raise DualATMEError(
            f"Expected names of databases; {ALL_DATABASES!r} is all of them. Received: {sorted(reserved)}."
        )
    return databases


def _count(shape, *indices):
    """How often each combination of the index arrays occurs, int64 of `shape`."""
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, indices, 1)
    return counts


def _hits(confusion):
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _divide(numerator, denominator):
    """The quotient, 0 where the denominator is 0."""
    return numerator / np.where(denominator == 0, 1, denominator)
