"""Files that are there whole or not at all; folders of one process at a time; JSON; tables in the one
encoding that is not guessed."""

import contextlib
import datetime
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from dualatme_keras.errors import DualATMEError

_LOCK, _HOLDER = ".lock", ".lock.json"
"""In a folder that a process holds: the system's lock, and who has it."""


def replace_file(path, content: bytes) -> None:
    """Writes a file whole or not at all: who is killed, or loses power, leaves the old file or the new one.

    Args:
        path: the file; its folder must exist.
        content: what to write.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    # Beside the target, since a rename is atomic within one file system only; own name per process.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def replace_folder(path, write: Callable[[Path], None]) -> None:
    """Makes a folder that appears under its name when it is complete, and not before.

    Args:
        path: the folder; one that is there is replaced.
        write: called with an empty folder beside it, which is renamed afterwards.

    Raises:
        OSError: as `replace_file`.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    for folder, _, names in os.walk(partial):
        for name in names:
            # What `write` called may not flush, as Keras does not.
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
        _flush_folder(folder)
    if path.exists():
        shutil.rmtree(path)
    os.replace(partial, path)
    _flush_folder(path.parent)


def _flush_folder(path):
    """Names of files reach the disk with their folder; Windows has no such thing."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_leftovers(path) -> None:
    """Removes what killed processes left of `replace_file` in a folder that nobody else writes to."""
    for file in Path(path).glob(".*.tmp"):
        file.unlink(missing_ok=True)


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


@contextlib.contextmanager
def locked(path: str | os.PathLike, argument: str, file: str | os.PathLike | None = None) -> Iterator[None]:
    """Holds a folder for this process.

    The operating system keeps the lock and gives it back when the process ends, however it ends. So a lock is
    never left behind. This holds on NFS from version 4, and on version 3 with its lock service.

    Args:
        path: the folder, created where absent.
        argument: what the caller's user calls the folder, for the error.
        file: that the user named, where the folder holds what belongs to a file beside it.

    Raises:
        DualATMEError: another process has it, says which one and since when; or nobody can write there.
    """
    path = Path(path)
    holder = path / _HOLDER
    lock = filelock.FileLock(path / _LOCK, blocking=False)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        if isinstance(error, filelock.Timeout):
            raise _in_use(path, argument, file, holder) from None
        raise DualATMEError(
            f"Expected `{argument}` to be {'a file' if file else 'a folder'} that can be written to. "
            f"Received: {file or path} ({error.strerror or error})."
        ) from error
    try:
        since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        write_json(holder, {"host": platform.node(), "process": os.getpid(), "since": since})
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def is_lock(path: Path) -> bool:
    """Whether a file is one of those by which a folder is held."""
    return path.name in (_LOCK, _HOLDER)


def _in_use(path, argument, file, holder):
    kind = "file" if file else "folder"
    return DualATMEError(
        f"Expected `{argument}` to be a {kind} that nobody else writes to. Received: {file or path}, in use "
        f"by {_describe(holder)}. Wait for its end, or choose another {kind}."
    )


def _describe(holder):
    if not holder.exists():  # it has taken the lock this moment
        return "another process"
    told = read_json(holder)
    return f"process {told['process']} on {told['host']} since {told['since']}"
