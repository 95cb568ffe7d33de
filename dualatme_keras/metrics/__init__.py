"""Tier 1: UF1 and UAR, streaming in Keras and pooled in NumPy.

Evaluating a finished run needs no Keras, so the two Keras metrics are imported when first asked for.
"""

from dualatme_keras.metrics.pooled import (
    accuracy,
    confusion_matrix,
    f1_per_class,
    pooled_scores,
    recall_per_class,
    uar,
    uf1,
)

__all__ = [
    "UAR",
    "UF1",
    "accuracy",
    "confusion_matrix",
    "f1_per_class",
    "pooled_scores",
    "recall_per_class",
    "uar",
    "uf1",
]


def __getattr__(name):
    if name in ("UF1", "UAR"):
        from dualatme_keras.metrics import streaming

        return getattr(streaming, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
