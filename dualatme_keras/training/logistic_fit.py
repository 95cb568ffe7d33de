"""The linear classifier of a run, fitted by logistic regression: no epochs, no learning rate."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models.linear import LINEAR_LOGITS, linear_features


def fit_logistic(
    model: keras.Model,
    batches: Iterable,
    class_weight: Mapping[int, float] | None = None,
    num_classes: int = 3,
    c: float = 1.0,
    mirrored: Callable[[Any], Any] | None = None,
) -> dict[str, list[float]]:
    """Gives the linear classifier of a network the weights of a logistic regression; the rest stays.

    Args:
        model: `models.Linear`, or a network that answers together with one, as `plus`.
        batches: `(images, labels)`, each clip once.
        class_weight: weight of each class; None for equal ones.
        num_classes: number of classes; those without a clip are never answered.
        c: inverse strength of regularisation. Features of one kind (flow, a branch) are scaled so that the
            mean of their squared length is 1, which makes it mean the same for every size of image.
        mirrored: gives the mirror images of a batch's images, which are then fitted too; None for none.

    Returns:
        A history of one epoch: loss and accuracy on the clips, as of `fit`.

    Raises:
        DualATMEError: all clips are of one class, or the network has no linear classifier.
    """
    parts = linear_features(model)
    if parts is None:
        raise DualATMEError(
            "Expected a network with a linear classifier, `model='linear'` or `preset='plus'`, for "
            f"`solver='logistic'`. Received: {model.name}, which has none. Choose `solver='gradient'`."
        )
    extractor = keras.Model(model.input, {str(place): part for place, part in enumerate(parts)})
    turns = [lambda images: images, *([mirrored] if mirrored else [])]
    # Features alone are kept, not the images, of which there may be more than memory holds.
    labels, found = [], [[] for _ in turns]
    for images, told in batches:
        labels.append(np.asarray(told))
        for turn, rows in zip(turns, found, strict=True):
            rows.append([np.asarray(part) for part in extractor(turn(images), training=False).values()])
    labels = np.concatenate(labels * len(turns))
    if len(np.unique(labels)) < 2:
        raise DualATMEError(
            "Expected training clips of two classes or more for a logistic regression. "
            f"Received: {len(labels)} of class {labels[0]}."
        )
    rows = [row for one in found for row in one]
    parts = [np.concatenate(one).astype("float64") for one in zip(*rows, strict=True)]
    scales = [np.sqrt(np.square(part).sum(axis=1).mean()) or 1.0 for part in parts]
    scale = np.concatenate([np.full(part.shape[1], one) for part, one in zip(parts, scales, strict=True)])
    features = np.concatenate(parts, axis=1) / scale
    regression = LogisticRegression(C=c, class_weight=class_weight, max_iter=1000)
    regression.fit(features, labels)
    kernel = np.zeros((len(scale), num_classes))
    bias = np.full(num_classes, -1e3)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn has one row for both
        coefficients, intercepts = (np.concatenate([-x, x]) / 2 for x in (coefficients, intercepts))
    kernel[:, regression.classes_] = coefficients.T / scale[:, None]
    bias[regression.classes_] = intercepts
    model.get_layer(LINEAR_LOGITS).set_weights([kernel, bias])
    probabilities = regression.predict_proba(features)
    right = probabilities[np.arange(len(labels)), np.searchsorted(regression.classes_, labels)]
    told = regression.classes_[probabilities.argmax(axis=1)]
    return {"loss": [float(-np.log(right).mean())], "accuracy": [float((told == labels).mean())]}
