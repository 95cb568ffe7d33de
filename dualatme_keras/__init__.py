"""Dual-ATME facial micro-expression recognition in Keras 3 (Zhou et al., Entropy 25(3):460, 2023)."""

import importlib
import os

# oneDNN makes training on CPUs nearly twice as fast, but by itself TensorFlow uses it only where there are
# instructions for neural networks. No effect where TensorFlow was imported before, or the variable is set.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_LAZY = {"Recognizer": "recognition"}
"""What is imported, with TensorFlow, when it is first used."""


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
