"""Files that are there whole or not at all; JSON, and tables in the one encoding that is not guessed."""

import json
import os
from pathlib import Path

from dualatme_keras.errors import DualATMEError


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


def write_json(path, value: dict) -> None:
    """Writes a JSON object, as `replace_file`."""
    replace_file(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path) -> dict:
    """Reads a JSON object.

    Raises:
        DualATMEError: the file holds something else; names file and line.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not UTF-8: the latter has no line
        line = getattr(error, "lineno", 1)
        raise DualATMEError(f"{path}:{line}: Expected JSON. Received: {error}.") from error
    if not isinstance(content, dict):
        raise DualATMEError(f"{path}:1: Expected a JSON object. Received: {type(content).__name__}.")
    return content


def read_csv_text(path) -> str:
    """The text of a CSV file in UTF-8, line breaks as they are.

    Raises:
        DualATMEError: it is in another encoding; names the line.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Not guessed: what one encoding calls a letter is another one's, and names would change silently.
        line = content[: error.start].count(b"\n") + 1
        raise DualATMEError(
            f"{path}:{line}: Expected a CSV in UTF-8. Received: the byte 0x{content[error.start]:02x}, as in "
            "tables that Excel saves in the language of its country (GBK in China). Save it as 'CSV UTF-8'."
        ) from error
