"""Tier 2: invented people: muscles, painted faces, recordings, databases; drawn flow images. NumPy only."""

from dualatme_keras.synthetic.databases import synthetic_clips, write_synthetic
from dualatme_keras.synthetic.drawn_flow import DrawnBatch, DrawnFlow
from dualatme_keras.synthetic.motion_settings import EMOTIONS, UNITS, MotionSettings

__all__ = [
    "EMOTIONS",
    "UNITS",
    "DrawnBatch",
    "DrawnFlow",
    "MotionSettings",
    "synthetic_clips",
    "write_synthetic",
]
