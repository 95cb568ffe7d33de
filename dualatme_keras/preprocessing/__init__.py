"""Tier 1: from frames to the images the network reads."""

from dualatme_keras.preprocessing.encoding import encode_flow, optical_strain

__all__ = ["encode_flow", "optical_strain"]
