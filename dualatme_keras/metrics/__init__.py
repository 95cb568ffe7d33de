"""Tier 1: UF1 and UAR, streaming in Keras and pooled in NumPy.

Evaluating a finished run needs no Keras, so the two Keras metrics are imported when first asked for.
"""

from dualatme_keras.lazy import lazy_names
from dualatme_keras.metrics.calibration import reliability
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
    "reliability",
    "uar",
    "uf1",
]

__getattr__, __dir__ = lazy_names(__name__, {"UAR": "streaming", "UF1": "streaming"})
