"""A clip, what its file name says about its subject, and a fold of clips."""

import dataclasses
import re
from collections.abc import Sequence

from dualatme_keras.megc2019 import parse_subject

_SAMM_STEM = re.compile(r"\d{1,3}_\d+_\d+")


@dataclasses.dataclass(frozen=True)
class Clip:
    """One labelled clip.

    Attributes:
        path: the entire-face flow image, as the lists write it (see `find_image`).
        subject: name of the subject, e.g. `sub01`, `s01`, `006`, `Anna`; no two databases have the same.
        database: its name: one of `megc2019.DATABASES`, or any other word.
        label: index of its class; by default those of `megc2019.CLASS_NAMES`.
        source: `FILE:LINE` where the clip was read, or empty; two clips compare equal without it.
    """

    path: str
    subject: str
    database: str
    label: int
    source: str = dataclasses.field(default="", compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Fold:
    """What one model is trained on and tested on.

    Attributes:
        name: the left-out subject, or for HDE the left-out database.
        train: clips to train on.
        test: clips of the left-out subject or database.
    """

    name: str
    train: Sequence[Clip]
    test: tuple[Clip, ...]


def stem(path: str) -> str:
    """The file's name without directories and extension; `/` and `\\` both separate directories."""
    name = re.split(r"[\\/]", path)[-1]
    return name.rpartition(".")[0] or name


def subject_in_name(path: str) -> tuple[str, int] | None:
    """The subject of MEGC2019 that a file name clearly carries.

    Args:
        path: e.g. `sub01_EP02_01f_flow.png`, `s01_s01_ne_01_flow.png`, `006_1_2_flow.png`.

    Returns:
        `(database, number)` as `megc2019.parse_subject` gives it, or None where the name carries none.
        Bare digits count only in the form of a SAMM clip (`006_1_2`): other databases number files too.
    """
    name = stem(path)
    first, separator, _ = name.partition("_")
    if not separator or (first.isdigit() and not _SAMM_STEM.match(name)):
        return None
    return parse_subject(first)
