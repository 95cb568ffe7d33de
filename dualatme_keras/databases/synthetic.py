"""Made-up micro-expressions in the published layout, so that everything runs without a licensed database.

A clip's flow field is the sum of the action units of its emotion, on the face of its subject, of an unrelated
movement now and then, of head motion and of estimation noise; half of the clips run from apex to offset (see
`performers`). It shows that a network learns and how to work with the package; scores on it say nothing
about faces.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dualatme_keras.data import Clip, write_lists
from dualatme_keras.data.lists import SUBJECTS_FILE
from dualatme_keras.databases.performers import Style, new_performance, new_performer, performance_flow
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import encode_flow
from dualatme_keras.protocol import DATABASES
from dualatme_keras.regions import TEMPLATE_BOXES, cut_puzzle, resampling_matrix

LISTS = "MEGC2019/v_cde_flow"
"""Folder of the lists below the data directory, as published."""

_STYLES = {
    "casme2": Style(intensity=1.0, noise=0.10),
    "samm": Style(intensity=0.9, noise=0.08),
    "smic": Style(intensity=1.0, noise=0.14),
}

_CLASS_COUNTS = {"casme2": (88, 32, 25), "samm": (92, 26, 15), "smic": (70, 51, 43)}
"""Clips per class of each database in MEGC2019, whose mix the demo follows."""

_SMIC_CLASSES = ("ne", "po", "sur")


@dataclass(frozen=True)
class SyntheticClip:
    """A clip of the demo database and the truth about it.

    Attributes:
        path: flow image relative to the data directory, with `/`, e.g. `casme2/flow/sub01_EP01_01f_flow.png`.
        subject: `sub01` (CASME II), `001` (SAMM) or `s01` (SMIC).
        database: one of `protocol.DATABASES`.
        clip: its name as in the MEGC2019 list: `EP01_01f`, `001_1_1`, `s01_ne_01`.
        label: index into `protocol.CLASS_NAMES`.
        action_units: those of the emotion.
        intensity: of the strongest of them on its stronger side; 1 is about a pixel on a face of 112.
        relaxing: the clip runs from the apex to the offset, its motion is reversed; else onset to apex.
        distractor: an action unit that has nothing to do with the emotion, or None.
    """

    path: str
    subject: str
    database: str
    clip: str
    label: int
    action_units: tuple[int, ...]
    intensity: float
    relaxing: bool
    distractor: int | None


def make_demo(
    directory: str | Path,
    seed: int = 0,
    subjects_per_database: int = 3,
    clips_per_subject: int = 16,
    image_size: int = 28,
    overwrite: bool = False,
) -> list[SyntheticClip]:
    """Writes the demo database and its leave-one-subject-out lists, `DIRECTORY/MEGC2019/v_cde_flow`.

    Args:
        directory: data directory of the demo, best one of its own.
        seed, subjects_per_database, clips_per_subject, image_size: as for `write_synthetic`.
        overwrite: replace lists that are already there.

    Returns:
        What `write_synthetic` returns.

    Raises:
        DualATMEError: a number is out of its range, or there are lists already and `overwrite` is not set.
    """
    lists = Path(directory) / LISTS
    # Asked before the first image is written: made-up images must not end up among somebody's data.
    if (lists / SUBJECTS_FILE).exists() and not overwrite:
        raise DualATMEError(
            f"Expected a directory without lists, or overwrite=True. Received: {str(directory)!r}, which "
            f"holds {LISTS}/{SUBJECTS_FILE}."
        )
    clips = write_synthetic(directory, seed, subjects_per_database, clips_per_subject, image_size)
    rows = [Clip(clip.path, clip.subject, clip.database, clip.label) for clip in clips]
    write_lists(rows, lists, overwrite=overwrite)
    return clips


def write_synthetic(
    directory: str | Path,
    seed: int = 0,
    subjects_per_database: int = 3,
    clips_per_subject: int = 16,
    image_size: int = 28,
) -> list[SyntheticClip]:
    """Writes the flow images of a demo database, and their puzzles, in the published layout.

    `DIRECTORY/casme2|samm|smic/flow/NAME_flow.png` and `.../flow_puzzle/NAME_flow_puzzle.png`, RGB. For the
    puzzle the flow field itself is cut and re-assembled, then encoded, so that strain and scaling are the
    puzzle's own; where two tiles move differently, their seam shows in the strain.

    The same arguments give the same images; a subject's do not depend on how many others there are. The
    classes are mixed as in MEGC2019, per subject as far as the number of clips allows.

    Args:
        directory: where to write; made if absent, images of the same name are replaced.
        seed: a different number gives different people, >= 0.
        subjects_per_database: 1 to 99.
        clips_per_subject: 1 to 99.
        image_size: side of the images in pixels, >= 4.

    Returns:
        One record per clip, by database, subject and clip.

    Raises:
        DualATMEError: a number is out of its range.
    """
    _check_range("seed", seed, 0, None)
    _check_range("subjects_per_database", subjects_per_database, 1, 99)
    _check_range("clips_per_subject", clips_per_subject, 1, 99)
    _check_range("image_size", image_size, 4, None)
    clips = []
    for database in DATABASES:
        for folder in ("flow", "flow_puzzle"):
            (Path(directory) / database / folder).mkdir(parents=True, exist_ok=True)
        for number in range(1, subjects_per_database + 1):
            clips += _write_subject(Path(directory), database, number, clips_per_subject, image_size, seed)
    return clips


def _write_subject(directory, database, number, clip_count, image_size, seed) -> list[SyntheticClip]:
    """Writes all clips of one subject."""
    source = [seed, DATABASES.index(database), number]
    rng = np.random.default_rng(source)
    performer = new_performer(_STYLES[database], rng)
    clips = []
    for index, label in enumerate(_new_labels(_CLASS_COUNTS[database], clip_count, rng)):
        # Counted from 1: a trailing 0 would repeat the random numbers of the subject.
        rng = np.random.default_rng([*source, index + 1])
        performance = new_performance(label, performer, rng)
        # Twice the wanted resolution is enough for the antialiasing of what follows.
        flow = performance_flow(performer, performance, rng, size=2 * image_size)
        subject, clip, name = _names(database, number, index, label)
        path = f"{database}/flow/{name}_flow.png"
        _write_image(directory / path, _resize(flow, image_size))
        puzzle = cut_puzzle(flow, TEMPLATE_BOXES, size=(image_size, image_size))
        _write_image(directory / database / "flow_puzzle" / f"{name}_flow_puzzle.png", puzzle)
        clips.append(
            SyntheticClip(
                path=path,
                subject=subject,
                database=database,
                clip=clip,
                label=label,
                action_units=performance.action_units,
                intensity=max(max(sides) for sides in performance.sides),
                relaxing=performance.relaxing,
                distractor=performance.distractor,
            )
        )
    return clips


def _new_labels(class_counts, clip_count, rng) -> list[int]:
    """Labels of a subject's clips, shuffled; each class within one clip of its share in `class_counts`."""
    edges = np.cumsum([0, *class_counts]) / sum(class_counts) * clip_count
    counts = np.diff(np.floor(edges + rng.random()).astype(int))
    return rng.permutation(np.repeat(np.arange(len(counts)), counts)).tolist()


def _names(database: str, number: int, index: int, label: int) -> tuple[str, str, str]:
    """Subject, clip and file name of a subject's clip in the manner of its database."""
    if database == "casme2":
        subject, clip = f"sub{number:02d}", f"EP{1 + index % 19:02d}_{1 + index // 19:02d}f"
    elif database == "samm":
        subject = f"{number:03d}"
        # SAMM names a clip after its subject; the other databases' files have the subject in front.
        clip = f"{subject}_{1 + index % 7}_{1 + index // 7}"
        return subject, clip, clip
    else:
        subject = f"s{number:02d}"
        clip = f"{subject}_{_SMIC_CLASSES[label]}_{index + 1:02d}"
    return subject, clip, f"{subject}_{clip}"


def _resize(flow: np.ndarray, size: int) -> np.ndarray:
    """Flow `(height, width, 2)` -> `(size, size, 2)`, antialiased, in the same pixels."""
    rows = resampling_matrix(0.0, 1.0, flow.shape[0], size)
    columns = resampling_matrix(0.0, 1.0, flow.shape[1], size)
    return np.einsum("th,hwc,sw->tsc", rows, flow, columns, optimize=True)


def _write_image(path: Path, flow: np.ndarray) -> None:
    Image.fromarray(encode_flow(flow), mode="RGB").save(path)


def _check_range(name: str, value: int, low: int, high: int | None) -> None:
    if value < low or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise DualATMEError(f"Expected `{name}` {wanted}. Received: {name}={value}.")
