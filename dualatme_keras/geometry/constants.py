"""Constants, and how they meet arrays of any library."""

import numpy as np

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luminance of ITU-R BT.601."""


def constant_like(values, array) -> np.ndarray:
    """`values` in the data type of `array`, so that they neither widen nor narrow what is computed with them.

    Args:
        values: numbers.
        array: of NumPy, or a tensor of a backend of Keras.
    """
    return np.asarray(values, dtype=getattr(array.dtype, "name", array.dtype))
