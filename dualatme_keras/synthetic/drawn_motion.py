"""Motion of clips that are drawn many at a time: action units, the head, and what an estimate makes of it.

All of it is a sum of products, a curve along x times a curve along y, so that the motion of many clips on any
grid is one product of matrices.
"""

import dataclasses

import numpy as np

from dualatme_keras.synthetic.drawn_clips import ALL_UNITS, Draw, Faces
from dualatme_keras.synthetic.estimated_units import ESTIMATED_LANDMARKS as LANDMARKS
from dualatme_keras.synthetic.head_motion import DEPTH
from dualatme_keras.synthetic.motion_settings import MotionSettings
from dualatme_keras.synthetic.muscles import REFERENCE_SIZE

_HEAD_SD = {"shift": 0.5, "roll": 0.003, "growth": 0.003, "turn": 0.15}
"""Motion of a head that sits still: arguments of `head_motion_flow`, the roll in radians."""

_SPOTS = 10
"""Spots of false motion that an estimate adds to a clip."""

_NOISE_CELLS, _TEXTURE_CELLS = (3, 8), (12, 25)
"""Cells of noise along the image, at least and less than: smooth, and as fine as skin and hair."""


def _pull_table(units):
    """All pulls of all units on both sides as arrays: unit, landmark, side; outward, down, width, height."""
    rows, landmarks = [], list(LANDMARKS)
    for unit, pulls in units.items():
        for pull in pulls:
            for side in (0,) if LANDMARKS[pull.landmark][0] == 0 else (-1, 1):
                place = (ALL_UNITS.index(unit), landmarks.index(pull.landmark), side)
                rows.append((*place, pull.outward * (side or 1), pull.down, pull.width, pull.height))
    columns = np.array(rows, dtype="float32").T
    return (*columns[:3].astype(int), *columns[3:])


@dataclasses.dataclass(frozen=True)
class Gaussians:
    """Bumps of motion: middles, widths and heights `(clips, bumps)`; `motion` at their tops, right and down,
    `(clips, bumps, 2)`."""

    x: np.ndarray
    y: np.ndarray
    width: np.ndarray
    height: np.ndarray
    motion: np.ndarray

    def curves(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Along y and along x, `(clips, bumps, count)` each."""
        return _gauss(rows, self.y, self.height), _gauss(columns, self.x, self.width)


@dataclasses.dataclass(frozen=True)
class Cells:
    """Smooth noise, as strong all over the image: `values` `(clips, ..., cells, cells)`."""

    values: np.ndarray

    def on(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """`(clips, ..., height, width)` at places in the image."""
        count = self.values.shape[-1]
        across, along = (_cell_weights(places, count) for places in (rows, columns))
        extra = (slice(None), *[None] * (self.values.ndim - 3))
        return across[extra] @ self.values @ along.swapaxes(1, 2)[extra]


class DrawnMotion:
    """Motion of some clips.

    Args:
        draw: random numbers.
        settings: ingredients.
        faces: of the clips.
        intensity: of their units, `(clips, units, 2)`.
    """

    def __init__(self, draw: Draw, settings: MotionSettings, faces: Faces, intensity: np.ndarray):
        self._faces = faces
        self._pulls = _draw_pulls(draw, settings, faces, intensity)
        self._head, self._hairline = _draw_head(draw, settings)
        self._spots = _draw_spots(draw, settings)
        cells = draw.rng.integers(*settings.estimate_gain_cells)
        self._gain = Cells(settings.estimate_gain_sd * draw.normal(cells, cells))
        self._noises = [
            _draw_noise(draw, settings.estimate_noise, _NOISE_CELLS),
            _draw_noise(draw, settings.estimate_texture, _TEXTURE_CELLS),
        ]

    def on(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Motion at `rows` `(clips, height)` and `columns` `(clips, width)`, fractions of the image.

        Returns:
            float32 `(clips, 2, height, width)`, right and down, in pixels of a face of `REFERENCE_SIZE`.
        """
        x, y = self._faces.on_face(columns, 0), self._faces.on_face(rows, 1)
        field = _sum(self._pulls.curves(y, x), self._pulls.motion)
        field *= np.exp(self._gain.on(rows, columns))[:, None]
        field += _sum(self._head_curves(y, x), self._head)
        field += _sum(self._spots.curves(rows, columns), self._spots.motion)
        for noise in self._noises:
            field += noise.on(rows, columns)
        return field

    def _head_curves(self, y, x):
        depth_x, depth_y = (
            np.exp(-0.5 * ((z - m) / w) ** 2) for z, (m, w) in zip((x, y), DEPTH, strict=True)
        )
        hair = 1.0 / (1.0 + np.exp(np.clip((y - self._hairline) / 0.03, -60.0, 60.0)))
        one_x, one_y = np.ones_like(x), np.ones_like(y)
        along, across = [one_x, x - 0.5, one_x, depth_x, one_x], [one_y, one_y, y - 0.5, depth_y, hair]
        return np.stack(across, axis=1), np.stack(along, axis=1)


def _draw_pulls(draw, settings, faces, intensity):
    """The pulls that are felt in a clip, as an estimate shows them."""
    unit, landmark, side, *motion, width, height = _pull_table(settings.pulls)
    left, right = intensity[:, unit, 0], intensity[:, unit, 1]
    felt = np.where(side == 0, (left + right) / 2, np.where(side < 0, left, right))
    count = max(1, int((felt != 0).sum(axis=1).max()))
    which = np.argsort(felt == 0, axis=1, kind="stable")[:, :count]  # those that are zero come last
    felt = np.take_along_axis(felt, which, axis=1)
    landmark, motion = landmark[which], np.stack(motion, axis=-1)[which]
    reach = settings.reach_sd * draw.normal(count, 2) + settings.clip_reach_sd * draw.normal(1, 1)
    size = np.stack([width, height], axis=-1)[which] * np.exp(reach)
    # A blurred Gaussian is a wider and lower one.
    blurred = np.hypot(size, draw.even(settings.estimate_blur)[:, None, None] / faces.size[:, None])
    felt = felt * (size / blurred).prod(axis=-1)
    astray = settings.direction_sd * draw.normal(count, 2) * np.linalg.norm(motion, axis=-1, keepdims=True)
    return Gaussians(
        x=0.5 + side[which] * np.take_along_axis(faces.outward, landmark, axis=1),
        y=np.take_along_axis(faces.below, landmark, axis=1),
        width=blurred[..., 0],
        height=blurred[..., 1],
        motion=felt[..., None] * (motion + astray),
    )


def _draw_head(draw, settings):
    """Shift, growth, roll, turn, and motion above the hairline, `(clips, 5, 2)`; the hairline."""
    restless = settings.head * np.exp(0.4 * draw.normal(1))
    size = {name: sd * restless for name, sd in _HEAD_SD.items()}
    growth, roll = (size[name][:, 0] * draw.normal() * REFERENCE_SIZE for name in ("growth", "roll"))
    motion = [
        size["shift"] * draw.normal(2),
        np.stack([growth, roll], axis=-1),
        np.stack([-roll, growth], axis=-1),
        size["turn"] * draw.normal(2),
        settings.hairline * draw.normal(2),
    ]
    return np.stack(motion, axis=1), 0.05 * draw.normal(1)


def _draw_spots(draw, settings):
    """Spots of false motion anywhere, and what moves behind the jaw in the lower corners."""
    strength = np.exp(0.5 * draw.normal(1, 1)) * -np.log(1.0 - draw.even((0.0, 1.0), _SPOTS, 1))
    place, size = draw.even((0.0, 1.0), _SPOTS, 2), draw.even((0.015, 0.05), _SPOTS, 2)
    spots = settings.estimate_sparks * strength * draw.normal(_SPOTS, 2)
    corner = np.tile(np.array([(0.0, 1.0), (1.0, 1.0)], dtype="float32"), (draw.count, 1, 1))
    wide = draw.even((0.08, 0.2), 2, 1) * np.array([1.0, 1.5], dtype="float32")
    place, size = np.concatenate([place, corner], axis=1), np.concatenate([size, wide], axis=1)
    motion = np.concatenate([spots, settings.corners * draw.normal(2, 2)], axis=1)
    return Gaussians(place[..., 0], place[..., 1], size[..., 0], size[..., 1], motion)


def _draw_noise(draw, strength, cells):
    cells = draw.rng.integers(*cells)
    return Cells(strength * np.exp(0.7 * draw.normal(1, 1, 1)) * draw.normal(2, cells, cells))


def _sum(curves, motion):
    """Sum of products of curves: `(clips, terms, count)` each, `(clips, terms, 2)` -> `(clips, 2, h, w)`."""
    across, along = curves
    weighted = across[:, None] * motion.swapaxes(1, 2)[..., None]  # (clips, 2, terms, height)
    return weighted.swapaxes(2, 3) @ along[:, None]


def _gauss(places, middle, width):
    """`(clips, count)` and `(clips, terms)` -> `(clips, terms, count)`."""
    z = places[:, None, :] - middle[..., None]
    z /= width[..., None]
    z *= z
    z *= -0.5
    return np.exp(z, out=z)


def _cell_weights(places, cells):
    """Weights of cells at places in the image, `(clips, count, cells)`; their squares sum to 1."""
    z = places[..., None] * (cells - 1) - np.arange(cells, dtype="float32")
    z /= 0.7
    z *= z
    z *= -0.5
    np.exp(z, out=z)
    z /= np.sqrt(np.einsum("...k,...k->...", z, z))[..., None]
    return z
