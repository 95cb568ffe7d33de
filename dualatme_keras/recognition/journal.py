"""What is known already of a table that is not finished."""

import contextlib
import hashlib
import json
import operator
import os
from collections.abc import Iterator
from pathlib import Path

from dualatme_keras.files import unfinished
from dualatme_keras.versions import installed_versions

_PACKAGES = (
    *("dualatme-keras", "keras", "tensorflow", "numpy", "pillow", "mtcnn", "mediapipe"),
    *("opencv-contrib-python-headless", "opencv-contrib-python"),
)


class Journal:
    """Rows of answered clips, a line for each, in the order in which they were answered.

    A clip is found again where it has the same path, size and time of change, and all that decides its answer
    is the same.

    Args:
        file: where.
        decides: what decides an answer besides the clip, for JSON; None finds and keeps nothing.

    Attributes:
        complete: whether every clip has an answer, as far as its user has said.
    """

    def __init__(self, file: Path, decides: dict | None):
        self._file = file
        self._decides = decides if decides is None else {**decides, "versions": installed_versions(_PACKAGES)}
        self._known = self._read()
        self.complete = True

    def key(self, clip: str, stem: str) -> str | None:
        """By which the answer to a clip is found again; None where it is not.

        Args:
            clip: file or folder.
            stem: of the names of its pictures.
        """
        facts = None if self._decides is None else _facts(clip)
        if facts is None:
            return None
        told = json.dumps([self._decides, clip, stem, facts], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def find(self, key: str | None) -> tuple[list[dict], list[str]] | None:
        """Rows of a clip and names of its pictures, where it was answered."""
        return self._known.get(key)

    def keep(self, key: str | None, rows: list[dict], pictures: list[str]) -> None:
        """Adds the answer to a clip.

        Raises:
            OSError: it cannot be written.
        """
        if key is None:
            return
        # Numbers of frames may be NumPy's.
        line = json.dumps({"key": key, "rows": rows, "pictures": pictures}, default=operator.index)
        with open(self._file, "ab") as file:
            file.write(line.encode() + b"\n")

    def remove(self) -> None:
        """Forgets all."""
        self._file.unlink(missing_ok=True)

    def _read(self):
        known = {}
        if self._decides is None or not self._file.exists():
            return known
        whole = 0
        for line in self._file.read_bytes().splitlines(keepends=True):
            try:
                told = json.loads(line)
            except ValueError:  # where power was lost
                break
            if not line.endswith(b"\n"):
                break
            known[told["key"]] = told["rows"], told["pictures"]
            whole += len(line)
        os.truncate(self._file, whole)
        return known


@contextlib.contextmanager
def open_journal(output: str | os.PathLike, decides: dict | None) -> Iterator[Journal]:
    """The journal of a table, which nobody else writes meanwhile.

    It is removed when the block ends well, unless a clip has no answer: then another call goes on.

    Args:
        output: the table.
        decides: see `Journal`.

    Raises:
        DualATMEError: another process writes the table, or nobody can.
    """
    with unfinished(output, "output") as folder:
        journal = Journal(folder / "rows.jsonl", decides)
        yield journal
        if journal.complete:
            journal.remove()


def _facts(clip):
    """Name, size and time of change of a file, or of all files in a folder; None where there is none."""
    try:
        entries = [Path(clip)]
        if os.path.isdir(clip):
            entries = sorted(os.scandir(clip), key=lambda entry: entry.name)
        told = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return None
    return [(name, status.st_size, status.st_mtime_ns) for name, status in told]
