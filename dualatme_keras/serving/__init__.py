"""Tier 3: the network where others can call it."""

from dualatme_keras.serving.export import export_saved_model

__all__ = ["export_saved_model"]
