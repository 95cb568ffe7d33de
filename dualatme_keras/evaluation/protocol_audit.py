"""What choosing the epoch by the test fold would have claimed. A diagnostic, never a score of a run.

Many published figures of this benchmark are of the epoch that did best on the test fold. A run that audits
the protocol keeps the test answers of every epoch, so that the two can be compared on the same training.
"""

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.metrics.pooled import SCORE_FUNCTIONS, confusion_matrix, uf1
from dualatme_keras.runs import Predictions, RunDirectory, read_epochs, read_predictions


def score_protocol_audit(run: RunDirectory, predictions: Predictions) -> dict | None:
    """Scores of each epoch, and of those that were chosen by looking at the test clips.

    A run whose answers are not those of its last epoch is refused: something chose them.

    Args:
        run: its folder.
        predictions: its answers, those of the last epoch.

    Returns:
        None where the run did not audit the protocol, else pooled over folds:
        `last_epoch`: `{"uf1", "uar", "accuracy"}`, what the run claims;
        `best_epoch`: the same of the one epoch with the highest UF1 on the test clips, and its `epoch`;
        `best_epoch_of_each_fold`: the same where every fold has its own, the first with the most test clips
        right, as in published code;
        `epochs`: the same of each epoch, a list for each score.

    Raises:
        DualATMEError: a fold's file is not that of its predictions, or folds have not all been audited.
    """
    files = {file.parent.name: file for file in run.fold_epochs()}
    if not files:
        return None
    parts, num_classes = [], len(predictions.class_names)
    for fold in sorted(path.parent.name for path in run.fold_models()):
        if fold not in files:
            raise DualATMEError(
                f"Expected the answers of each epoch in every fold. Received: {run.fold(fold)} without."
            )
        own = predictions.of_paths(read_predictions(run.fold(fold) / "predictions.csv").paths)
        told = read_epochs(files[fold], own.paths).argmax(axis=-1)
        if not np.array_equal(told[-1], own.predictions):
            raise DualATMEError(
                f"Expected the last epoch to answer as predictions.csv does. Received: {files[fold]}."
            )
        parts.append([confusion_matrix(own.labels, one, num_classes) for one in told])
    by_epoch = np.array(parts)  # (folds, epochs, classes, classes)
    pooled = by_epoch.sum(axis=0)
    best = int(uf1(pooled).argmax())
    right = np.trace(by_epoch, axis1=2, axis2=3)
    chosen = by_epoch[np.arange(len(parts)), right.argmax(axis=1)].sum(axis=0)
    return {
        "last_epoch": _scores(pooled[-1]),
        "best_epoch": {"epoch": best + 1, **_scores(pooled[best])},
        "best_epoch_of_each_fold": _scores(chosen),
        "epochs": {name: score(pooled).tolist() for name, score in SCORE_FUNCTIONS.items()},
    }


def _scores(confusion):
    return {name: float(score(confusion)) for name, score in SCORE_FUNCTIONS.items()}
