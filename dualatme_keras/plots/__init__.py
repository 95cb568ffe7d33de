"""Tier 0: what all figures and pages look like. Nothing here imports matplotlib; whoever draws does."""
