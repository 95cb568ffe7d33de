"""Procedural faces: a seeded texture in the coordinates of the aligned face, and frames of it in motion."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dualatme_keras.synthetic.muscles import REFERENCE_SIZE, Grid
from dualatme_keras.synthetic.warping import backward_map

_SHARPNESS = 4
"""Pixels of the texture per pixel of a face of `REFERENCE_SIZE`, so that sampling it hardly blurs."""

_EXTENT = 1.6
"""Side of the texture, face and surroundings, in faces."""


class FaceLook(NamedTuple):
    """What a person looks like.

    Attributes:
        texture: `(size, size, 3)` float32 in [0, 255], RGB; the face in its middle, `_EXTENT` faces wide.
    """

    texture: np.ndarray


def new_look(landmarks: Mapping[str, tuple[float, float]], rng: np.random.Generator) -> FaceLook:
    """Paints a person.

    Args:
        landmarks: where the face has its landmarks, see `muscles.LANDMARKS`.
        rng: of colours and texture.
    """
    size = int(_EXTENT * REFERENCE_SIZE * _SHARPNESS)
    line = ((np.arange(size) + 0.5) / size - 0.5) * _EXTENT + 0.5
    x, y = line[np.newaxis, :], line[:, np.newaxis]
    skin = np.array([205.0, 160.0, 135.0]) * rng.uniform(0.75, 1.1) + rng.normal(scale=6.0, size=3)
    hair = np.array([60.0, 45.0, 38.0]) * rng.uniform(0.4, 1.8)
    image = np.broadcast_to(rng.uniform(90, 190, size=3), (size, size, 3)).copy()
    image += 8.0 * _noise(rng, size, (5, 40))[..., np.newaxis]
    head = np.hypot((x - 0.5) / 0.60, (y - 0.44) / 0.78)
    neck = np.maximum(np.abs(x - 0.5) / 0.30, 2.0 * (y < 0.75))
    image = _blend(image, 0.7 * skin, neck, 1.0, 0.06)
    # Hair down to the ears.
    head = np.maximum(head, y / 0.70)
    image = _blend(image, hair + 15.0 * _noise(rng, size, (60, 200))[..., np.newaxis], head, 1.0, 0.04)
    face = np.hypot((x - 0.5) / 0.52, (y - 0.47) / 0.62)
    # Shading of a round head lit from the front, pores, freckles, and larger unevenness.
    relief = 1.0 - 0.28 * np.clip(face, 0, 1) ** 2
    grain = (
        7.0 * _noise(rng, size, (8, 24))
        + 5.0 * _noise(rng, size, (60, 130))
        + 4.0 * _noise(rng, size, (250,))
    )
    image = _blend(image, skin * relief[..., np.newaxis] + grain[..., np.newaxis], face, 1.0, 0.03)
    for side in (-1, 1):
        _paint_eye(image, x, y, side, landmarks, skin, rng)
        _paint_brow(image, x, y, side, landmarks, hair, rng)
    _paint_nose(image, x, y, landmarks, skin)
    _paint_mouth(image, x, y, landmarks, rng)
    return FaceLook(np.clip(image, 0, 255).astype("float32"))


def render_frame(look: FaceLook, displacement: np.ndarray, grid: Grid) -> np.ndarray:
    """A picture of the person after every point of the face has moved.

    Args:
        look: who.
        displacement: `(height, width, 2)` in pixels of the frame: how far what a pixel shows at rest has
            moved to the right and down.
        grid: where the pixels of the frame lie on the face at rest, see `muscles.pixel_grid`.

    Returns:
        float32 `(height, width, 3)` in [0, 255].
    """
    import cv2

    from_x, from_y = backward_map(displacement)
    x, y = grid
    step = float(x[0, 1] - x[0, 0])
    size = look.texture.shape[0]
    scale = size / _EXTENT

    def place(origin, position):
        return ((origin + position * step - 0.5) * scale + size / 2 - 0.5).astype("float32")

    # The texture is finer than the frame; averaging four samples of each pixel avoids aliasing.
    total = np.zeros((*from_x.shape, 3), dtype="float32")
    for shift_x, shift_y in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        at_x, at_y = place(float(x[0, 0]), from_x + shift_x), place(float(y[0, 0]), from_y + shift_y)
        total += cv2.remap(look.texture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / 4.0


def _noise(rng, size, points):
    """Patches of unit variance, of several sizes, `(size, size)`."""
    import cv2

    field = np.zeros((size, size))
    for number in points:
        field += cv2.resize(
            rng.standard_normal((number, number)), (size, size), interpolation=cv2.INTER_CUBIC
        )
    return field / np.sqrt(len(points))


def _blend(image, colour, distance, radius, edge):
    """Paints `colour` where `distance` is below `radius`, with a soft edge."""
    weight = 1.0 / (1.0 + np.exp(np.clip((distance - radius) / (0.25 * edge), -60, 60)))
    return image + (colour - image) * weight[..., np.newaxis]


def _paint(image, colour, distance, radius, edge):
    image[:] = _blend(image, np.asarray(colour, dtype=float), distance, radius, edge)


def _paint_eye(image, x, y, side, landmarks, skin, rng):
    out, down = landmarks["eye"]
    centre_x, top = 0.5 + side * out, landmarks["upper_lid"][1]
    opening = np.clip((landmarks["lower_lid"][1] - top) * 0.75, 0.030, 0.040)
    _paint(image, skin * 0.62, np.hypot((x - centre_x) / 0.125, (y - down) / 0.075), 1.0, 0.7)  # socket
    almond = np.hypot((x - centre_x) / 0.092, (y - down) / opening)
    _paint(image, (55.0, 35.0, 30.0), almond, 1.12, 0.12)  # lashes
    _paint(image, (228.0, 224.0, 220.0), almond, 0.92, 0.12)
    inside = almond < 0.95
    radius = np.hypot(x - centre_x, y - down)
    iris = np.array([90.0, 70.0, 50.0]) * rng.uniform(0.6, 1.5)
    for colour, size in ((iris, 0.036), (np.array([15.0, 12.0, 12.0]), 0.016)):
        painted = _blend(image, colour, radius, size, 0.008)
        image[inside] = painted[inside]
    crease = np.abs(y - (top - 0.022 + 1.6 * (x - centre_x) ** 2)) / 0.006
    near = np.abs(x - centre_x) < 0.085
    image -= (35.0 * np.exp(-0.5 * crease**2) * near)[..., np.newaxis]


def _paint_brow(image, x, y, side, landmarks, hair, rng):
    names = ("brow_inner", "brow_middle", "brow_outer")
    outs, downs = zip(*(landmarks[name] for name in names), strict=True)
    rise = np.clip(0.5 * (downs[0] + downs[2]) - downs[1], 0.01, 0.05)
    curve = np.polyfit(outs, (downs[0], 0.5 * (downs[0] + downs[2]) - rise, downs[2]), 2)
    out = side * (x - 0.5)
    height = np.abs(y - np.polyval(curve, out)) / 0.020
    along = np.abs(out - np.mean([outs[0], outs[2]])) / (0.5 * (outs[2] - outs[0]) + 0.02)
    hairs = 0.75 + 0.5 * np.clip(_noise(rng, image.shape[0], (160, 260)), -1, 1)
    weight = 1.0 / (1.0 + np.exp(np.clip((np.hypot(height, along**3) - 1.0) / 0.08, -60, 60))) * hairs
    image += (0.5 * hair - image) * np.clip(weight, 0, 1)[..., np.newaxis]


def _paint_nose(image, x, y, landmarks, skin):
    out, down = landmarks["nose_wing"]
    bridge = np.exp(-0.5 * ((x - 0.5) / 0.035) ** 2) * (y > 0.30) * (y < down)
    image += (26.0 * bridge)[..., np.newaxis]
    for side in (-1, 1):
        wing = np.hypot((x - 0.5 - side * out) / 0.035, (y - down + 0.01) / 0.035)
        _paint(image, skin * 0.68, wing, 0.9, 0.6)
        nostril = np.hypot((x - 0.5 - side * 0.55 * out) / 0.026, (y - down - 0.012) / 0.012)
        _paint(image, skin * 0.30, nostril, 1.0, 0.4)


def _paint_mouth(image, x, y, landmarks, rng):
    corner, middle = landmarks["mouth_corner"]
    half = corner + 0.005
    lips = np.array([170.0, 85.0, 85.0]) * rng.uniform(0.8, 1.15)
    across = np.clip(1.0 - ((x - 0.5) / half) ** 2, 0.0, None)
    upper = np.clip(landmarks["upper_lip"][1], middle - 0.05, middle - 0.02)
    lower = np.clip(landmarks["lower_lip"][1], middle + 0.02, middle + 0.06)
    line = middle + 0.008 * np.cos((x - 0.5) / half * np.pi)
    above = (line - y) / np.maximum((line - upper + 0.012) * np.sqrt(across), 1e-3)
    below = (y - line) / np.maximum((lower - line + 0.025) * np.sqrt(across), 1e-3)
    inside = np.where(y < line, above, below)
    inside = np.where(across > 0, inside, 10.0)
    _paint(image, lips, inside, 1.0, 0.35)
    gap = np.abs(y - line) / 0.006
    image -= (60.0 * np.exp(-0.5 * gap**2) * (across > 0))[..., np.newaxis]
    image += (4.0 * _noise(rng, image.shape[0], (90, 200)) * (inside < 1.0))[..., np.newaxis]
