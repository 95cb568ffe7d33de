"""What a run is worth: a majority-class guess and a linear classifier on the same folds.

    python benchmarks/baselines.py --lists=LISTS --data_root=IMAGES --workdir=runs/demo

The linear classifier is a logistic regression on the pixels of both images. Its regularisation is the best of
several on the test folds, which favours it. Half a minute for the demo data.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags
from sklearn.linear_model import LogisticRegression

from dualatme_keras.data import ImageTable, make_folds, read_lists
from dualatme_keras.metrics import accuracy, confusion_matrix, uar, uf1

_LISTS = flags.DEFINE_string("lists", None, "folder of subName.txt and the lists", required=True)
_DATA_ROOT = flags.DEFINE_string("data_root", None, "where the images lie")
_WORKDIR = flags.DEFINE_string("workdir", None, "a run on the same lists, to be shown beside")

_REGULARISATIONS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def leave_one_out(folds, rows, labels, answer) -> np.ndarray:
    """Confusion matrix pooled over folds; `answer(train, test)` predicts labels from row numbers."""
    truth, predicted = [], []
    for fold in folds:
        train, test = ([rows[clip.path] for clip in side] for side in (fold.train, fold.test))
        truth.extend(labels[test])
        predicted.extend(answer(train, test))
    return confusion_matrix(truth, predicted)


def pixels(lists) -> np.ndarray:
    """The pixels of both images of each clip, `(clips, features)`.

    Rotated into as many dimensions as there are clips: a penalised linear classifier answers the same there.
    """
    table = ImageTable(lists.clips, data_root=_DATA_ROOT.value)
    images, _labels = next(iter(table.dataset(lists.clips, len(lists.clips))))
    flat = np.concatenate([np.reshape(image, (len(image), -1)) for image in images.values()], axis=1)
    left, scale, _right = np.linalg.svd(flat.astype("float64"), full_matrices=False)
    return left * scale


def baselines() -> dict[str, np.ndarray]:
    """Confusion matrix of each baseline."""
    lists = read_lists(_LISTS.value)
    folds = make_folds(lists)
    rows = {clip.path: row for row, clip in enumerate(lists.clips)}
    labels = np.array([clip.label for clip in lists.clips])
    features = pixels(lists)

    def majority(train, test):
        return [np.bincount(labels[train]).argmax()] * len(test)

    def linear(regularisation, weight):
        def answer(train, test):
            model = LogisticRegression(C=regularisation, class_weight=weight, max_iter=5000)
            return model.fit(features[train], labels[train]).predict(features[test])

        return leave_one_out(folds, rows, labels, answer)

    linears = [linear(c, weight) for c in _REGULARISATIONS for weight in (None, "balanced")]
    return {
        "majority class": leave_one_out(folds, rows, labels, majority),
        "linear classifier": max(linears, key=uf1),
    }


def main(_arguments):
    confusions = baselines()
    if _WORKDIR.value:
        metrics = json.loads((Path(_WORKDIR.value) / "metrics.json").read_text(encoding="utf-8"))
        confusions["Dual-ATME"] = np.array(metrics["full"]["confusion"])
    print(f"{'':18} UF1    UAR    accuracy")
    for name, confusion in confusions.items():
        print(f"{name:18} {uf1(confusion):.4f} {uar(confusion):.4f} {accuracy(confusion):.4f}")


if __name__ == "__main__":
    app.run(main)
