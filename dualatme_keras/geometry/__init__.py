"""Tier 0: places, sizes and formulas that NumPy and tensors share."""
