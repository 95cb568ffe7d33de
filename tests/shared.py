"""Files that take long to make and that tests of several processes read."""

import fcntl
import os


def made_once(tmp_path_factory, name, make):
    """Folder `name`, which `make(folder)` fills in the first process of this `pytest` that asks for it.

    Nobody may change what is in it.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # which holds the folders of all processes
    folder = place / name
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = place / f"{name}.unfinished"
            make(unfinished)
            unfinished.rename(folder)
    return folder
