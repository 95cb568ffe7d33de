"""Action units as flow estimation shows them: where it differs from what FACS says in words.

Skin without texture hides its motion, so an estimate shows the cheeks and folds that a muscle drags along
more than the lip or the lid that it moves. The pulls below were drawn by hand with the mean fields of CASME
II's action units in sight, in two computations of its flow: clips that were looked at are no test of them.
"""

from dualatme_keras.synthetic.muscles import ACTION_UNITS, LANDMARKS, Pull

ESTIMATED_LANDMARKS = {
    **LANDMARKS,
    "glabella": (0.00, 0.20),
    "cheek_inner": (0.18, 0.54),
    "cheek_middle": (0.26, 0.42),
    "cheek_outer": (0.31, 0.55),
    "cheek_lower": (0.26, 0.66),
    "fold": (0.20, 0.69),
}
"""Places that are pulled, as in `muscles.LANDMARKS`; those added lie on the cheeks and between the brows."""

ESTIMATED_UNITS = {
    **ACTION_UNITS,
    6: (
        Pull("cheek_inner", 0.8, -0.5, 0.090, 0.060),
        Pull("eye", 0.0, 0.6, 0.090, 0.045),
        Pull("lower_lid", 0.0, -0.3, 0.070, 0.025),
    ),
    7: (
        Pull("cheek_middle", -0.6, 0.0, 0.100, 0.090),
        Pull("lower_lid", -0.15, -0.7, 0.065, 0.022),
        Pull("upper_lid", 0.0, 0.5, 0.065, 0.022),
    ),
    9: (
        Pull("glabella", 0.0, 0.8, 0.055, 0.100),
        Pull("nose_side", 0.0, -0.5, 0.060, 0.070),
        Pull("cheek_outer", -0.3, -0.3, 0.090, 0.070),
    ),
    10: (
        Pull("cheek_inner", 0.7, -0.4, 0.075, 0.060),
        Pull("upper_lip_side", 0.1, -0.6, 0.090, 0.060),
        Pull("nose_wing", 0.1, -0.4, 0.050, 0.040),
    ),
    12: (
        Pull("cheek_outer", 0.8, 0.0, 0.090, 0.070),
        Pull("fold", 0.3, -0.8, 0.065, 0.055),
        Pull("mouth_corner", 0.2, -0.6, 0.060, 0.050),
    ),
    14: (
        Pull("fold", 0.8, -0.8, 0.065, 0.050),
        Pull("cheek_outer", 0.6, 0.2, 0.100, 0.070),
    ),
    15: (
        Pull("fold", 0.2, 0.8, 0.060, 0.055),
        Pull("cheek_lower", 0.7, 0.3, 0.090, 0.060),
        Pull("mouth_corner", 0.1, 0.5, 0.060, 0.050),
    ),
}
"""Pulls of each action unit, as in `muscles.ACTION_UNITS`."""
