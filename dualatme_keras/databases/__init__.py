"""Tier 2: from what is on the disk, or made up, to clips."""

from dualatme_keras.databases.synthetic import SyntheticClip, make_demo, write_synthetic

__all__ = ["SyntheticClip", "make_demo", "write_synthetic"]
