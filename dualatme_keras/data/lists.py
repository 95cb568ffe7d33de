"""List files: one clip a line, `PATH LABEL DATABASE`, one train and one test list per subject.

Source of the format: the published code of Zhou et al., Entropy 25(3):460 (`v_cde_flow/SUBJECT_train.txt`,
`SUBJECT_test.txt`, `subName.txt`). DATABASE is a number there; ours may be the database's name.
"""

import dataclasses
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dualatme_keras.data.clips import Clip
from dualatme_keras.data.names import check_subjects, fault_of_database, fault_of_subject
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import make_folder, read_content, replace_file
from dualatme_keras.megc2019 import CLASS_NAMES, DATABASES, describe_classes, parse_subject

_LONGEST_PATH = 4096
"""Characters of a path; systems take no more."""

SUBJECTS_FILE = "subName.txt"
"""Names of the subjects, one a line, in the order of the folds."""

_NUMBERS = {str(number): number for number in range(len(DATABASES) + 1)}


@dataclasses.dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of a list, as written.

    Attributes:
        path: the entire-face flow image.
        label: index of the class.
        database: its name, or a number 0 to 3: what that means depends on all the lists
            (`LosoLists.database_base`).
        file: the list file.
        line: line number in it, from 1.
    """

    path: str
    label: int
    database: int | str
    file: str
    line: int

    @property
    def source(self) -> str:
        """`FILE:LINE`."""
        return f"{self.file}:{self.line}"


def list_names(subject: str) -> tuple[str, str]:
    """File names of a subject's train list and test list."""
    return f"{subject}_train.txt", f"{subject}_test.txt"


def read_lines(path: str | os.PathLike) -> list[tuple[int, str]]:
    """Reads the lines of a text file that are not blank, stripped, with their numbers from 1.

    UTF-8, with or without a byte-order mark, any line ends.

    Raises:
        DualATMEError: the file cannot be read, is not UTF-8, or larger than `files.MOST_BYTES`.
    """
    lines = enumerate(read_text(path).split("\n"), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_text(path: str | os.PathLike) -> str:
    """Reads a text file as `read_lines` does; lines end with a line feed.

    Raises:
        DualATMEError: the file cannot be read or is not UTF-8.
    """
    try:
        # Line ends as a file opened as text has them: `str.splitlines` knows more.
        return io.StringIO(read_content(path).decode("utf-8-sig"), newline=None).read()
    except (OSError, UnicodeDecodeError) as error:
        raise DualATMEError(f"{os.fspath(path)}: Expected a UTF-8 text file. Received: {error}.") from error


def read_list(path: str | os.PathLike, class_names: Sequence[str] = CLASS_NAMES) -> list[ListEntry]:
    """Reads one list file.

    Args:
        path: a file of lines `PATH LABEL DATABASE`; PATH may hold spaces, blank lines are skipped.
        class_names: of the labels 0, 1, ...

    Returns:
        The entries in the order of the file, at least one.

    Raises:
        DualATMEError: unreadable file, malformed line, a label that is none, a database that is neither a
            number 0 to 3 nor a name, or no entry; names file and line.
    """
    name = os.fspath(path)
    entries = [parse_line(text, name, number, class_names) for number, text in read_lines(path)]
    if not entries:
        raise DualATMEError(
            f"{name}:1: Expected at least one line `PATH LABEL DATABASE`. Received: an empty list."
        )
    return entries


def parse_line(text: str, file: str, line: int, class_names: Sequence[str]) -> ListEntry:
    """Reads one line of a list, see `read_list`."""
    fields = text.rsplit(maxsplit=2)
    if len(fields) != 3:
        raise DualATMEError(f"{file}:{line}: Expected a line `PATH LABEL DATABASE`. Received: {text!r}.")
    path, label, database = fields
    if len(path) > _LONGEST_PATH:
        raise DualATMEError(
            f"{file}:{line}: Expected a path of at most {_LONGEST_PATH} characters. Received: {len(path)}."
        )
    if label not in map(str, range(len(class_names))):
        raise DualATMEError(
            f"{file}:{line}: Expected a line `PATH LABEL DATABASE` with a label "
            f"{describe_classes(class_names)}. Received: label {label!r} in {text!r}."
        )
    number = _NUMBERS.get(database)
    if number is None and (fault := fault_of_database(database)):
        raise DualATMEError(
            f"{file}:{line}: Expected a line `PATH LABEL DATABASE` with a database's number, 0 to 3, or its "
            f"name. Received: {database!r}, which {fault}, in {text!r}."
        )
    return ListEntry(path, int(label), database if number is None else number, file, line)


def write_lists(
    clips: Iterable[Clip],
    directory: str | os.PathLike,
    database_base: int = 0,
    overwrite: bool = False,
    class_names: Sequence[str] = CLASS_NAMES,
    train_lists: bool = True,
) -> None:
    """Writes the leave-one-subject-out lists of a table of clips; `read_lists` gives the clips back.

    Databases are written as numbers where each clip is of the database of MEGC2019 that its subject's name
    tells, otherwise by name. Subjects come in the order in which the table first names them. `subName.txt` is
    removed first and written last, so that an interrupted run leaves lists that `read_lists` refuses, not
    a mixture of two sets.

    Args:
        clips: the table; at least two subjects, every path once.
        directory: where `subName.txt` and the lists go; created where absent.
        database_base: number of the first database in the third column, 0 (published lists) or 1; without
            meaning where databases are written by name.
        overwrite: replace lists that are already there.
        class_names: of the labels 0, 1, ...
        train_lists: write the train lists too. They name each clip once for every other subject, so many
            clips of many subjects take gigabytes; where there are none, `read_lists` knows what they would
            have.

    Raises:
        DualATMEError: a clip that the lists cannot express, a path twice, a subject's name in two databases,
            fewer than two subjects, another `database_base`, or existing lists without `overwrite`.
    """
    clips = list(clips)
    if database_base not in (0, 1):
        raise DualATMEError(f"Expected database_base to be 0 or 1. Received: {database_base!r}.")
    subjects = _checked_subjects(clips, class_names)
    directory = Path(directory)
    names = [name for subject in subjects for name in list_names(subject)]
    taken = sorted(name for name in (SUBJECTS_FILE, *names) if (directory / name).exists())
    if taken and not overwrite:
        raise DualATMEError(
            f"Expected a directory without lists, or overwrite=True. Received: {os.fspath(directory)!r}, "
            f"which holds {taken[0]} ({len(taken)} of the files to be written)."
        )
    make_folder(directory)
    remove_lists(directory)
    for name, content in _list_contents(clips, subjects, database_base, train_lists):
        replace_file(directory / name, content)
    replace_file(directory / SUBJECTS_FILE, "".join(f"{subject}\n" for subject in subjects).encode())


def _checked_subjects(clips: Sequence[Clip], class_names: Sequence[str]) -> list[str]:
    """Names of the subjects in order of appearance; raises where lists could not give the clips back."""
    seen_paths = set()
    for clip in clips:
        _check_clip(clip, class_names)
        if clip.path in seen_paths:
            raise DualATMEError(f"Expected every clip once. Received: {clip.path!r} twice.")
        seen_paths.add(clip.path)
    subjects = check_subjects((clip.database, clip.subject, clip.source or clip.path) for clip in clips)
    if len(subjects) < 2:
        raise DualATMEError(
            "Expected clips of at least two subjects, so that leaving one out leaves something to train on. "
            f"Received: {len(clips)} clips of {subjects}."
        )
    return subjects


def _check_clip(clip: Clip, class_names: Sequence[str]) -> None:
    if clip.label not in range(len(class_names)):
        raise DualATMEError(
            f"Expected a label {describe_classes(class_names)}. Received: {clip.label!r} of {clip.path!r}."
        )
    if fault := fault_of_subject(clip.subject):
        raise DualATMEError(
            f"Expected a subject's name, one that a file can have. Received: {clip.subject!r}, "
            f"which {fault}, of {clip.path!r}."
        )
    if fault := fault_of_database(clip.database):
        raise DualATMEError(
            f"Expected a database's name, one word that a file can have. Received: {clip.database!r}, which "
            f"{fault}, of {clip.path!r}."
        )
    if not clip.path or clip.path != clip.path.strip() or len(clip.path.splitlines()) > 1:
        raise DualATMEError(
            f"Expected a path without line breaks or spaces around it. Received: {clip.path!r}."
        )


def _list_contents(
    clips: Sequence[Clip], subjects: Sequence[str], database_base: int, train_lists: bool
) -> Iterator[tuple[str, bytes]]:
    """File name and content of every train and test list, one after the other."""
    third = {clip.database: clip.database for clip in clips}
    if all((parse_subject(clip.subject) or ("",))[0] == clip.database for clip in clips):
        third = {name: DATABASES.index(name) + database_base for name in third}
    lines = [f"{clip.path} {clip.label} {third[clip.database]}\n".encode() for clip in clips]
    content = b"".join(lines)
    ends = [*itertools.accumulate(map(len, lines))]
    own = {subject: [] for subject in subjects}
    for clip, line, end in zip(clips, lines, ends, strict=True):
        own[clip.subject].append((end - len(line), end))
    for subject in subjects:
        train_name, test_name = list_names(subject)
        if train_lists:
            # What lies between the subject's own lines.
            edges = [0, *(edge for place in own[subject] for edge in place), len(content)]
            places = zip(edges[::2], edges[1::2], strict=True)
            yield train_name, b"".join(content[start:end] for start, end in places)
        yield test_name, b"".join(content[start:end] for start, end in own[subject])


def remove_lists(directory: str | os.PathLike) -> None:
    """Removes the lists of the subjects that `subName.txt` names, that file first.

    Args:
        directory: of the lists; one without `subName.txt`, or none at all, stays as it is.
    """
    subjects_file = Path(directory) / SUBJECTS_FILE
    if not subjects_file.exists():
        return
    subjects = [subject for _, subject in read_lines(subjects_file)]
    subjects_file.unlink()
    for subject in subjects:
        # Only names of subjects: a line of subName.txt must not reach files elsewhere.
        if not fault_of_subject(subject):
            for name in list_names(subject):
                subjects_file.with_name(name).unlink(missing_ok=True)
