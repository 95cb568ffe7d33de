"""Who shows what in clips that are drawn many at a time: expressions, faces, and where the crop puts them."""

import dataclasses

import numpy as np

from dualatme_keras.geometry.regions import region_boxes
from dualatme_keras.synthetic.estimated_units import ESTIMATED_LANDMARKS as LANDMARKS
from dualatme_keras.synthetic.motion_settings import UNITS, MotionSettings

BLINK = 45
ALL_UNITS = (*UNITS, BLINK)

_NAMES = list(LANDMARKS)
_PLACES = np.array(list(LANDMARKS.values()), dtype="float32")
_EYES_DOWN = LANDMARKS["eye"][1]


class Draw:
    """Random float32 numbers for each of `count` clips, with the clips as first axis."""

    def __init__(self, count: int, rng: np.random.Generator):
        self.count, self.rng = count, rng

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal((self.count, *shape), dtype="float32")

    def even(self, limits: tuple[float, float], *shape: int) -> np.ndarray:
        low, high = limits
        return low + (high - low) * self.rng.random((self.count, *shape), dtype="float32")

    def chance(self, share: float) -> np.ndarray:
        return self.rng.random(self.count, dtype="float32") < share


def draw_expressions(draw: Draw, settings: MotionSettings) -> tuple[np.ndarray, np.ndarray]:
    """Draws classes and what is shown.

    Returns:
        Classes, int64 `(clips,)`, -1 where there is none; intensities of `ALL_UNITS` on the
        image-left and image-right side, float32 `(clips, units, 2)`.
    """
    clips = np.arange(draw.count)
    labels = draw.rng.integers(0, len(settings.emotions), draw.count)
    shown = np.zeros((draw.count, len(ALL_UNITS)), dtype=bool)
    for label, emotion in enumerate(settings.emotions):
        (chosen,) = np.nonzero(labels == label)
        shares = np.array(list(emotion.values()), dtype=float)
        sets = np.array([[unit in units for unit in ALL_UNITS] for units in emotion])
        shown[chosen] = sets[draw.rng.choice(len(shares), size=len(chosen), p=shares / shares.sum())]
    anything = draw.chance(settings.any_units)
    shown[anything] = _any_units(draw)[anything]
    share = draw.even(settings.companion, len(ALL_UNITS))
    share[clips, (draw.rng.random(shown.shape) * shown).argmax(axis=1)] = 1.0  # one unit leads
    strength = np.exp(settings.intensity_sd * draw.normal(1, 1))
    intensity = (shown * share)[..., None] * strength * _balance(draw, settings)[:, None]
    extra = draw.rng.integers(0, len(UNITS), draw.count)
    intensity[clips, extra] += (draw.chance(settings.extra_unit) * draw.even((0.0, 0.5)))[:, None]
    nothing = draw.chance(settings.no_expression)
    intensity[nothing] = 0.0
    labels[nothing | anything] = -1
    intensity[:, ALL_UNITS.index(BLINK)] = (draw.chance(settings.blinks) * draw.even(settings.lid_travel))[
        :, None
    ]
    return labels, intensity


def _any_units(draw):
    """One to three units of `UNITS`, each set as likely as another of its size, `(clips, units)`."""
    order = draw.rng.random((draw.count, len(UNITS))).argsort(axis=1)
    chosen = order < draw.rng.integers(1, 4, (draw.count, 1))
    return np.pad(chosen, [(0, 0), (0, len(ALL_UNITS) - len(UNITS))])


def _balance(draw, settings):
    """Intensity of the left and the right side relative to the stronger one, `(clips, 2)`."""
    aside = np.where(draw.chance(0.5), 1.0, -1.0) * draw.even((1.0, 3.0)) * draw.chance(settings.one_sided)
    lean = (settings.lean_sd * draw.normal() + aside).astype("float32")
    return np.exp(np.minimum(0.0, np.stack([-lean, lean], axis=-1)))


@dataclasses.dataclass(frozen=True)
class Faces:
    """Faces and their crops, each array with the clips as first axis.

    Attributes:
        outward, below: places of `LANDMARKS` in the face, `(clips, landmarks)`.
        middle: how far the middle of the face is off that of the image (right, down), `(clips, 2)`.
        size: width and height of the face relative to the image, `(clips, 2)`.
    """

    outward: np.ndarray
    below: np.ndarray
    middle: np.ndarray
    size: np.ndarray

    def on_face(self, places: np.ndarray, axis: int) -> np.ndarray:
        """Places along an axis (0 right, 1 down) of the image, `(clips, count)`, in fractions of the face."""
        return (places - 0.5 - self.middle[:, axis, None]) / self.size[:, axis, None] + 0.5

    def boxes(self, errors: np.ndarray) -> np.ndarray:
        """HARS boxes `(clips, 3, 4)` by landmarks that are off by `errors`, `(clips, 5, 2)`."""
        index = [_NAMES.index(name) for name in ("eye", "eye", "nose_wing", "mouth_corner", "mouth_corner")]
        sides = np.array([-1, 1, 0, -1, 1], dtype="float32")
        places = np.stack([sides * self.outward[:, index], self.below[:, index] - 0.5], axis=-1)
        marks = places * self.size[:, None] + self.middle[:, None] + 0.5 + errors
        return region_boxes(marks.astype("float32"))


def draw_faces(draw: Draw, settings: MotionSettings) -> Faces:
    """Draws faces of different shape, and where the crop puts them."""
    own = settings.landmarks_sd * draw.normal(len(_PLACES), 2)
    widen, lengthen = (1.0 + settings.proportions_sd * draw.normal(1) for _ in range(2))
    middle = np.stack([draw.even(settings.crop_right), draw.even(settings.crop_down)], axis=-1)
    height = draw.even(settings.crop_zoom)
    return Faces(
        outward=_PLACES[:, 0] * widen + own[..., 0] * (_PLACES[:, 0] > 0),
        # Faces are aligned by the eyes, so all that lies below moves with the length of the face.
        below=_EYES_DOWN + (_PLACES[:, 1] - _EYES_DOWN) * lengthen + own[..., 1],
        middle=middle,
        size=np.stack([height * draw.even(settings.crop_aspect), height], axis=-1),
    )
