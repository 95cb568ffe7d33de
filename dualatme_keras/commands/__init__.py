"""Tier 4: console commands; flags are read here and in the two scripts only."""

import logging

import absl.logging


def quiet_libraries() -> None:
    """Keeps what libraries tell about themselves out of a command's output; warnings stay."""
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
