"""A displacement turned around: from where each pixel of the moved picture comes."""

import numpy as np

_ROUNDS = 8
"""Rounds of the fixed point; each divides the error by the largest stretch, a tenth or less here."""


def backward_map(displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel q the place p that has moved there: `p + d(p) = q`.

    Args:
        displacement: d, `(height, width, 2)`, right and down in pixels, smooth.

    Returns:
        x and y of p, float32 `(height, width)` each, as `cv2.remap` takes them.
    """
    import cv2

    height, width = displacement.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype("float32")
    field = np.ascontiguousarray(displacement, dtype="float32")
    from_x, from_y = columns, rows
    for _ in range(_ROUNDS):
        moved = cv2.remap(field, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        from_x, from_y = columns - moved[..., 0], rows - moved[..., 1]
    return from_x, from_y
