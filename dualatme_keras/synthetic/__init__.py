"""Tier 2: invented people: motion of muscles, painted faces, recordings, databases of them. NumPy only."""

from dualatme_keras.synthetic.databases import synthetic_clips, write_synthetic

__all__ = ["synthetic_clips", "write_synthetic"]
