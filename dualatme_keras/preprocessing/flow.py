"""Optical flow between two frames, by OpenCV."""

import numpy as np

from dualatme_keras.errors import DualATMEError

METHODS = ("tvl1", "dis")


def optical_flow(first: np.ndarray, second: np.ndarray, method: str = "tvl1") -> np.ndarray:
    """Motion from one frame to the next.

    `tvl1` is the duality-based TV-L1 of Zach, Pock and Bischof (2007), the published method; `dis` is dense
    inverse search (Kroeger et al., 2016), many times faster and a little less precise.

    Args:
        first, second: grey frames of the same size, `(height, width)`, values in [0, 255].
        method: one of `METHODS`.

    Returns:
        float32 array `(height, width, 2)`: for each pixel of `first`, how far it moved to the right and down,
        in pixels.

    Raises:
        DualATMEError: frames of unequal shape or less than 16 pixels wide or high, no such method, or OpenCV
            without its contributed modules.
    """
    if method not in METHODS:
        raise DualATMEError(f"Expected a flow method out of {', '.join(METHODS)}. Received: {method!r}.")
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 16:
        raise DualATMEError(
            "Expected two grey frames of the same size, 16 pixels at least. "
            f"Received: {first.shape} and {second.shape}."
        )
    # OpenCV's DIS takes bytes only; TV-L1 also, in effect: it works on the same scale.
    return _new_estimator(method).calc(_as_bytes(first), _as_bytes(second), None)


def _as_bytes(frame):
    if frame.dtype != np.uint8:
        frame = np.clip(np.rint(frame), 0, 255).astype("uint8")
    return np.ascontiguousarray(frame)


def _new_estimator(method):
    """One for each pair: frames too small for an estimator's settings change these for all that follow."""
    import cv2

    if method == "dis":
        return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if not hasattr(cv2, "optflow"):
        raise DualATMEError(
            "Expected OpenCV with cv2.optflow for TV-L1. Received: an OpenCV without contributed modules. "
            "Install it alone: pip uninstall opencv-python opencv-python-headless, then "
            "pip install opencv-contrib-python-headless; or use the flow method dis."
        )
    return cv2.optflow.DualTVL1OpticalFlow_create()
