"""Spotted expressions in the form that challenges ask for."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dualatme_keras.data import LabelledInterval
from dualatme_keras.errors import DualATMEError
from dualatme_keras.recognition.result import NO_EXPRESSION
from dualatme_keras.text import printable


def name_videos(clips: Sequence[str | os.PathLike]) -> dict[str, tuple[str, str]]:
    """Subject and video of each clip: the name of the folder that it lies in, and its own without suffix.

    Raises:
        DualATMEError: two clips have the same of both, or one lies in no folder.
    """
    videos, clips_of = {}, {}
    for clip in map(os.fspath, clips):
        path = Path(os.path.abspath(clip))
        own = path.stem if path.is_file() else path.name
        name, clip = (printable(path.parent.name), printable(own)), printable(clip)
        if not name[0]:
            raise DualATMEError(
                f"Expected clips in folders that are called as their subjects. Received: {clip}."
            )
        if name in clips_of:
            raise DualATMEError(
                "Expected clips that folder and name tell apart, as subject and video. Received: "
                f"{clips_of[name]} and {clip}, both {name[1]} of {name[0]}. Rename one."
            )
        clips_of[name] = clip
        videos[clip] = name
    return videos


def intervals_of_rows(
    rows: Iterable[Mapping], videos: Mapping[str, tuple[str, str]]
) -> list[LabelledInterval]:
    """Those rows of a table of spotted expressions that name an emotion.

    Args:
        rows: as of `clip_table.PredictResult`.
        videos: subject and video of each clip, see `name_videos`.
    """
    return [
        LabelledInterval(*videos[row["clip"]], row["onset"], row["offset"], row["label"])
        for row in rows
        if not row["error"] and row["label"] != NO_EXPRESSION
    ]
