"""Flow as colours."""

import numpy as np


def flow_colours(flow: np.ndarray, largest: float) -> np.ndarray:
    """A flow field as a colour wheel: hue is the direction, saturation the magnitude.

    Args:
        flow: `(height, width, 2)`, to the right and down.
        largest: magnitude of full colour.

    Returns:
        `(height, width, 3)` in [0, 1]; no motion is white.
    """
    from matplotlib.colors import hsv_to_rgb

    magnitude = np.clip(np.linalg.norm(flow, axis=-1) / max(largest, 1e-6), 0.0, 1.0)
    hue = (np.arctan2(-flow[..., 1], flow[..., 0]) / (2 * np.pi)) % 1.0
    return hsv_to_rgb(np.stack([hue, magnitude, np.ones_like(hue)], axis=-1))
