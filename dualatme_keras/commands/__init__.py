"""Tier 5: console commands; flags are read here only."""

import ast
import contextlib
import errno
import functools
import io
import logging
import os
import re
import sys
from collections.abc import Callable

import absl.flags
import absl.logging

from dualatme_keras.commands.interrupts import ending_on_signals
from dualatme_keras.commands.quiet import quiet_tensorflow
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import WritingError
from dualatme_keras.workers import EXECUTORS, begin_workers_with

quiet_tensorflow()  # before a command imports it
# OpenCV's own lines about broken videos; ours name the file.
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_HELP = ("help", "helpshort", "helpfull", "h", "?")

_ARGUMENT = re.compile(r"`(\w+)(?:=([^`]+))?`")
"""An argument as the library's messages name it, with or without a value."""

_SCRIPTS = re.compile("dualatme-(train|evaluate)")
"""Commands that a checkout has as scripts too."""


_NO_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""A full disk, or a read-only one: what a library writes without `files`."""

_NO_READING = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EIO, errno.ESTALE)
"""A file that is closed to the user, of another kind, gone, or on a drive that is: nothing that a traceback
would explain."""


def quiet_libraries() -> None:
    """Keeps what libraries tell about themselves out of a command's output; warnings stay.

    Also has Keras compute by TensorFlow.

    Raises:
        DualATMEError: Keras is told to compute by something else than TensorFlow.
    """
    if (backend := os.environ.get("KERAS_BACKEND") or "tensorflow") != "tensorflow":
        raise DualATMEError(
            f"Expected Keras with TensorFlow. Received: KERAS_BACKEND={backend}. Unset it for this command; "
            "layers and networks compute with JAX too, in Python."
        )
    os.environ["KERAS_BACKEND"] = backend  # whatever ~/.keras says
    absl.logging.set_verbosity(absl.logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    # In the processes of --workers too.
    begin_workers_with(quiet_tensorflow)


def define_setting(defaults, kind: Callable, name: str, description: str, *arguments, **options):
    """Defines the flag of a setting.

    Args:
        defaults: a record of settings, whose value is the default.
        kind: what defines the flag, e.g. `Flags.DEFINE_string`.
        name: of the setting and the flag.
        description: for `--help`.
        *arguments, **options: further ones of `kind`.
    """
    default = getattr(defaults, name)
    default = list(default) if isinstance(default, tuple) else default
    return kind(name, default, *arguments, description, **options)


def define_run(flags: "Flags"):
    """Defines the flag that says whose networks answer."""
    return flags.DEFINE_list(
        "run",
        None,
        "run of dualatme-train, folder of seeds, .keras or .pth; several answer together; default: facs, the "
        "weights of this package",
    )


def define_faces(flags: "Flags") -> list:
    """Defines the flags that say where faces are found: `--landmarks`, `--landmarks_file` and `--face`."""
    from dualatme_keras.preprocessing import FACE_CHOICES, SOURCES

    where = "where faces are found; default: as for the run"
    return [
        flags.DEFINE_enum("landmarks", None, SOURCES, where),
        flags.DEFINE_string("landmarks_file", None, "the .task model of mediapipe, or the table of file"),
        flags.DEFINE_enum("face", "largest", FACE_CHOICES, "which of several faces is taken"),
    ]


class _Workers(absl.flags.ArgumentParser):
    """A number of workers, or a word that says how many."""

    syntactic_help = "a number, or auto"

    def parse(self, argument):
        return int(argument) if str(argument).isdecimal() else argument


def define_workers(flags: "Flags", jobs: str) -> list:
    """Defines the flags by which a command does many jobs side by side.

    Args:
        flags: of the command.
        jobs: what is done side by side, in the words of `--help`.

    Returns:
        `--workers`, `--executor` and `--ray_address`.
    """
    number = f"{jobs} side by side, each in a process of its own; auto: as many as pay"
    where = f"where {jobs}: in processes here, or on a Ray cluster"
    return [
        flags.DEFINE(_Workers(), "workers", "auto", number, serializer=absl.flags.ArgumentSerializer()),
        flags.DEFINE_enum("executor", EXECUTORS[0], EXECUTORS, where),
        flags.DEFINE_string(
            "ray_address", "auto", "of the cluster: auto, HOST:PORT, or local for a new one on this machine"
        ),
    ]


def setting_values(flags) -> dict:
    """Value of each flag by its name, lists as the tuples that records of settings have."""
    values = {flag.name: flag.value for flag in flags}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _has_reader(text: str = "") -> bool:
    """Whether somebody takes what is printed and this text; where nobody does, the rest is dropped."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


class Flags:
    """The flags of one command, apart from those of every other: any of them can share a process.

    What defines flags in `absl.flags`, such as `DEFINE_string`, is an attribute, and so are its validators.

    Args:
        description: what `--help` says before it lists the flags.
        continues: whether the same command goes on where it was stopped.
        takes_files: whether arguments that are no flags say something; they are refused where not.
        **flags_of: the flag of each argument of the library that the command calls otherwise.

    Attributes:
        continues: as given; a command may find that what it was told to do begins anew.
    """

    def __init__(self, description: str, continues: bool = False, takes_files: bool = False, **flags_of: str):
        self._takes_files = takes_files
        self._description = description
        self.continues = continues
        self._flags_of = flags_of
        self._values = absl.flags.FlagValues()

    def __getattr__(self, name):
        return functools.partial(getattr(absl.flags, name), flag_values=self._values)

    def run(self, main: Callable, arguments: list[str] | None = None) -> None:
        """Reads the flags and calls `main` with the name of the command and what is no flag.

        `--help` shows the flags. A wrong flag, a `DualATMEError` and a file that cannot be written or read
        end it in one line. Where nobody reads the output any more, as after `| head`, it ends quietly. As the
        command of a process, that is without `arguments`, it ends at SIGINT and SIGTERM, see
        `ending_on_signals`.

        Args:
            main: what the command does.
            arguments: name of the command and its arguments; those of the process by default.
        """
        ending = ending_on_signals(self._stopped) if arguments is None else contextlib.nullcontext()
        try:
            with ending:
                self._run(main, sys.argv if arguments is None else arguments)
        except BrokenPipeError:
            if _has_reader("\n"):  # another pipe broke
                raise
            sys.exit(141)  # as a shell reports SIGPIPE
        finally:
            _has_reader()

    def _stopped(self):
        return "stopped; the same command goes on" if self.continues else "stopped"

    def _run(self, main, arguments):
        name = os.path.basename(arguments[0])
        if any(argument.startswith("-") and argument.lstrip("-") in _HELP for argument in arguments[1:]):
            description = self._description
            if name.endswith(".py"):
                description = _SCRIPTS.sub(r"python \1.py", description)
            print(f"{description}\nflags:\n{self._values.get_help(include_special_flags=False)}")
            return
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of clips that a terminal has no letters for
            sys.stdout.reconfigure(errors="backslashreplace")
        absl.flags.FLAGS.mark_as_parsed()  # those of absl's log
        absl.logging.use_absl_handler()
        for flag in self._values:  # of an earlier call in this process
            self._values[flag].unparse()
        try:
            rest = self._values(arguments)
        except absl.flags.Error as error:
            sys.exit(f"{name}: {error} (--help shows the flags)")
        try:
            if rest[1:] and not self._takes_files:
                raise DualATMEError(
                    f"Expected flags alone, --NAME=VALUE. Received: {' '.join(rest[1:])}, which is none. "
                    "What is true or false is given as --NAME or --noNAME."
                )
            main(rest)
        except DualATMEError as error:
            sys.exit(f"{name}: {self.in_flags(str(error))}")
        except OSError as error:
            if isinstance(error, WritingError) or error.errno in _NO_WRITING:
                what, kept = "write", " What is finished is kept."
            elif error.filename and error.errno in _NO_READING:
                what, kept = "read", ""
            else:
                raise
            where = f"Expected to {what} {error.filename}. " if error.filename else ""
            sys.exit(f"{name}: {where}Received: {error.strerror}.{kept}")

    def in_flags(self, message: str) -> str:
        """A message of the library with flags where it names arguments.

        `` `epochs` `` becomes `--epochs`, `` `epochs=3` `` `--epochs=3`, `` `warm_up=False` `` `--nowarm_up`.
        What is no argument of this command stays.
        """
        return _ARGUMENT.sub(self._flag, message)

    def _flag(self, match):
        name, value = match.groups()
        name = self._flags_of.get(name, name)
        if name not in self._values:
            return match[0]
        if value is None:
            return f"--{name}"
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError):  # no literal: shown as it is
            return f"--{name}={value}"
        if isinstance(value, bool):
            return f"--{name}" if value else f"--no{name}"
        return f"--{name}={','.join(value) if isinstance(value, tuple) else value}"
