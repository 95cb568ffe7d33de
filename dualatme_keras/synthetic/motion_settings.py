"""What drawn clips are made of: every ingredient, with its range, in one record."""

import dataclasses
from collections.abc import Mapping

from dualatme_keras.choices import ACTION_UNITS
from dualatme_keras.synthetic.estimated_units import ESTIMATED_UNITS
from dualatme_keras.synthetic.muscles import Pull

UNITS = tuple(ACTION_UNITS)
"""Action units that are drawn and told of a clip; a blink (45) is drawn and not told."""

Emotions = tuple[Mapping[tuple[int, ...], float], ...]
"""Per class, action units that are shown together and how often, as relative frequencies."""

EMOTIONS: Emotions = (
    {
        # disgust: AU 9, AU 10, or AU 4 with 7 (the criteria of CASME II: Yan et al., PLoS ONE 9(1):e86041)
        (4, 7): 8,
        (4, 9): 3,
        (4, 10): 4,
        (9,): 1,
        (10,): 1,
        (4, 7, 9): 2,
        (4, 7, 10): 1,
        (4, 9, 10): 1,
        # repression: AU 15, AU 17, alone or together (same criteria)
        (17,): 6,
        (15,): 2,
        (15, 17): 2,
        # anger, sadness, fear, contempt: one or two units of the prototypes of Ekman, Friesen and Hager (FACS
        # Investigator's Guide, 2002, table 10-1), since a micro-expression seldom shows more
        (4,): 6,
        (1, 4): 1,
        (4, 15): 1,
        (20,): 1,
        (14,): 1,
    },
    # happiness: AU 6 or AU 12 (same criteria)
    {(12,): 8, (6, 12): 4, (12, 25): 1, (14,): 2},
    # surprise: AU 1 with 2, AU 25, or AU 2 (same criteria)
    {(1, 2): 6, (1,): 3, (2,): 2, (1, 2, 5): 2, (1, 2, 25): 1, (1, 2, 26): 1},
)
"""Classes in the order of `megc2019.CLASS_NAMES`. Which units go together is FACS; how often they do was
chosen with the action units of CASME II in sight."""


@dataclasses.dataclass(frozen=True)
class MotionSettings:
    """Ingredients of drawn motion. A range `(low, high)` is drawn from evenly, `_sd` is a standard deviation.

    Lengths are fractions of the image, motion is in pixels of a face of `REFERENCE_SIZE`.

    Attributes:
        emotions: see `Emotions`.
        pulls: of each action unit: `ESTIMATED_UNITS`, or `muscles.ACTION_UNITS`, which is FACS in words.
        no_expression: share of clips in which nothing but head, lids and noise moves.
        any_units: share of clips that show one to three units at random, of no class: every unit is learned,
            not only those of the emotions.
        intensity_sd: of an expression's intensity, as a logarithm.
        companion: intensity of the units that follow the leading one, relative to it.
        extra_unit: share of clips with one more unit, at up to half the intensity.
        one_sided: share of clips that show on one side of the face only, or nearly so.
        lean_sd: of the right side's intensity over the left one's in the others, as a logarithm.
        blinks: share of clips in which lids close or open between onset and apex.
        lid_travel: of a blink, relative to the lids of a unit of intensity 1.
        landmarks_sd: how far landmarks lie from their usual places.
        proportions_sd: of width and length of the face below the eyes, relative.
        reach_sd: of the width and height of each pull, as a logarithm.
        clip_reach_sd: the same for all pulls of a clip together.
        direction_sd: of each pull's direction, relative to its length.
        crop_right, crop_down: how far the middle of the face is off that of the image.
        crop_zoom: size of the face relative to the image.
        crop_aspect: its width relative to its height.
        head: size of what is left of the head's motion, 1 as of a person who sits still; 0 for none.
        hairline: motion of hair and background above the forehead.
        corners: motion of what is behind the jaw, in the lower corners.
        estimate_blur: by how much an estimate of flow blurs motion, a Gaussian's standard deviation.
        estimate_gain_sd: an estimate lets through less of the motion on even skin than at edges: of that
            share over the face, as a logarithm.
        estimate_gain_cells: how fine that is, at least and less than, cells along the image.
        estimate_noise: smooth motion that an estimate adds.
        estimate_texture: noise as fine as skin, hair and the edges of a face.
        estimate_sparks: small spots of motion that it adds, where light changes or an edge is lost.
        boxes_sd: error of the landmarks from which the puzzle is cut.
    """

    emotions: Emotions = EMOTIONS
    pulls: Mapping[int, tuple[Pull, ...]] = dataclasses.field(default_factory=lambda: ESTIMATED_UNITS)
    no_expression: float = 0.05
    any_units: float = 0.1
    intensity_sd: float = 0.5
    companion: tuple[float, float] = (0.2, 1.0)
    extra_unit: float = 0.0
    one_sided: float = 0.5
    lean_sd: float = 0.3
    blinks: float = 0.3
    lid_travel: tuple[float, float] = (-2.0, 2.0)
    landmarks_sd: float = 0.05
    proportions_sd: float = 0.06
    reach_sd: float = 0.15
    clip_reach_sd: float = 0.3
    direction_sd: float = 0.3
    crop_right: tuple[float, float] = (-0.03, 0.03)
    crop_down: tuple[float, float] = (-0.05, 0.13)
    crop_zoom: tuple[float, float] = (0.88, 1.06)
    crop_aspect: tuple[float, float] = (1.0, 1.35)
    head: float = 1.0
    hairline: float = 0.2
    corners: float = 0.3
    estimate_blur: tuple[float, float] = (0.0, 0.09)
    estimate_gain_sd: float = 0.6
    estimate_gain_cells: tuple[int, int] = (6, 14)
    estimate_noise: float = 0.08
    estimate_texture: float = 0.06
    estimate_sparks: float = 0.2
    boxes_sd: float = 0.03
