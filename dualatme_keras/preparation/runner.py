"""All clips of a database, one after the other or side by side; finished ones are kept."""

import dataclasses
import time
from pathlib import Path

import joblib

from dualatme_keras.data import Clip, read_ground_truth, write_lists
from dualatme_keras.databases.casme2 import read_casme2
from dualatme_keras.databases.comparison import Comparison, choose_listed, compare_with_list
from dualatme_keras.databases.folder import read_folder
from dualatme_keras.databases.frames import clip_numbers, open_frames
from dualatme_keras.databases.records import ClipRecord
from dualatme_keras.databases.samm import read_samm
from dualatme_keras.databases.smic import read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preparation.config import PrepareConfig
from dualatme_keras.preparation.output import PreparedFolder
from dualatme_keras.preparation.preview import write_preview
from dualatme_keras.preparation.progress import ClipProgress
from dualatme_keras.preprocessing import PreparedClip, PrepareSettings, landmark_source, prepare_clip

LISTS = "MEGC2019/v_cde_flow"
"""Folder of the lists below the output, as published."""


@dataclasses.dataclass(frozen=True)
class PrepareResult:
    """What was prepared.

    Attributes:
        prepared: clips of this database that are finished, earlier ones included.
        failed: `{name of the clip: reason}`.
        lists: the folder of lists over all databases of the output, or None where they cannot be written.
        seconds: time taken.
    """

    prepared: int
    failed: dict[str, str]
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
    return read_folder(_root(config), config.annotations)


def audit_database(config: PrepareConfig) -> Comparison:
    """Compares the annotations with the organisers' list; needs no frames (SMIC: its annotations or folders).

    Raises:
        DualATMEError: there is no list, or it or the annotations cannot be read.
    """
    if config.protocol_csv is None:
        raise DualATMEError("Expected --protocol_csv, the organisers' list, for an audit. Received: none.")
    return compare_with_list(read_records(config), read_ground_truth(config.protocol_csv))


def prepare_database(config: PrepareConfig, stream=None) -> PrepareResult:
    """Prepares a database: images, manifest, preview, and lists over all databases of the output.

    Clips that an earlier call finished are kept. A clip that fails does not stop the others.

    Args:
        config: the settings.
        stream: where progress is printed; standard output by default.

    Returns:
        What was done and what failed.

    Raises:
        DualATMEError: annotations, root or list are not as expected, or the output holds images of other
            settings; nothing is written then.
    """
    start = time.perf_counter()
    records = _chosen_records(config)
    root = _root(config)
    locate = landmark_source(config.landmarks, config.landmarks_file)  # fails before anything is written
    folder = PreparedFolder(config.output, config.settings)
    left = [record for record in records if not folder.finished(record)]
    progress = ClipProgress(len(records), len(records) - len(left), stream)
    failed = {}
    for record, reason in _results(config, folder, root, locate, left):
        if reason:
            failed[record.name] = reason
        progress.finish_clip(record.name, reason)
    folder.write_manifest()
    write_preview(folder)
    done = [record for record in records if folder.finished(record)]
    return PrepareResult(len(done), failed, _write_lists(folder), time.perf_counter() - start)


def prepare_record(record: ClipRecord, root, locate, settings: PrepareSettings) -> PreparedClip:
    """Prepares one clip.

    Raises:
        DualATMEError: the clip has no frames, no face or other faults; names them.
    """
    frames = open_frames(record, root)
    numbers = clip_numbers(record, frames.numbers)
    return prepare_clip(numbers, frames.read, locate, settings, record.apex, record.name)


def _results(config, folder, root, locate, records):
    """Yields each record and why it failed, or None."""
    if config.workers == 1:
        for record in records:
            yield record, _finish(record, root, locate, config, folder)
        return
    parallel = joblib.Parallel(config.workers, return_as="generator_unordered", inner_max_num_threads=1)
    yield from parallel(joblib.delayed(_in_worker)(record, root, config, folder) for record in records)


def _in_worker(record, root, config, folder):
    import cv2

    cv2.setNumThreads(1)  # the other processors belong to other workers
    locate = landmark_source(config.landmarks, config.landmarks_file)
    return record, _finish(record, root, locate, config, folder)


def _finish(record, root, locate, config, folder):
    """Prepares and writes a clip; returns why it failed, or None. What cannot be written ends everything."""
    try:
        clip = prepare_record(record, root, locate, config.settings)
    except DualATMEError as error:
        return str(error)
    folder.write_clip(record, clip, config.keep_flow)
    return None


def _chosen_records(config):
    records = read_records(config)
    if config.protocol_csv is not None:
        records = choose_listed(records, read_ground_truth(config.protocol_csv))
    records = [record for record in records if record.label is not None]
    if config.subjects:
        known = {record.subject for record in records}
        if unknown := set(config.subjects) - known:
            raise DualATMEError(
                f"Expected --subjects out of {', '.join(sorted(known))}. Received: {unknown}."
            )
        records = [record for record in records if record.subject in config.subjects]
    if not records:
        raise DualATMEError("Expected clips that take part. Received: none after the list and --subjects.")
    return records


def _root(config):
    if config.root is None or not Path(config.root).is_dir():
        raise DualATMEError(f"Expected --root, the folder of the frames. Received: {config.root}.")
    return Path(config.root)


def _write_lists(folder):
    clips = [
        Clip(row["path"], row["subject"], row["database"], int(row["label"]))
        for row in folder.manifest_rows()
    ]
    # Leaving one subject out takes two.
    if len({clip.subject for clip in clips}) < 2:
        return None
    write_lists(clips, folder.path / LISTS, overwrite=True)
    return folder.path / LISTS
