"""Files that are there whole or not at all; folders of one process at a time; JSON; tables in the one
encoding that is not guessed; archives that unpack to no more than they are."""

import contextlib
import csv
import datetime
import errno
import io
import itertools
import json
import os
import platform
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock

from dualatme_keras.errors import DualATMEError

MOST_BYTES = 2**24
"""Of a file of text: lists of 100,000 clips have fewer. What is made of a line takes many times its bytes."""

DAMAGED_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises on damage, besides `OSError`, and for what it does not know or has no password of."""

_LOCK, _HOLDER = ".lock", ".lock.json"
"""In a folder that a process holds: the system's lock, and who has it."""


class WritingError(OSError):
    """A file or folder that cannot be written; `filename` says which, `strerror` why."""


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[str | os.PathLike]:
    """Gives `path` to be written inside, and says of an `OSError` there that it could not be.

    Raises:
        WritingError: in place of any other `OSError`.
    """
    try:
        yield path
    except WritingError:
        raise
    except OSError as error:
        raise WritingError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def make_folder(path) -> None:
    """Makes a folder and those above it, where absent.

    Raises:
        WritingError: nobody can, or it is a file.
    """
    with writing(path):
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
        except FileExistsError:  # it says nothing of what is there
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


def check_file(path, argument: str) -> None:
    """Finds out before a long work whether its result can be written. The file's folder is made.

    Args:
        path: the file, whether there or not; it stays as it is.
        argument: what the caller's user calls it, for the error.

    Raises:
        DualATMEError: it is a folder, its folder is read-only or a file, or the disk is full.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():  # a device or pipe, which a file would take the place of
            raise OSError(errno.EINVAL, "no regular file")
        make_folder(path.parent)
        _try_to_write(path.parent)
    except OSError as error:
        raise DualATMEError(
            f"Expected `{argument}` to be a file that can be written. "
            f"Received: {path} ({error.strerror or error}). Choose another place."
        ) from error


def check_apart(outputs: Mapping[str, str | None], inputs: Iterable[str] = ()) -> None:
    """Raises `DualATMEError` where a file that is to be written is one that is read, or two are one file.

    Args:
        outputs: the files by what the caller's user calls them; None where none is written.
        inputs: what is read.
    """
    taken = {os.path.realpath(path): path for path in inputs}
    for argument, path in outputs.items():
        if path is None:
            continue
        if (place := os.path.realpath(path)) in taken:
            raise DualATMEError(
                f"Expected `{argument}` to be a file of its own. Received: {path}, which is "
                f"{taken[place]} too."
            )
        taken[place] = path


def check_folder(path, argument: str) -> None:
    """As `check_file`, of a folder in which files are to be written. It is not made."""
    path = place = Path(path)
    try:
        while not os.path.lexists(place):
            above = place.absolute().parent
            if above == place:  # a drive that is not there
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            place = above
        _try_to_write(place)
    except OSError as error:
        raise DualATMEError(
            f"Expected `{argument}` to be a folder that can be written to. "
            f"Received: {path} ({error.strerror or error}). Choose another place."
        ) from error


def _try_to_write(folder):
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(4096))  # a page, which a full disk does not have
        file.flush()
        os.fsync(file.fileno())


def replace_file(path, content: bytes) -> None:
    """Writes a file whole or not at all: who is killed, or loses power, leaves the old file or the new one.

    Args:
        path: the file; its folder must exist.
        content: what to write.

    Raises:
        WritingError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    # Beside the target, since a rename is atomic within one file system only; own name per process.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)


def replace_folder(path, write: Callable[[Path], None], replace: bool = True) -> None:
    """Makes a folder that appears under its name when it is complete, and not before.

    Args:
        path: the folder.
        write: called with an empty folder beside it, which is renamed afterwards.
        replace: a folder that is there is replaced, and nobody else makes it meanwhile. False: one that is
            there, or appears meanwhile, is an error.

    Raises:
        WritingError: as `replace_file`.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{'' if replace else f'{os.getpid()}.'}partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with writing(path):
            partial.mkdir(parents=True)
            write(partial)
            for folder, _, names in os.walk(partial):
                for name in names:
                    # What `write` called may not flush, as Keras does not.
                    with open(os.path.join(folder, name), "rb+") as file:  # Windows flushes no others
                        os.fsync(file.fileno())
                _flush_folder(folder)
            if replace and path.exists():
                shutil.rmtree(path)
            os.replace(partial, path)
            _flush_folder(path.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # what is left of it would keep a full disk full
        raise


def _flush_folder(path):
    """Names of files reach the disk with their folder; Windows has no such thing."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        # File systems that share a folder of the host with a virtual machine know files alone.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(folder)


def is_leftover(path: Path) -> bool:
    """Whether a file is one that `replace_file` had not finished."""
    return path.match(".*.tmp")


def remove_leftovers(path) -> None:
    """Removes what killed processes left of `replace_file` in a folder that nobody else writes to."""
    for file in filter(is_leftover, Path(path).iterdir()):
        file.unlink(missing_ok=True)


def write_json(path, value: dict) -> None:
    """Writes a JSON object, as `replace_file`."""
    replace_file(path, (json.dumps(value, indent=2) + "\n").encode())


def read_content(path) -> bytes:
    """The bytes of a file that people, or programs for them, write.

    Raises:
        DualATMEError: it has more than `MOST_BYTES`.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        # A read takes as much memory as it asks for, however small the file.
        size = min(os.fstat(file.fileno()).st_size, MOST_BYTES)
        content = file.read(size + 1)
        if len(content) > size:  # a pipe, which does not tell its size, or a file that grows
            content += file.read(MOST_BYTES + 1 - len(content))
    if len(content) > MOST_BYTES:
        raise DualATMEError(
            f"Expected a file of text of at most {MOST_BYTES >> 20} MiB. Received: {path}, which has more."
        )
    return content


def read_json(path, kind: type = dict):
    """Reads a JSON object, or the list that `kind` asks for.

    Raises:
        DualATMEError: the file holds something else; names file and line.
        OSError: it cannot be read.
    """
    return parse_json(read_content(path), path, kind)


def parse_json(content: bytes, path, kind: type = dict):
    """As `read_json`, of a content that was read; `path` is for messages."""
    try:
        value = json.loads(content.decode())
        if b"\\ud" in content.lower():  # halves of characters, which cannot be written again
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # not JSON, or not UTF-8: the latter has no line
        line = getattr(error, "lineno", 1)
        raise DualATMEError(f"{path}:{line}: Expected JSON. Received: {error}.") from error
    if not isinstance(value, kind):
        wanted = "a JSON object" if kind is dict else f"a JSON {kind.__name__}"
        raise DualATMEError(f"{path}:1: Expected {wanted}. Received: {type(value).__name__}.")
    return value


def wrong_fields(value, kinds: Mapping[str, type | tuple[type, ...]]) -> list[str]:
    """Names of fields that a JSON object lacks, or that are of another kind; all of what is no object."""
    if not isinstance(value, dict):
        return list(kinds)
    return [name for name, kind in kinds.items() if not isinstance(value.get(name, ...), kind)]


def csv_rows(path, text: str | None = None, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its last line.

    Args:
        path: the file.
        text: what `read_csv_text` gave, where the caller has it already.
        delimiter: between cells.

    Raises:
        DualATMEError: see `read_csv_text`; or a row is none; names file and line.
        OSError: it cannot be read.
    """
    text = read_csv_text(path) if text is None else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DualATMEError(f"{path}:{reader.line_num}: Expected a CSV. Received: {error}.") from error


def csv_records(path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The rows of a CSV file with a header, each with the number of its last line; blank ones are left out.

    Args:
        path: the file.
        columns: names that the header must have, among others and in any order.

    Yields:
        Line, and text by column: None where the row ends before it.

    Raises:
        DualATMEError: a column is missing, or see `csv_rows`.
        OSError: it cannot be read.
    """
    rows = csv_rows(path)
    _, header = next(rows, (1, []))
    missing = [name for name in columns if name not in header]
    if missing:
        raise DualATMEError(
            f"{path}:1: Expected the columns {', '.join(columns)}. Missing: {', '.join(missing)}."
        )
    for line, cells in rows:
        if cells:
            yield line, dict(itertools.zip_longest(header, cells[: len(header)]))


def check_stored(archive: zipfile.ZipFile, path) -> None:
    """Raises `DualATMEError` for an archive that is compressed or encrypted, or declares more than its bytes.

    Args:
        archive: what is open.
        path: its file.
    """
    entries, size = archive.infolist(), os.path.getsize(path)
    declared = sum(entry.file_size for entry in entries)
    if declared > size or any(entry.compress_type or entry.flag_bits & 1 for entry in entries):
        raise DualATMEError(
            "Expected an archive that is neither compressed nor encrypted. "
            f"Received: {path} of {size} bytes, which unpacks to {declared}."
        )


@contextlib.contextmanager
def stored_archive(path) -> Iterator[zipfile.ZipFile]:
    """Opens an archive whose writer compresses nothing, so that it cannot unpack to more than it is.

    Raises:
        DualATMEError: it is none, or damaged; or it is compressed or encrypted, or declares more than its
            bytes: nothing is unpacked then.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_stored(archive, path)
            yield archive
    except DAMAGED_ARCHIVE as error:
        raise DualATMEError(f"Expected an archive that is whole. Received: {path} ({error}).") from error


def read_csv_text(path) -> str:
    """The text of a CSV file in UTF-8, line breaks as they are.

    Raises:
        DualATMEError: it is in another encoding; names the line.
        OSError: it cannot be read.
    """
    content = read_content(path)
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


@contextlib.contextmanager
def unfinished(file: str | os.PathLike, argument: str) -> Iterator[Path]:
    """Holds a folder beside a file, for what a call that makes the file leaves to one that goes on with it.

    It is removed at the end where nothing was left in it.

    Args:
        file: that is made.
        argument: what the caller's user calls it, for the error.

    Yields:
        The folder.

    Raises:
        DualATMEError: another process makes the file, or nobody can.
    """
    folder = Path(file).with_name(f".{Path(file).name}.unfinished")
    with locked(folder, argument, file):
        try:
            yield folder
        finally:
            if all(map(is_lock, folder.iterdir())):
                # Still locked: nobody else has begun. NFS keeps names of open files, and so the folder.
                shutil.rmtree(folder, ignore_errors=True)


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
