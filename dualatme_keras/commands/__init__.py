"""Tier 4: console commands; flags are read here and in the two scripts only."""

import functools
import logging
import os
import sys
from collections.abc import Callable

import absl.flags
import absl.logging

from dualatme_keras.commands.quiet import quiet_tensorflow

quiet_tensorflow()  # before a command imports it

_HELP = ("help", "helpshort", "helpfull", "h", "?")


def quiet_libraries() -> None:
    """Keeps what libraries tell about themselves out of a command's output; warnings stay."""
    import joblib

    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    joblib.parallel_config(backend="loky", initializer=quiet_tensorflow)  # in the processes of --workers too


class Flags:
    """The flags of one command, apart from those of every other: any of them can share a process.

    What defines flags in `absl.flags`, such as `DEFINE_string`, is an attribute, and so are its validators.

    Args:
        description: what `--help` says before it lists the flags.
    """

    def __init__(self, description: str):
        self._description = description
        self._values = absl.flags.FlagValues()

    def __getattr__(self, name):
        return functools.partial(getattr(absl.flags, name), flag_values=self._values)

    def run(self, main: Callable, arguments: list[str] | None = None) -> None:
        """Reads the flags and calls `main` with the name of the command and what is no flag.

        `--help` shows the flags, and a wrong flag and an interrupt end the command in one line.

        Args:
            main: what the command does.
            arguments: name of the command and its arguments; those of the process by default.
        """
        arguments = sys.argv if arguments is None else arguments
        if any(argument.startswith("-") and argument.lstrip("-") in _HELP for argument in arguments[1:]):
            print(f"{self._description}\nflags:\n{self._values.get_help(include_special_flags=False)}")
            return
        absl.flags.FLAGS.mark_as_parsed()  # those of absl's log
        absl.logging.use_absl_handler()
        try:
            rest = self._values(arguments)
        except absl.flags.Error as error:
            sys.exit(f"{os.path.basename(arguments[0])}: {error} (--help shows the flags)")
        try:
            main(rest)
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on", file=sys.stderr)
            sys.exit(130)
