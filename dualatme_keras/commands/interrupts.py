"""SIGINT and SIGTERM end a command at once, with one line and without orphans."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the latter alone, and kills with it


@contextlib.contextmanager
def ending_on_signals(words: Callable[[], str] = lambda: "stopped") -> Iterator[None]:
    """Within the block, SIGINT ends the process with 130 and SIGTERM with 143, as a shell reports them.

    Python calls its handlers between two instructions of the main thread, which may wait for a library for
    long, and an exception in the middle of a library comes out as that library's traceback. So a thread is
    told by the operating system's handler and ends the process. Nothing has to be tidied up: whatever is
    written appears when it is complete, and locks go back to the system.

    Args:
        words: tells what is said then.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, _nothing) for name in names}
    before_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(reader, words), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before_fd)
        for name, handler in before.items():
            signal.signal(name, handler)
        writer.close()


def _nothing(_number, _frame):
    """A handler of its own, since without one the system's would not write to the thread."""


def _wait(reader, words):
    for number in iter(lambda: reader.recv(1), b""):
        if number[0] in (signal.SIGINT, signal.SIGTERM):
            _end(number[0], words)
    reader.close()


def _end(number, words):
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, f"\n{words()}\n".encode())
    children = psutil.Process().children(recursive=True)
    for semaphore in Path("/dev/shm").glob(f"sem.loky-{os.getpid()}-*"):  # else removed by joblib's tracker
        with contextlib.suppress(OSError):  # somebody else's, in a folder that containers share
            semaphore.unlink()
    # From the first kill to the exit no other thread gets a turn: the main thread would begin new workers,
    # with new semaphores, in place of those that are killed.
    sys.setswitchinterval(60)
    # Those first that would say something about the end of others: joblib's tracker of semaphores.
    for process in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, _KILL)  # psutil's reads files, and lets others in meanwhile
    os._exit(128 + number)
