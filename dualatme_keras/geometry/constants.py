"""Constants, and how they meet arrays of any library."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Array = TypeVar("Array")
"""An array of NumPy, or a tensor of a backend of Keras: a function with `ops` returns what it was given."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luminance of ITU-R BT.601."""


def constant_like(values: np.ndarray | Sequence[float], array: Array) -> np.ndarray:
    """`values` in the data type of `array`, so that they neither widen nor narrow what is computed with them.

    Args:
        values: numbers.
        array: what they meet.
    """
    return np.asarray(values, dtype=getattr(array.dtype, "name", array.dtype))
