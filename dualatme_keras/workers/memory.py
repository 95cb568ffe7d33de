"""How much memory a process may still take."""

import os
from pathlib import Path

import psutil

_CGROUPS = "/sys/fs/cgroup"


def available_memory(
    cgroups: str | os.PathLike = _CGROUPS, own: str | os.PathLike = "/proc/self/cgroup"
) -> int:
    """Bytes that this process may still take: what the machine has left, or less where a container or a
    service manager allows less.

    Args:
        cgroups: where Linux shows its control groups (version 2).
        own: the file that tells which of them this process belongs to.
    """
    left = [psutil.virtual_memory().available]
    group = _own_group(Path(own))
    for place in () if group is None else (Path(group), *Path(group).parents):
        left += _left_in(Path(cgroups) / str(place).lstrip("/"))
    return max(0, min(left))


def _own_group(own):
    """The group of version 2, whose line has the number 0 and no controllers; None on other systems."""
    lines = own.read_text().splitlines() if own.is_file() else ()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)


def _left_in(folder):
    """What a group has left, one number, or none where it has no limit."""
    limit, used, told = (folder / f"memory.{name}" for name in ("max", "current", "stat"))
    if not limit.is_file() or (most := limit.read_text().strip()) == "max":
        return []
    # Files that the system keeps in memory count as used, and make room where it is needed.
    kept = dict(line.split() for line in told.read_text().splitlines()).get("inactive_file", 0)
    return [int(most) - int(used.read_text()) + int(kept)]
