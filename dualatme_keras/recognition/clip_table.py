"""Many clips: one row and one picture for each, whatever becomes of the others."""

import dataclasses
import functools
import itertools
import math
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.plots.style import figure_png
from dualatme_keras.progress import ClipProgress
from dualatme_keras.recognition.answer_files import table_file
from dualatme_keras.recognition.clip_recognizer import ClipRecognizer
from dualatme_keras.recognition.figures import clip_figure
from dualatme_keras.recognition.result import Recognition
from dualatme_keras.recognition.timeline import timeline_figure

_SHARE = 20
"""The table is written anew where the clips since took this many times what writing takes."""


@dataclasses.dataclass(frozen=True)
class PredictResult:
    """What came of many clips.

    Attributes:
        rows: of the table, by the names of `result.table_columns`, in the order of the clips.
        failed: `{clip: reason}`; an expression of a video that could not be answered is named with its
            frames.
    """

    rows: list[dict]
    failed: dict[str, str]


def predict_clips(
    recognizer: ClipRecognizer,
    clips: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    figures: str | os.PathLike | None = None,
    spot: bool = False,
    frames_per_second: float | None = None,
    stream=None,
) -> PredictResult:
    """Recognises clips and writes a table, after each clip anew, and pictures.

    A long table is written anew when what has been done since took twenty times as long as writing it takes,
    and at the end, also where that is an interruption.

    Args:
        recognizer: who answers.
        clips: video files and folders of frames.
        output: CSV of `result.table_columns`, a row for each clip, or each expression found by `spot`; what
            fails has its reason in the column `error`.
        figures: folder for a PNG per row, and one per video with `spot`; None for none.
        spot: look for expressions in each video, instead of taking it as the clip of one.
        frames_per_second: of the clips, which folders of frames do not tell.
        stream: where progress is printed; standard output by default.

    Raises:
        DualATMEError: there are no clips, or table or pictures cannot be written.
    """
    if not clips:
        raise DualATMEError("Expected videos or folders of frames. Received: none.")
    progress = ClipProgress(len(clips), 0, stream, task="recognise")
    result = PredictResult([], {})
    table = _Table(output, recognizer.class_names)
    try:
        _fill(result, table, recognizer, clips, figures, spot, frames_per_second, progress)
    finally:
        if result.rows:
            table.write(result.rows)
    return result


def _fill(result, table, recognizer, clips, figures, spot, frames_per_second, progress):
    for clip, stem in zip(map(os.fspath, clips), _stems(clips), strict=True):
        try:
            rows, pictures = _recognize(recognizer, clip, stem, spot, frames_per_second, progress, figures)
        except DualATMEError as error:
            rows, pictures = [{"clip": clip, "error": str(error)}], {}
        result.failed.update({_what(row): row["error"] for row in rows if row["error"]})
        result.rows.extend(row if figures else row | {"picture": ""} for row in rows)
        for name, draw in pictures.items() if figures else ():
            _draw(Path(figures) / name, draw())
        table.write_now_and_then(result.rows)
        progress.finish_clip(failed=any(row["error"] for row in rows))


class _Table:
    """The table's file; rewriting a long one after each clip would take longer than the clips."""

    def __init__(self, output, class_names):
        self._output, self._class_names = output, class_names
        self._written, self._seconds, self._rows = -math.inf, 0.0, -1

    def write_now_and_then(self, rows):
        if time.monotonic() - self._written >= _SHARE * self._seconds:
            self.write(rows)

    def write(self, rows):
        if len(rows) == self._rows:
            return
        start = time.monotonic()
        _write(self._output, table_file(rows, self._class_names))
        self._written, self._rows = time.monotonic(), len(rows)
        self._seconds = self._written - start


def _recognize(recognizer, clip, stem, spot, frames_per_second, progress, figures):
    """The rows of a clip, and functions that draw its pictures, by name of the file.

    Those of expressions in a longer video are drawn here: nobody keeps the frames of all.
    """
    if not spot:
        found = recognizer.recognize(clip, frames_per_second=frames_per_second)
        name = f"{stem}.png"
        return [found.row() | {"clip": clip, "picture": name}], {name: functools.partial(clip_figure, found)}

    def keep(found):
        if figures:
            _draw(Path(figures) / _picture(stem, found), clip_figure(found))
        return found.without_frames()

    video = recognizer.spot(
        clip,
        frames_per_second=frames_per_second,
        progress=functools.partial(progress.show_part, "looked at"),
        answered=functools.partial(progress.show_part, "recognised"),
        keep=keep,
    )
    rows, pictures = [], {f"{stem}.png": functools.partial(timeline_figure, video)}
    for each in sorted([*video.recognitions, *video.lost], key=lambda each: each.onset):
        row = each.row() | {"clip": clip}
        if isinstance(each, Recognition):
            row["picture"] = _picture(stem, each)
        rows.append(row)
    return rows, pictures


def _picture(stem, expression):
    return f"{stem}_onset{expression.onset}.png"


def _draw(path, figure):
    _write(path, figure_png(figure, dpi=130, padding=(0.08, 0.06)))


def _what(row):
    """What a row is about, for messages."""
    return f"{row['clip']}, frames {row['onset']} to {row['offset']}" if row.get("onset") else row["clip"]


def _stems(clips):
    """A name for each clip's pictures: that of the file, numbered where several clips have the same.

    No other clip's pictures have it: neither is it a clip's own name, nor that of an expression's picture.
    """
    names = [Path(clip).stem if Path(clip).is_file() else Path(clip).resolve().name for clip in clips]
    keys = [_without_onset(name) for name in names]
    taken, stems, counts = set(keys), [], Counter(keys)
    for name, key in zip(names, keys, strict=True):
        if counts[key] > 1:
            numbered = (f"{name}_{number}" for number in itertools.count(1))
            name = next(free for free in numbered if _without_onset(free) not in taken)
            taken.add(_without_onset(name))
        stems.append(name)
    return stems


def _without_onset(stem):
    """What a clip's pictures have in common, on disks that tell no capitals from small letters too."""
    return re.sub(r"(_onset\d+)+$", "", stem).casefold()


def _write(path, content):
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise DualATMEError(f"Expected to write {path}. Received: {error.strerror or error}.") from error
