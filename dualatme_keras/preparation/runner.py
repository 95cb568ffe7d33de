"""All clips of a database, one after the other or side by side; finished ones are kept."""

import dataclasses
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from dualatme_keras.data import Clip, Finding, GroundTruth, read_ground_truth, write_lists
from dualatme_keras.data.lists import remove_lists
from dualatme_keras.data.names import check_subjects
from dualatme_keras.data.records import ClipRecord, warnings_of
from dualatme_keras.databases.casme2 import read_casme2
from dualatme_keras.databases.comparison import Comparison, choose_listed, compare_with_list
from dualatme_keras.databases.folder import read_folder
from dualatme_keras.databases.places import clip_numbers, frames_place, open_clip
from dualatme_keras.databases.samm import read_samm
from dualatme_keras.databases.smic import read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import locked
from dualatme_keras.preparation.config import PrepareConfig
from dualatme_keras.preparation.output import PreparedFolder, read_rows, video_facts
from dualatme_keras.preparation.preview import write_preview
from dualatme_keras.preprocessing import (
    PreparedClip,
    PrepareSettings,
    check_length,
    find_onset_apex,
    landmark_source,
    prepare_onset_apex,
    read_landmarks,
)
from dualatme_keras.progress import ClipProgress
from dualatme_keras.text import shorten
from dualatme_keras.workers import Scheduler, one_thread

LISTS = "MEGC2019/v_cde_flow"
"""Folder of the lists below the output, as published."""

MOST_TRAIN_LINES = 20_000_000
"""Lines that all train lists together may have, about a gigabyte; with more there are none."""

_BYTES, _START_SECONDS = 400 * 2**20, 5
"""What a process with OpenCV takes, and until several of them are ready."""

_DETECTOR_BYTES, _DETECTOR_START_SECONDS = 2**30, 20
"""The same with a face detector."""


@dataclasses.dataclass(frozen=True)
class PrepareResult:
    """What was prepared.

    Attributes:
        prepared: clips of this database that are finished, earlier ones included.
        failed: `{name of the clip: reason}`.
        doubtful: `{name of a finished clip: what speaks against its face}`.
        missing: rows of the organisers' list that the annotations do not have.
        warnings: what the annotations' reader doubts of these clips.
        relabelled: finished clips whose label has changed since.
        left_out: finished clips that take no part any more.
        replaced: finished clips that were made anew, since their frames are at another place now.
        lists: the folder of lists over all databases of the output; None while there is only one subject.
        seconds: time taken.
    """

    prepared: int
    failed: dict[str, str]
    doubtful: dict[str, str]
    missing: tuple[GroundTruth, ...]
    warnings: tuple[Finding, ...]
    relabelled: list[str]
    left_out: list[str]
    replaced: list[str]
    lists: Path | None
    seconds: float


def read_records(config: PrepareConfig) -> list[ClipRecord]:
    """All clips that the database's annotations, or folders, name.

    Raises:
        DualATMEError: see the database's reader.
    """
    if config.dataset == "casme2":
        return read_casme2(config.annotations)
    if config.dataset == "samm":
        return read_samm(config.annotations)
    if config.dataset == "smic":
        return read_smic(config.annotations, config.root)
    return read_folder(_root(config), config.annotations, config.database, config.class_names, config.output)


def audit_database(config: PrepareConfig) -> Comparison:
    """Compares the annotations with the organisers' list; needs no frames (SMIC: its annotations or folders).

    Raises:
        DualATMEError: there is no list, or it or the annotations cannot be read.
    """
    if config.ground_truth is None:
        raise DualATMEError("Expected `ground_truth`, the organisers' list, for an audit. Received: none.")
    return compare_with_list(read_records(config), read_ground_truth(config.ground_truth))


def prepare_database(config: PrepareConfig, stream: TextIO | None = None) -> PrepareResult:
    """Prepares a database: images, manifest, preview, and lists over all databases of the output.

    Clips that an earlier call finished from the same frames, onset, apex, offset and landmarks are kept;
    labels, and which clips take part, are always those of this call; only own clips of an earlier table stay.
    A clip that fails does not stop the others, and takes no part, whatever an earlier call made of it.

    Args:
        config: the settings.
        stream: where progress is printed; standard output by default.

    Returns:
        What was done and what failed.

    Raises:
        DualATMEError: annotations, root or list are not as expected, or the output holds images of other
            settings or classes, or another database's subject of the same name, or is in use; nothing is
            written then.
    """
    start = time.perf_counter()
    every_record, missing = _records_taking_part(config)
    records = _of_subjects(every_record, config.subjects)
    root = _root(config)
    # Fails before anything is written.
    locate = landmark_source(config.landmarks, config.landmarks_file, config.face)
    table = read_landmarks(config.landmarks_file) if config.landmarks == "file" else {}
    origins = {record.name: clip_origin(record, root, config, table) for record in records}
    if not any(origin["frames"] for origin in origins.values()):
        there = shorten(sorted(path.name for path in root.iterdir())) or "nothing"
        raise DualATMEError(
            f"Expected frames such as {root / records[0].place} of {config.dataset} below `root`. "
            f"Received: {root}, which holds {there}."
        )
    with locked(config.output, "output"):
        earlier = read_rows(config.output)
        _check_finished(earlier, records, config)
        folder = PreparedFolder(config.output, config.settings, config.class_names, config.keep_flow)
        left_out = folder.leave_out(_gone(earlier, every_record, config))
        finished = [record for record in records if folder.finished(record, origins[record.name])]
        relabelled = [record.name for record in finished if folder.relabel(record, origins[record.name])]
        done = {record.name for record in finished}
        left = [(record, origins[record.name]) for record in records if record.name not in done]
        replaced = [
            record.name for record, origin in left if folder.frames(record) not in (None, origin["frames"])
        ]
        progress = ClipProgress(len(records), len(finished), stream)
        failed = {}
        for record, reason in _results(config, folder, root, locate, left):
            if reason:
                failed[record.name] = reason
                folder.forget(record)
            progress.finish_clip(failed=bool(reason))
        rows = folder.manifest_rows()
        folder.write_manifest(rows)
        write_preview(folder, rows, config.class_names)
        return PrepareResult(
            prepared=len(records) - len(failed),
            failed=failed,
            doubtful=_doubtful(rows, config.dataset),
            missing=missing,
            warnings=warnings_of(records),
            relabelled=relabelled,
            left_out=left_out,
            replaced=[name for name in replaced if name not in failed],
            lists=_write_lists(folder, rows, config.class_names),
            seconds=time.perf_counter() - start,
        )


def clip_origin(record: ClipRecord, root, config: PrepareConfig, table: Mapping) -> dict:
    """What decides a clip's images, besides the settings: a clip made from something else is made anew.

    `frames` is the folder or video, or None where there is none; `file` tells a video from one that was cut
    anew; `landmarks` are those of the `table`, or the name of their source; `face` which of several is taken.
    """
    try:
        frames = str(frames_place(record, root).resolve())
    except DualATMEError:
        frames = None  # preparing the clip says why
    known = table.get(record.name)
    landmarks = config.landmarks if known is None else known.round(2).ravel().tolist()
    numbers = {name: getattr(record, name) for name in ("onset", "apex", "offset")}
    return {
        "dataset": config.dataset,
        "frames": frames,
        "file": frames and video_facts(frames),
        **numbers,
        "landmarks": landmarks,
        "face": config.face,
    }


def prepare_record(record: ClipRecord, root, locate, settings: PrepareSettings) -> PreparedClip:
    """Prepares one clip.

    Raises:
        DualATMEError: the clip has no frames, no face, no motion or other faults; names them.
    """
    with open_clip(record, root) as frames:
        numbers = clip_numbers(record, frames.numbers)
        if record.apex is None:
            # A camera of 200 frames a second may have written a video that tells of 30.
            instead = "Cut out the one, or name its frames by `annotations`."
            check_length(record.name, len(numbers), None, instead)
        found = find_onset_apex(numbers, frames.read, locate, settings.margin, record.apex, record.name)
    found.check_motion()
    return prepare_onset_apex(found, settings)


def _results(config, folder, root, locate, clips):
    """Yields the record of each clip and why it failed, or None."""
    detects = config.landmarks in ("mtcnn", "mediapipe")
    scheduler = Scheduler(
        1 if _finds_faces_on_a_gpu(config) else config.workers,
        config.executor,
        config.ray_address,
        bytes_of_each=_DETECTOR_BYTES if detects else _BYTES,
        start_seconds=_DETECTOR_START_SECONDS if detects else _START_SECONDS,
    )
    work = functools.partial(_finish, root, locate, config, folder)
    # Processes here write too: it waits for the disk. Other machines may not see it.
    write = config.executor == "processes"
    new_worker = functools.partial(one_thread, functools.partial(work, write=write))
    for (record, _), (reason, files) in scheduler.run(clips, work, lambda: new_worker):
        folder.write_files(files)
        yield record, reason


def _finds_faces_on_a_gpu(config):
    """Whose memory several processes would share."""
    if config.landmarks != "mtcnn" or config.executor != "processes" or config.workers != "auto":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _finish(root, locate, config, folder, clip_and_origin, write=True):
    """Prepares a clip; returns why it failed, or None, and the files that are not written yet. What cannot be
    written ends everything."""
    record, origin = clip_and_origin
    try:
        clip = prepare_record(record, root, locate, config.settings)
    except DualATMEError as error:
        return str(error), {}
    files = folder.clip_files(record, clip, origin)
    if not write:
        return None, files
    folder.write_files(files)
    return None, {}


def _records_taking_part(config):
    """Records with a class, and rows of the organisers' list without a record."""
    records, missing = read_records(config), ()
    if config.ground_truth is not None:
        truth = read_ground_truth(config.ground_truth)
        missing = compare_with_list(records, truth).only_listed
        records = choose_listed(records, truth)
    records = [record for record in records if record.label is not None]
    if not records:
        raise DualATMEError(
            f"Expected clips that take part. Received: none of {config.dataset} that has a class"
            + (f" and is in {config.ground_truth}." if config.ground_truth else ".")
        )
    return records, missing


def _of_subjects(records, subjects):
    known = {record.subject for record in records}
    if unknown := set(subjects) - known:
        raise DualATMEError(
            f"Expected `subjects` out of {', '.join(sorted(known))}. Received: {', '.join(sorted(unknown))}."
        )
    return [record for record in records if record.subject in subjects] if subjects else records


def _check_finished(rows, records, config):
    """Raises where two databases of the output would have a subject of the same name, or other classes."""
    finished = ((row["database"], row["subject"], f"in {config.output}") for row in rows)
    check_subjects([*finished, *((each.database, each.subject, each.source) for each in records)])
    names = {record.name for record in records}
    for row in rows:
        classes = row["class_names"]
        if row["name"] not in names and classes and classes != list(config.class_names):
            raise DualATMEError(
                f"Expected the classes of the other clips in {config.output}, such as {row['name']} of "
                f"{row['database']}: {', '.join(map(str, classes))}. Received: "
                f"`class_names` {', '.join(config.class_names)}. Choose another `output`."
            )


def _gone(rows, records, config):
    """Finished clips that take no part any more. One's own clips may come from several tables and folders; a
    database's annotations are all there is, and so are the clips below a root without a table."""
    own = config.dataset == "folder"
    if own and config.annotations is not None:
        return []
    names, below = {record.name for record in records}, Path(config.root).resolve()
    gone = [row for row in rows if row["origin"]["dataset"] == config.dataset and row["name"] not in names]
    return [row for row in gone if not own or Path(row["origin"].get("frames") or "").is_relative_to(below)]


def _root(config):
    if config.root is None:
        raise DualATMEError("Expected `root`, the folder of the frames. Received: none.")
    if not Path(config.root).is_dir():
        raise DualATMEError(
            f"Expected `root`, the folder of the frames. Received: {config.root}, which is no folder."
        )
    return Path(config.root)


def _doubtful(rows, dataset):
    own = (row for row in rows if row["origin"]["dataset"] == dataset)
    return {row["name"]: row["doubts"] for row in own if row.get("doubts")}


def _write_lists(folder, rows, class_names):
    clips = [Clip(row["path"], row["subject"], row["database"], int(row["label"])) for row in rows]
    subjects = len({clip.subject for clip in clips})
    # Leaving one subject out takes two.
    if subjects < 2:
        remove_lists(folder.path / LISTS)
        return None
    few = len(clips) * (subjects - 1) <= MOST_TRAIN_LINES
    write_lists(clips, folder.path / LISTS, overwrite=True, class_names=class_names, train_lists=few)
    return folder.path / LISTS
