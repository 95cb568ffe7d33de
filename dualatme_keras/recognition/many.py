"""Many clips: one row and one picture for each, whatever becomes of the others."""

import csv
import dataclasses
import functools
import io
import os
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.progress import ClipProgress
from dualatme_keras.recognition.clip_recognizer import ClipRecognizer
from dualatme_keras.recognition.figures import clip_figure, figure_png, timeline_figure
from dualatme_keras.recognition.result import COLUMNS


@dataclasses.dataclass(frozen=True)
class PredictResult:
    """What came of many clips.

    Attributes:
        rows: of the table, by the names of `result.COLUMNS`, in the order of the clips.
        failed: `{clip: reason}`.
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

    Args:
        recognizer: who answers.
        clips: video files and folders of frames.
        output: CSV of `result.COLUMNS`, a row for each clip, or each expression found by `spot`; a clip that
            fails has its reason in the column `error`.
        figures: folder for a PNG per row, and one per video with `spot`; None for none.
        spot: look for expressions in each video, instead of taking it as the clip of one.
        frames_per_second: of folders of frames, for `spot`.
        stream: where progress is printed; standard output by default.

    Raises:
        DualATMEError: there are no clips, or table or pictures cannot be written.
    """
    if not clips:
        raise DualATMEError("Expected videos or folders of frames. Received: none.")
    progress = ClipProgress(len(clips), 0, stream, task="recognise")
    result = PredictResult([], {})
    for clip, stem in zip(map(os.fspath, clips), _stems(clips), strict=True):
        try:
            rows, pictures = _recognize(recognizer, clip, stem, spot, frames_per_second, progress)
        except DualATMEError as error:
            result.failed[clip] = str(error)
            rows, pictures = [{"clip": clip, "error": str(error)}], {}
        result.rows.extend(row if figures else row | {"picture": ""} for row in rows)
        for name, draw in pictures.items() if figures else ():
            _write(Path(figures) / name, figure_png(draw()))
        _write(output, _table(result.rows))
        progress.finish_clip(failed=clip in result.failed)
    return result


def _recognize(recognizer, clip, stem, spot, frames_per_second, progress):
    """The rows of a clip, and functions that draw its pictures, by name of the file."""
    if spot:
        video = recognizer.spot(clip, frames_per_second=frames_per_second, progress=progress.show_part)
        found = {f"{stem}_onset{each.onset}.png": each for each in video.recognitions}
        pictures = {f"{stem}.png": lambda: timeline_figure(video)}
    else:
        found, pictures = {f"{stem}.png": recognizer.recognize(clip)}, {}
    rows = [each.row() | {"clip": clip, "picture": name} for name, each in found.items()]
    return rows, pictures | {name: functools.partial(clip_figure, each) for name, each in found.items()}


def _stems(clips):
    """A name for each clip's pictures: that of the file, numbered where several clips have the same."""
    names = [Path(clip).stem if Path(clip).is_file() else Path(clip).name for clip in clips]
    return [
        name if names.count(name) == 1 else f"{name}_{1 + names[:index].count(name)}"
        for index, name in enumerate(names)
    ]


def _table(rows):
    content = io.StringIO()
    writer = csv.DictWriter(content, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue().encode()


def _write(path, content):
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise DualATMEError(f"Expected to write {path}. Received: {error.strerror or error}.") from error
