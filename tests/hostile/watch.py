"""Sees what a call does to the machine: writes and removals outside a folder, programs, networks, code."""

import contextlib
import os
import sys

_PROGRAMS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "subprocess.Popen",
    "pty.spawn",
)
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")
_PATHS = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2}
_PATHS |= {"os.truncate": 1, "os.chmod": 1, "shutil.rmtree": 1, "shutil.move": 2}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watched = []
"""The folders that may be written to; nothing is watched while there are none."""


class Forbidden(BaseException):
    """Not an `Exception`: what is being tested must not catch it."""


@contextlib.contextmanager
def only_below(folder):
    """Raises `Forbidden` where the code within does something to the machine elsewhere than in `folder`.

    Python's audit hooks tell of it before it happens. What native code does by itself they do not see.
    """
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    _watched.append(os.path.realpath(folder))
    try:
        yield
    finally:
        _watched.pop()


_installed = []


def _hook(event, arguments):
    if not _watched:
        return
    if event in _PROGRAMS or event in _NETWORK or event == "pickle.find_class":
        raise Forbidden(f"{event} {arguments!r:.300}")
    if event == "open":
        path, mode, flags = arguments
        writes = set(mode) & set("wax+") if isinstance(mode, str) else (flags or 0) & _WRITES
        if writes and not isinstance(path, int):
            _check(event, path)
    elif event in _PATHS:
        for path in arguments[: _PATHS[event]]:
            if not isinstance(path, int):
                _check(event, path)


def _check(event, path):
    where = os.path.realpath(os.fsdecode(path))
    if where not in (os.devnull, _watched[-1]) and not where.startswith(_watched[-1] + os.sep):
        raise Forbidden(f"{event} {where}")
