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

import tensorflow as tf

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import replace_file
from dualatme_keras.plots.style import figure_png
from dualatme_keras.progress import ClipProgress
from dualatme_keras.recognition.answer_files import table_file
from dualatme_keras.recognition.clip_recognizer import ClipRecognizer
from dualatme_keras.recognition.figures import clip_figure
from dualatme_keras.recognition.journal import open_journal
from dualatme_keras.recognition.remote import RemoteRecognizer
from dualatme_keras.recognition.result import Recognition
from dualatme_keras.recognition.timeline import timeline_figure
from dualatme_keras.text import printable, shorten
from dualatme_keras.workers import Scheduler, check_workers, one_thread

_WORKER_BYTES = 2**30
"""What a process with TensorFlow, the face detector and matplotlib takes, without its networks."""

_START_SECONDS = 20
"""What it takes until several processes have TensorFlow and compiled networks."""

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
    workers: int | str = "auto",
    executor: str = "processes",
    ray_address: str = "auto",
) -> PredictResult:
    """Recognises clips and writes a table, as they are answered, and pictures.

    A call that was stopped is gone on with by the same call: clips that have an answer keep it, unless they,
    the networks or what else decides it have changed. Those that failed are tried again.

    A long table is written anew when what has been done since took twenty times as long as writing it takes,
    and at the end, also where that is an interruption.

    Args:
        recognizer: who answers.
        clips: video files and folders of frames; on a cluster the machines find them under the same paths.
        output: CSV of `result.table_columns`, a row for each clip, or each expression found by `spot`; what
            fails has its reason in the column `error`.
        figures: folder for a PNG per row, and one per video with `spot`; None for none.
        spot: look for expressions in each video, instead of taking it as the clip of one.
        frames_per_second: of the clips, which folders of frames do not tell.
        stream: where progress is printed; standard output by default.
        workers: clips side by side, each in a process of its own with one thread; `auto` measures the first
            two clips and takes as many processes as pay, and as processors and memory allow. The table is the
            same, where this process computes with one thread too.
        executor: `processes` of this machine, or `ray`: the machines of a Ray cluster.
        ray_address: of the cluster, see `workers.RayExecutor`.

    Raises:
        DualATMEError: there are no clips, table or pictures cannot be written, another process writes the
            table, or a server is to be asked by several workers.
    """
    if not clips:
        raise DualATMEError("Expected videos or folders of frames. Received: none.")
    # A table of nothing but that would take the place of an earlier one. A cluster may see other clips.
    if executor == "processes" and Path(output).exists() and not any(map(os.path.exists, clips)):
        raise DualATMEError(
            f"Expected videos or folders of frames. Received: {shorten(list(map(os.fspath, clips)))}, "
            f"none of which is there. {output} stays as it is."
        )
    scheduler = _scheduler(recognizer, workers, executor, ray_address)
    asked = _Asked(recognizer, spot, frames_per_second, bool(figures))
    identity = recognizer.identity()
    named = zip(map(os.fspath, clips), _stems([printable(clip) for clip in clips]), strict=True)
    jobs = [(number, clip, stem) for number, (clip, stem) in enumerate(named)]
    decides = identity and {
        "recognizer": identity,
        "spot": spot,
        "frames_per_second": frames_per_second,
        "figures": figures and os.path.abspath(figures),
    }
    with open_journal(output, decides) as journal:
        keys = [journal.key(clip, stem) for _, clip, stem in jobs]
        table = _Table(output, recognizer.class_names)
        for number, key in enumerate(keys):
            known = journal.find(key)
            if known and all(Path(figures, name).is_file() for name in known[1]):
                table.rows[number] = known[0]
        left = [job for job in jobs if job[0] not in table.rows]
        progress = ClipProgress(len(jobs), len(table.rows), stream, task="recognise")
        here = functools.partial(asked.answer, progress=progress)
        new_worker = functools.partial(one_thread, asked.answer)
        try:
            for (number, _, _), (rows, pictures) in scheduler.run(left, here, lambda: new_worker):
                for name, content in pictures.items():
                    _write(Path(figures, name), content)
                failed = any(row["error"] for row in rows)
                # An expression that is lost is lost again; a file may have been missing.
                if not failed or len(rows) > 1:
                    journal.keep(keys[number], rows, [*pictures])
                else:
                    journal.complete = False
                table.add(number, rows)
                progress.finish_clip(failed)
        finally:
            rows = table.write()
    return PredictResult(rows, {_what(row): row["error"] for row in rows if row["error"]})


def _scheduler(recognizer, workers, executor, ray_address):
    check_workers(workers, executor, ray_address)
    if isinstance(recognizer, RemoteRecognizer):
        if workers not in (1, "auto") or executor != "processes":
            raise DualATMEError(
                "Expected `workers=1` and `executor='processes'` where a server or an export is asked, whose "
                f"own threads share the work. Received: `workers={workers!r}` and `executor={executor!r}`."
            )
        workers = 1
    if workers == "auto" and executor == "processes" and tf.config.list_physical_devices("GPU"):
        workers = 1  # who has a GPU answers by it
    bytes_of_each = _WORKER_BYTES + 2 * recognizer.nbytes
    return Scheduler(
        workers, executor, ray_address, bytes_of_each=bytes_of_each, start_seconds=_START_SECONDS, gpus=True
    )


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What is asked about each clip, and who answers."""

    recognizer: ClipRecognizer
    spot: bool
    frames_per_second: float | None
    draws: bool

    def answer(self, job, progress=None) -> tuple[list[dict], dict[str, bytes]]:
        """The rows of a clip, and its pictures as PNG files by name."""
        _, clip, stem = job
        told = {"clip": printable(clip)}
        try:
            rows, pictures = (self._spot if self.spot else self._recognize)(clip, stem, progress)
        except DualATMEError as error:
            return [told | {"error": printable(str(error))}], {}
        if not self.draws:
            told["picture"] = ""
        return [row | told for row in rows], pictures

    def _recognize(self, clip, stem, _progress):
        found = self.recognizer.recognize(clip, frames_per_second=self.frames_per_second)
        row = found.row() | {"picture": f"{stem}.png"}
        return [row], self._drawn({row["picture"]: (clip_figure, found)})

    def _spot(self, clip, stem, progress):
        """Pictures of expressions are drawn as they are answered: nobody keeps the frames of all."""
        pictures, tell = {}, {}
        if progress is not None:
            tell["progress"] = functools.partial(progress.show_part, "looked at")
            tell["answered"] = functools.partial(progress.show_part, "recognised")

        def keep(found):
            pictures.update(self._drawn({_picture(stem, found): (clip_figure, found)}))
            return found.without_frames()

        video = self.recognizer.spot(clip, frames_per_second=self.frames_per_second, keep=keep, **tell)
        rows = []
        for each in sorted([*video.recognitions, *video.lost], key=lambda each: each.onset):
            row = each.row()
            if isinstance(each, Recognition):
                row["picture"] = _picture(stem, each)
            rows.append(row)
        return rows, pictures | self._drawn({f"{stem}.png": (timeline_figure, video)})

    def _drawn(self, pictures):
        if not self.draws:
            return {}
        return {
            name: figure_png(draw(what), dpi=130, padding=(0.08, 0.06))
            for name, (draw, what) in pictures.items()
        }


class _Table:
    """The table of the clips that are answered, in their order.

    It is written anew as they are answered, but for at most a twentieth of the time: a long table would be
    written for longer than clips are answered.
    """

    def __init__(self, path, class_names):
        self._path, self._class_names = path, class_names
        self.rows: dict[int, list[dict]] = {}
        self._written, self._seconds, self._clips = -math.inf, 0.0, 0

    def add(self, number, rows):
        self.rows[number] = rows
        if time.monotonic() - self._written >= _SHARE * self._seconds:
            self.write()

    def write(self) -> list[dict]:
        begun = time.monotonic()
        rows = [row for number in sorted(self.rows) for row in self.rows[number]]
        if len(self.rows) > self._clips:
            _write(self._path, table_file(rows, self._class_names))
            self._written, self._clips = time.monotonic(), len(self.rows)
            self._seconds = self._written - begun
        return rows


def _picture(stem, expression):
    return f"{stem}_onset{expression.onset}.png"


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
