"""From a path in a list to the images on this machine's disk."""

import os
import re

from dualatme_keras.errors import DualATMEError

_FLOW_IMAGE = re.compile(r"(?P<head>(?:.*[\\/])?)flow(?P<sep>[\\/])(?P<stem>[^\\/]+)_flow(?P<ext>\.[^.\\/]+)")


def find_image(path: str | os.PathLike, data_root: str | os.PathLike | None = None) -> str:
    """Finds an image that a list names with a path of someone else's machine.

    Args:
        path: as the list writes it; `/` or `\\` between directories.
        data_root: directory that holds the databases' folders. None: the path is right as it is.

    Returns:
        `path` without `data_root`; otherwise `data_root` joined with the longest suffix of `path` that is a
        file there: `/home/user/data/casme2/flow/x.png` gives `DATA_ROOT/casme2/flow/x.png`.

    Raises:
        DualATMEError: `data_root` is no directory, or no suffix of the path is a file below it.
    """
    path = os.fspath(path)
    if data_root is None:
        return path
    check_data_root(data_root)
    parts = _parts(path)
    for first in range(len(parts)):
        candidate = os.path.join(data_root, *parts[first:])
        if os.path.isfile(candidate):
            return candidate
    raise DualATMEError(
        f"Expected an image below the data root {os.fspath(data_root)!r}. Received: {path!r}, no ending of "
        "which is a file there. Point data_root at the directory that holds the databases' folders "
        "(such as casme2), or make the missing image."
    )


def check_data_root(data_root: str | os.PathLike) -> None:
    """Raises DualATMEError unless `data_root` is a directory."""
    if not os.path.isdir(data_root):
        raise DualATMEError(
            "Expected data_root to be the directory that holds the databases' folders (such as casme2). "
            f"Received: {os.fspath(data_root)!r}, which is not a directory."
        )


def puzzled_path(path: str | os.PathLike) -> str:
    """Path of the puzzled flow image that belongs to an entire-face one.

    Args:
        path: `X/flow/NAME_flow.png`, any extension, `/` or `\\` between directories.

    Returns:
        `X/flow_puzzle/NAME_flow_puzzle.png`; X is left alone whatever it contains.

    Raises:
        DualATMEError: the directory is not named `flow` or the stem does not end in `_flow`.
    """
    match = _FLOW_IMAGE.fullmatch(os.fspath(path))
    if match is None:
        raise DualATMEError(
            "Expected an entire-face flow image named .../flow/NAME_flow.png, whose puzzled image is "
            f".../flow_puzzle/NAME_flow_puzzle.png. Received: {os.fspath(path)!r}."
        )
    return "{head}flow_puzzle{sep}{stem}_flow_puzzle{ext}".format(**match.groupdict())


def _parts(path: str) -> list[str]:
    """Names along the path, from the last `..` or drive letter on: neither may lead out of the data root."""
    parts = [part for part in re.split(r"[\\/]+", path) if part not in ("", ".")]
    last = max(
        (i for i, part in enumerate(parts) if part == ".." or re.fullmatch("[A-Za-z]:", part)), default=-1
    )
    return parts[last + 1 :]
