"""TensorFlow without the lines in which it introduces itself; its errors stay."""

import contextlib
import importlib.abc
import importlib.machinery
import os
import subprocess
import sys

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NOTHING = "3"
"""Level at which TensorFlow tells nothing but why it aborts."""

_GONE_WELL = b"\0"
_HOLD = f"""
import sys
told = sys.stdin.buffer.read()
sys.stderr.buffer.write(b"" if told.endswith({_GONE_WELL!r}) else told)
"""


def quiet_tensorflow() -> None:
    """Lets TensorFlow be imported without a word, by whoever imports it first in this process.

    A level in `TF_CPP_MIN_LOG_LEVEL` that the user has set is kept, and below 3 everything is shown.
    """
    os.environ.setdefault(_LEVEL, _NOTHING)
    if os.environ[_LEVEL] == _NOTHING and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as Python does, and holds its lines back while it is imported."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                with _held_back():
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _held_back():
    """Standard error goes to a process that drops it, or repeats it where the block fails.

    TensorFlow writes some lines before it knows its level, so only the file descriptor keeps them back. It
    may also abort, say on a processor that it was not built for: then only another process can tell why.
    """
    if sys.stderr is None:  # a process without standard error
        yield
        return
    sys.stderr.flush()
    command = [sys.executable, "-I", "-S", "-c", _HOLD]
    # A session of its own: an interrupt is for this process.
    holder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    shown = os.dup(2)
    os.dup2(holder.stdin.fileno(), 2)
    try:
        yield
        os.write(2, _GONE_WELL)
    finally:
        os.dup2(shown, 2)
        os.close(shown)
        holder.communicate()
