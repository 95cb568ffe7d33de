"""Made-up databases as users unpack real ones: folders of frames, annotation files, and the truth.

    OUTPUT/casme2/CASME2-coding-demo.xlsx      OUTPUT/casme2/Cropped/sub01/EP01_01f/reg_img46.jpg
    OUTPUT/samm/SAMM_Micro_FACS_Codes_v2.xlsx  OUTPUT/samm/SAMM/001/001_1_1/001_05562.jpg
    OUTPUT/smic/SMIC-HS-E_annotation.xlsx      OUTPUT/smic/SMIC_all_raw/HS/s01/micro/negative/s01_ne_01/*.jpg
    OUTPUT/landmarks.csv                       five landmarks of each onset frame
    OUTPUT/truth.csv                           onset, apex, offset, blinks of each clip
    OUTPUT/flow/NAME.npz                       motion from onset to apex, pixels of the frame, float16

No person's face is in them: skin, brows and lips are painted, and moved by the fields of `muscles`.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from dualatme_keras.data.records import ClipRecord
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_folder, make_folder, replace_file, writing
from dualatme_keras.megc2019 import DATABASES
from dualatme_keras.preprocessing import LANDMARK_COLUMNS
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.people import new_expression, new_person
from dualatme_keras.synthetic.recording import ClipRecording
from dualatme_keras.workbooks import write_workbook

FRAMES = {"casme2": "casme2/Cropped", "samm": "samm/SAMM", "smic": "smic/SMIC_all_raw"}
"""Folder of the frames of each database, `root` of its preparation."""

ANNOTATIONS = {
    "casme2": "casme2/CASME2-coding-demo.xlsx",
    "samm": "samm/SAMM_Micro_FACS_Codes_v2.xlsx",
    "smic": "smic/SMIC-HS-E_annotation.xlsx",
}
"""Annotation file of each database."""

_CLASS_COUNTS = {"casme2": (88, 32, 25), "samm": (92, 26, 15), "smic": (70, 51, 43)}
"""Clips per class of each database in MEGC2019, whose mix the demo follows."""

_EMOTIONS = {
    "casme2": ("disgust", "happiness", "surprise"),
    "samm": ("anger", "happiness", "surprise"),
    "smic": ("negative", "positive", "surprise"),
}

_SMIC_CLASSES = ("ne", "po", "sur")

_BLINKING = 0.3
"""Share of clips with a blink."""

_FIRST_FRAMES = {"casme2": (1, 80), "samm": (100, 9000), "smic": (100, 3000)}
"""Range of the number of a clip's first frame."""


def write_synthetic(
    directory: str | Path,
    seed: int = 0,
    subjects_per_database: int = 3,
    clips_per_subject: int = 16,
    frame_size: int = 180,
) -> list[ClipRecord]:
    """Writes three made-up databases in the folders and files of CASME II, SAMM and SMIC-HS.

    The same arguments give the same files; a subject's do not depend on how many others there are. The
    classes are mixed as in MEGC2019, per subject as far as the number of clips allows. Light changes, sensors
    are noisy, heads move, and in some clips a blink comes up.

    Args:
        directory: a new or empty folder.
        seed: a different number gives different people, >= 0.
        subjects_per_database: 1 to 99.
        clips_per_subject: 1 to 99.
        frame_size: side of the frames in pixels, >= 64.

    Returns:
        The true records, by database, subject and clip; SMIC's without apex, as in the database.

    Raises:
        DualATMEError: the folder holds files, or a number is out of its range.
    """
    directory = Path(directory)
    if directory.is_dir() and any(directory.iterdir()):
        raise DualATMEError(f"Expected a new or empty folder. Received: {directory}, which holds files.")
    _check_range("seed", seed, 0, None)
    _check_range("subjects_per_database", subjects_per_database, 1, 99)
    _check_range("clips_per_subject", clips_per_subject, 1, 99)
    _check_range("frame_size", frame_size, 64, None)
    check_folder(directory, "directory")
    records, landmarks, truth = [], [], []
    for database in DATABASES:
        clips = synthetic_clips(database, seed, subjects_per_database, clips_per_subject, frame_size)
        own = [record for record, recording in _write_clips(directory, clips, landmarks, truth)]
        _ANNOTATE[database](directory / ANNOTATIONS[database], own)
        records += own
    _write_csv(directory / "landmarks.csv", ("name", *LANDMARK_COLUMNS), landmarks)
    _write_csv(directory / "truth.csv", ("name", "onset", "apex", "offset", "blinks"), truth)
    return records


def synthetic_clips(
    database: str, seed: int, subjects: int, clips: int, frame_size: int = 180
) -> Iterator[tuple[ClipRecord, ClipRecording]]:
    """Invents the clips of a database, in order; frame numbers of a record start where its files do."""
    for number in range(1, subjects + 1):
        source = [seed, DATABASES.index(database), number]
        rng = np.random.default_rng(source)
        person = new_person(database, rng)
        look = new_look(person.landmarks, rng)
        for index, label in enumerate(_new_labels(_CLASS_COUNTS[database], clips, rng)):
            # Counted from 1: a trailing 0 would repeat the random numbers of the subject.
            rng = np.random.default_rng([*source, index + 1])
            expression = new_expression(label, person, rng)
            blinks = int(rng.random() < _BLINKING)
            recording = ClipRecording(person, expression, look, rng, frame_size, blinks)
            first, timing = int(rng.integers(*_FIRST_FRAMES[database])), recording.timing
            subject, clip = _names(database, number, index, label)
            record = ClipRecord(
                database=database,
                subject=subject,
                clip=clip,
                label=label,
                emotion=_EMOTIONS[database][label],
                onset=first + timing.onset,
                apex=None if database == "smic" else first + timing.apex,
                offset=first + timing.offset,
                action_units="+".join(map(str, expression.action_units)),
            )
            yield record, recording


def _write_clips(directory, clips, landmarks, truth):
    """Writes the frames and the true flow of each clip, adds a row of landmarks and one of the truth."""
    make_folder(directory / "flow")
    for record, recording in clips:
        timing = recording.timing
        first = record.onset - timing.onset
        _write_frames(directory, record, recording, first)
        flow = recording.true_flow(timing.onset, timing.apex).astype("float16")
        with writing(directory / "flow" / f"{record.name}.npz") as path:
            np.savez_compressed(path, flow=flow)
        landmarks.append([record.name, *recording.landmarks(timing.onset).round(3).ravel()])
        numbers = (first + frame for frame in (timing.onset, timing.apex, timing.offset))
        truth.append([record.name, *numbers, len(timing.blinks)])
        yield record, recording


def _write_frames(directory, record, recording, first):
    base, frames = directory / FRAMES[record.database], range(recording.timing.length)
    if record.database == "casme2":
        folder, name = base / record.subject / record.clip, "reg_img{}.jpg"
    elif record.database == "samm":
        folder, name = base / record.subject / record.clip, record.subject + "_{:05d}.jpg"
    else:
        folder = base / "HS" / record.subject / "micro" / record.emotion / record.clip
        name = "image{:06d}.jpg"
        # SMIC's folders run from onset to offset.
        frames = range(recording.timing.onset, recording.timing.offset + 1)
    make_folder(folder)
    for frame in frames:
        with writing(folder / name.format(first + frame)) as path:
            Image.fromarray(recording.frame(frame)).save(path, quality=97)


def _new_labels(class_counts, clip_count, rng) -> list[int]:
    """Labels of a subject's clips, shuffled; each class within one clip of its share in `class_counts`."""
    edges = np.cumsum([0, *class_counts]) / sum(class_counts) * clip_count
    counts = np.diff(np.floor(edges + rng.random()).astype(int))
    return rng.permutation(np.repeat(np.arange(len(counts)), counts)).tolist()


def _names(database: str, number: int, index: int, label: int) -> tuple[str, str]:
    """Subject and clip in the manner of the database."""
    if database == "casme2":
        return f"sub{number:02d}", f"EP{1 + index % 19:02d}_{1 + index // 19:02d}f"
    if database == "samm":
        subject = f"{number:03d}"
        return subject, f"{subject}_{1 + index % 7}_{1 + index // 7}"
    subject = f"s{number:02d}"
    return subject, f"{subject}_{_SMIC_CLASSES[label]}_{index + 1:02d}"


def _annotate_casme2(path, records):
    header = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None]
    header += ["Action Units", "Estimated Emotion"]
    rows = [
        [r.subject[3:], r.clip, None, r.onset, r.apex, r.offset, None, r.action_units, r.emotion]
        for r in records
    ]
    write_workbook(path, {"Sheet1": [header, *rows]})


def _annotate_samm(path, records):
    notes = [["Made-up clips in the manner of SAMM"], *[[None]] * 12]
    header = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame"]
    header += ["Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]
    rows = [
        [
            *(r.subject, r.clip, 1, r.onset, r.apex, r.offset, r.offset - r.onset + 1, "Micro - 1/2"),
            *(r.action_units, r.emotion.capitalize(), None, None),
        ]
        for r in records
    ]
    write_workbook(path, {"MICRO_ONLY": [*notes, header, *rows]})


def _annotate_smic(path, records):
    header = ["Subject", "Filename", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF", "Emotion"]
    rows = [
        [int(r.subject[1:]), r.clip, r.onset, r.offset, None, None, r.onset, r.offset, r.emotion]
        for r in records
    ]
    write_workbook(path, {"HS": [header, *rows, [None], ["Made-up clips"]]})


_ANNOTATE = {"casme2": _annotate_casme2, "samm": _annotate_samm, "smic": _annotate_smic}


def _write_csv(path, header, rows):
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows([header, *rows])
    replace_file(path, content.getvalue().encode())


def _check_range(name: str, number: int, low: int, high: int | None) -> None:
    if number < low or (high is not None and number > high):
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        raise DualATMEError(f"Expected `{name}` {allowed}. Received: {name}={number}.")
