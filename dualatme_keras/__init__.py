"""Dual-ATME facial micro-expression recognition in Keras 3 (Zhou et al., Entropy 25(3):460, 2023)."""

import os

from dualatme_keras.lazy import lazy_names

# oneDNN makes training on CPUs nearly twice as fast, but by itself TensorFlow uses it only where there are
# instructions for neural networks. No effect where TensorFlow was imported before, or the variable is set.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

__all__ = ["Recognizer", "__version__"]

__getattr__, __dir__ = lazy_names(__name__, {"Recognizer": "recognition"})
