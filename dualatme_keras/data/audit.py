"""Looks for what makes a leave-one-subject-out figure wrong before anything is trained.

Lists are made by scripts on other people's disks; a test clip in a train list or two swapped labels change a
published figure without changing a single error message.
"""

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from dualatme_keras.data.clips import Clip, subject_in_name
from dualatme_keras.data.findings import AuditReport, Finding
from dualatme_keras.data.ground_truth import GroundTruth, find_truth, index_truth
from dualatme_keras.data.image_audit import odd_images
from dualatme_keras.data.image_copies import copied_images
from dualatme_keras.data.lists import ListEntry
from dualatme_keras.data.loso_lists import LosoLists, SubjectLists
from dualatme_keras.data.names import person_key
from dualatme_keras.data.paths import check_data_root, find_image, puzzled_path
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, DATABASES, database_title, order_databases, parse_subject
from dualatme_keras.text import count, shorten


def audit(
    lists: LosoLists,
    ground_truth: Iterable[GroundTruth] | None = None,
    data_root: str | os.PathLike | None = None,
    puzzled: bool = True,
    check_files: bool = False,
) -> AuditReport:
    """Checks lists for leaks, contradictions, gaps and missing images.

    Errors are of kind `leak` (a fold trains on its test subject, or two people have one picture, see
    `image_copies.copied_images`), `duplicate` (an image twice), `subject` (a file name of another subject
    than its list's), `label`, `database number` and `database` (contradictions between lists), `incomplete
    fold`, `stranger` (a clip in train lists only), `image` and `puzzled image` (missing on disk). What file
    names say counts in the databases of MEGC2019 only, for subjects named as there.
    Warnings are of kind `numbering` (a database number against the subject's name), `naming` (a database of
    MEGC2019 whose subject is not named as there), `ground truth`, and those of `image_audit.odd_images` (no
    flow images).

    Args:
        lists: the lists.
        ground_truth: rows of `read_ground_truth` to compare clips and labels with.
        data_root: where the databases' folders are, see `find_image`; two paths that lead to the same file
            then count as the same image.
        puzzled: whether training needs the puzzled images too.
        check_files: whether every image must be on disk, and look like flow, for which each is decoded once.

    Raises:
        DualATMEError: `data_root` is no directory. Faults of the lists never raise here.
    """
    located = _locate(lists, data_root)
    images = {path: _identity(path, found) for path, found in located.items()}
    index = _Index(lists, images)
    errors = [
        *_leaks(lists, index),
        *_duplicates(lists, index),
        *_foreign_clips(lists),
        *_contradictions(lists, index),
        *_gaps(lists, index),
        *_strangers(lists, index),
    ]
    warnings = [*(_odd_names(lists) if lists.database_base is None else _odd_numbers(lists))]
    if check_files:
        missing, there = _find_images(lists, index, located, data_root, puzzled)
        errors += missing
        errors += _copies(lists, located)
        warnings += odd_images(there)
    if ground_truth is not None:
        warnings += _against_truth(lists, ground_truth)
    return AuditReport(_summary(lists), errors, warnings)


def _summary(lists: LosoLists) -> str:
    counts = Counter(clip.database for clip in lists.clips)
    parts = ", ".join(f"{name} {counts[name]}" for name in order_databases(counts))
    clips, subjects = count(len(lists.clips), "clip"), count(len(lists.subjects), "subject")
    return f"Audit of {lists.directory}: {clips} ({parts}) of {subjects}"


class _Index:
    """Paths and images of all lists as numbers, so that millions of lines are looked at by NumPy.

    Args:
        lists: the lists.
        images: what is equal for two paths of the same image.

    Attributes:
        images: as given.
        paths: the distinct paths, in the order in which they are read: test lists first, where a reader looks
            for a clip first.
        path_of, image_of: number of the path, and of the image, of each line of `lists.lines`.
        tested: whether a test list has it, of each path.
    """

    def __init__(self, lists: LosoLists, images: Mapping[str, str]):
        self.images, self.paths = images, list(images)
        paths = {path: number for number, path in enumerate(images)}
        numbers = {image: number for number, image in enumerate(dict.fromkeys(images.values()))}
        fields = lists.lines.fields
        self.path_of = np.array([paths[path] for path, _, _ in fields], "int32")
        self.image_of = np.array([numbers[images[path]] for path, _, _ in fields], "int32")
        self.tested = np.zeros(len(paths), bool)
        for own in lists.subjects:
            self.tested[self.path_of[own.test.codes]] = True

    def marked(self, codes: np.ndarray) -> np.ndarray:
        """Whether it is an image of one of these lines, of each line."""
        marks = np.zeros(len(self.image_of) + 1, bool)
        marks[self.image_of[codes]] = True
        return marks[self.image_of]

    def strangers(self, own: SubjectLists) -> Iterator[ListEntry]:
        """Entries of a train list whose path is in no test list."""
        for place in np.flatnonzero(~self.tested[self.path_of[own.train.codes]]):
            yield own.train[place]


def _locate(lists: LosoLists, data_root: str | os.PathLike | None) -> dict[str, str | None]:
    """Path as written -> file on disk, None where there is none; in the order of the lists' lines."""
    if data_root is not None:
        check_data_root(data_root)
    return {path: _file(path, data_root) for path in {path: None for path, _, _ in lists.lines.fields}}


def _file(path: str, data_root: str | os.PathLike | None) -> str | None:
    try:
        found = find_image(path, data_root)
    except DualATMEError:
        return None
    return found if os.path.isfile(found) else None


def _identity(path: str, found: str | None) -> str:
    """Equal for two spellings of the same image."""
    return posixpath.normpath(path.replace("\\", "/")) if found is None else os.path.realpath(found)


def _leaks(lists: LosoLists, index: _Index) -> Iterator[Finding]:
    numbers = range(len(DATABASES) + 1)  # they say less than the name
    named = {}
    for code, (path, _, _) in enumerate(lists.lines.fields):
        named.setdefault(subject_in_name(path), []).append(code)
    for own in lists.subjects:
        own_name = _named_subject(own)
        suspect = index.marked(own.test.codes)
        suspect[named.get(own_name, []) if own_name else []] = True
        places = np.flatnonzero(suspect[own.train.codes])
        own_images = {index.images[entry.path]: entry for entry in own.test} if len(places) else {}
        for entry in (own.train[place] for place in places):
            test_entry = own_images.get(index.images[entry.path])
            if test_entry is not None:
                message = f"fold {own.subject} trains on {entry.path}, its test clip at {test_entry.source}"
            elif entry.database in (own.database, *numbers):
                message = f"fold {own.subject} trains on {entry.path}, by its name a clip of its test subject"
            else:
                continue
            yield Finding("leak", message, entry.source)


def _named_subject(own: SubjectLists) -> tuple[str, int] | None:
    """The subject of MEGC2019 that lists are of; None where they are of another, whose files say nothing."""
    key = person_key(own.database, own.subject)
    return key if key == parse_subject(own.subject) else None


def _duplicates(lists: LosoLists, index: _Index) -> Iterator[Finding]:
    # All test lists together must hold an image once; each train list by itself.
    tests = [entry for own in lists.subjects for entry in own.test]
    repeated = (
        own.train for own in lists.subjects if np.bincount(index.image_of[own.train.codes]).max(initial=0) > 1
    )
    for entries in (tests, *repeated):
        seen = {}
        for entry in entries:
            first = seen.setdefault(index.images[entry.path], entry)
            if first is not entry:
                message = f"{entry.path} is the same image as {first.path} at {first.source}"
                yield Finding("duplicate", message, entry.source)


def _foreign_clips(lists: LosoLists) -> Iterator[Finding]:
    for own in lists.subjects:
        own_name = _named_subject(own)
        for entry in own.test if own_name else ():
            named = subject_in_name(entry.path)
            if named is not None and named != own_name:
                owner = f"{named[0]} subject {named[1]}"
                message = f"{entry.path} is by its name a clip of {owner}, not of {own.subject}"
                yield Finding("subject", message, entry.source)


def _contradictions(lists: LosoLists, index: _Index) -> Iterator[Finding]:
    database = "database" if lists.database_base is None else "database number"
    for kind, place in (("label", 1), (database, 2)):
        told = {}
        for image, fields in zip(index.image_of.tolist(), lists.lines.fields, strict=True):
            told.setdefault(image, set()).add(fields[place])
        contradicted = [image for image, values in told.items() if len(values) > 1]
        odd = np.isin(index.image_of, contradicted)
        # By image, in the order in which a reader looks at the lists; what two lists agree on is left out.
        values = {}
        for side in ("test", "train") if contradicted else ():
            for entries in (getattr(own, side) for own in lists.subjects):
                for entry in (entries[at] for at in np.flatnonzero(odd[entries.codes])):
                    by_value = values.setdefault(index.images[entry.path], {})
                    by_value.setdefault((entry.label, entry.database)[place - 1], []).append(entry)
        for by_value in values.values():
            rarest_last = sorted(by_value.items(), key=lambda item: -len(item[1]))
            told = "; ".join(f"{value} {len(at)} times, e.g. at {at[0].source}" for value, at in rarest_last)
            odd_one = rarest_last[-1][1][0]
            yield Finding(kind, f"{odd_one.path} has more than one {kind}: {told}", odd_one.source)


def _gaps(lists: LosoLists, index: _Index) -> Iterator[Finding]:
    every = np.flatnonzero(index.tested)
    for own in lists.subjects:
        held = np.zeros(len(index.paths), bool)
        for entries in (own.train, own.test):
            held[index.path_of[entries.codes]] = True
        absent = every[~held[every]]
        if len(absent):
            paths = [index.paths[number] for number in absent]
            message = f"fold {own.subject} lacks {len(paths)} of {len(every)} clips: {shorten(paths)}"
            yield Finding("incomplete fold", message, own.train[0].file)


def _strangers(lists: LosoLists, index: _Index) -> Iterator[Finding]:
    strangers = {}
    for own in lists.subjects:
        for entry in index.strangers(own):
            strangers.setdefault(entry.path, []).append(entry)
    for path, entries in strangers.items():
        message = (
            f"{path} stands in {len(entries)} train lists and in no test list, so its subject is unknown"
        )
        yield Finding("stranger", message, entries[0].source)


def _copies(lists: LosoLists, located: Mapping[str, str | None]) -> Iterator[Finding]:
    there = [
        (entry.path, located[entry.path], entry.source, own.subject)
        for own in lists.subjects
        for entry in own.test
        if located[entry.path]
    ]
    return copied_images(there)


def _find_images(
    lists: LosoLists,
    index: _Index,
    located: Mapping[str, str | None],
    data_root: str | os.PathLike | None,
    puzzled: bool,
) -> tuple[list[Finding], list[tuple[str, str, str]]]:
    """Findings of images that are missing; path, file and `FILE:LINE` of those that are there."""
    sources = {}
    for own in lists.subjects:
        sources |= {entry.path: entry.source for entry in own.test if entry.path not in sources}
    for own in lists.subjects:
        sources |= {entry.path: entry.source for entry in index.strangers(own) if entry.path not in sources}
    wanted = [("image", path, found, sources[path]) for path, found in located.items()]
    missing = []
    for path in located if puzzled else ():
        try:
            puzzle = puzzled_path(path)
        except DualATMEError as error:
            missing.append(Finding("puzzled image", str(error), sources[path]))
        else:
            wanted.append(("puzzled image", puzzle, _file(puzzle, data_root), sources[path]))
    place = "on disk; no data root was given" if data_root is None else f"below {os.fspath(data_root)}"
    if data_root is not None and not any(located.values()):
        first = next(iter(located))
        message = f"none of {len(located)} images is {place}, {first} for one: is the data root right?"
        return [Finding("image", message, sources[first])], []
    missing += [
        Finding(kind, f"{path} is not {place}", where) for kind, path, found, where in wanted if not found
    ]
    return missing, [(path, found, where) for _, path, found, where in wanted if found]


def _odd_numbers(lists: LosoLists) -> Iterator[Finding]:
    base = lists.database_base
    for own in lists.subjects:
        expected = DATABASES.index(own.database) + base
        odd = [entry for entry in own.test if entry.database != expected]
        if odd:
            number = odd[0].database
            message = (
                f"{len(odd)} of {len(own.test)} clips of {own.subject} have database number {number} "
                f"({DATABASES[number - base]}), by the subject's name it is {expected} "
                f"({DATABASES[expected - base]}), which is taken"
            )
            yield Finding("numbering", message, odd[0].source)


def _odd_names(lists: LosoLists) -> Iterator[Finding]:
    for own in lists.subjects:
        if own.database in DATABASES and not _named_subject(own):
            message = (
                f"{own.subject} is in {own.database}, but not called as subjects of "
                f"{database_title(own.database)} are; the lists' database is taken"
            )
            yield Finding("naming", message, own.test[0].source)


def _against_truth(lists: LosoLists, truth: Iterable[GroundTruth]) -> Iterator[Finding]:
    truth = list(truth)
    index = index_truth(truth)
    listed = Counter(clip.database for clip in lists.clips)
    expected = Counter(row.database for row in truth)
    for name in DATABASES:
        # A database that one side lacks altogether is one line, not a hundred.
        if expected[name] and not listed[name]:
            yield _truth(f"{name} is not in the lists ({count(expected[name], 'clip')})", lists.directory)
        if listed[name] and not expected[name]:
            yield _truth(
                f"{name} is not in the ground truth ({count(listed[name], 'clip')} listed)", lists.directory
            )
    matched = {}
    for clip in lists.clips:
        row = find_truth(clip, index)
        if row is not None:
            yield from _against_row(clip, row, matched.setdefault(row, clip))
        elif expected[clip.database]:
            yield _truth(f"{clip.path} of {clip.subject} is not in the ground truth", clip.source)
    for row in truth:
        if row not in matched and listed[row.database]:
            message = f"{row.database} {row.subject} {row.clip} is not in the lists"
            yield _truth(message, row.source or lists.directory)


def _against_row(clip: Clip, row: GroundTruth, first: Clip) -> Iterator[Finding]:
    if first is not clip:
        message = f"{clip.path} is {row.database} {row.subject} {row.clip}, as is {first.path}"
        yield _truth(message, clip.source)
    if clip.label != row.label:
        message = (
            f"{row.database} {row.subject} {row.clip} is {clip.label} ({CLASS_NAMES[clip.label]}) "
            f"in the lists, {row.label} ({CLASS_NAMES[row.label]}) in the ground truth"
        )
        yield _truth(message, clip.source)


def _truth(message: str, where: str) -> Finding:
    return Finding("ground truth", message, where)
