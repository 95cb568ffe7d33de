"""Tier 4: console commands; flags are read here and in the two scripts only."""
