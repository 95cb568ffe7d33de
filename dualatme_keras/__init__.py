"""Dual-ATME facial micro-expression recognition in Keras 3 (Zhou et al., Entropy 25(3):460, 2023)."""

__version__ = "0.1.0"
