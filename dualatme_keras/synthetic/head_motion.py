"""Motion of the whole head as a flow field. NumPy only."""

import numpy as np

from dualatme_keras.synthetic.muscles import REFERENCE_SIZE, Grid, pixel_grid

DEPTH = ((0.5, 0.18), (0.55, 0.22))
"""Middle and width along x and y, in fractions of the face, of what is nearer when a head turns or nods."""


def head_motion_flow(
    shift: tuple[float, float] = (0.0, 0.0),
    roll: float = 0.0,
    growth: float = 0.0,
    turn: tuple[float, float] = (0.0, 0.0),
    grid: Grid | None = None,
) -> np.ndarray:
    """Displacement of a head that moves as one; the background in the lower corners stays where it is.

    Args:
        shift: translation (right, down), in pixels of a face of `REFERENCE_SIZE`.
        roll: rotation in the image plane about its middle, degrees, positive turns the right side down.
        growth: relative change of size, e.g. 0.01 for a head that comes nearer.
        turn: displacement (right, down) of the tip of the nose against the rest when the head turns or nods.
        grid: the pixels wanted; by default those of a face that fills an image of `REFERENCE_SIZE`.

    Returns:
        float64 array `(size, size, 2)`, in pixels of a face of `REFERENCE_SIZE`.
    """
    x, y = pixel_grid() if grid is None else grid
    right, down = (x - 0.5) * REFERENCE_SIZE, (y - 0.5) * REFERENCE_SIZE
    angle = np.deg2rad(roll)
    (middle_x, width), (middle_y, height) = DEPTH
    depth = np.exp(-0.5 * (((x - middle_x) / width) ** 2 + ((y - middle_y) / height) ** 2))
    flow = np.stack(
        [
            shift[0] + growth * right - angle * down + turn[0] * depth,
            shift[1] + growth * down + angle * right + turn[1] * depth,
        ],
        axis=-1,
    )
    return flow * _face_mask(x, y)[..., np.newaxis]


def _face_mask(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 on the face, 0 next to the jaw, with a soft edge; `(size, size)`."""
    radius = np.hypot((x - 0.5) / 0.56, (y - 0.42) / 0.62)
    return 1.0 / (1.0 + np.exp((radius - 1.05) / 0.04))
