"""Processes that work for this one, and end with it."""

import os
import threading
import time

_LOOKS = 0.5
"""Seconds between two looks at whether the parent is still there."""

_parent: int | None = None


def end_with_parent(parent: int) -> None:
    """Ends this process soon after its parent, however that ends; the first call in a process counts.

    A worker of joblib waits for its next task, for minutes, also where nobody is left to give it one.

    Args:
        parent: process number of the parent, as `os.getpid()` there.
    """
    global _parent
    if _parent is None:
        _parent = parent
        threading.Thread(target=_look_for_parent, daemon=True).start()


def _look_for_parent():
    while os.getppid() == _parent:
        time.sleep(_LOOKS)
    os._exit(1)
