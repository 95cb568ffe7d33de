"""Files that are there whole or not at all."""

import os
from pathlib import Path


def replace_file(path, content: bytes) -> None:
    """Writes a file whole or not at all: a run that is cut off leaves the old file or the new one.

    Args:
        path: the file; its folder must exist.
        content: what to write.

    Raises:
        OSError: the folder is missing or not writable.
    """
    path = Path(path)
    # Beside the target, since a rename is atomic within one file system only; own name per process.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
