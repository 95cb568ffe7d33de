"""Tier 4: console commands; flags are read here and in the two scripts only."""

import logging
import sys
from collections.abc import Callable

import absl.app
import absl.flags
import absl.logging
import joblib

from dualatme_keras.commands.quiet import quiet_tensorflow

quiet_tensorflow()  # before a command imports it


def quiet_libraries() -> None:
    """Keeps what libraries tell about themselves out of a command's output; warnings stay."""
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    joblib.parallel_config(backend="loky", initializer=quiet_tensorflow)  # in the processes of --workers too


def run_command(module: str, main: Callable) -> None:
    """Runs a console command: `--help` shows the flags of its module, an interrupt ends it in one line."""
    known = absl.flags.FLAGS
    for flag in known.flags_by_module_dict().get(module, ()):
        known.register_key_flag_for_module(sys.argv[0], flag)
    sys.modules["__main__"].__doc__ = sys.modules[module].__doc__
    try:
        absl.app.run(main)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        sys.exit(130)
