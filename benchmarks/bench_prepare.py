"""How fast databases are prepared, by stage, with one and two workers, and whether memory stays flat.

    python benchmarks/bench_prepare.py

Renders some made-up clips, links them until there are --clips of them, and prepares them as one's own clips
with the true landmarks, so that the stages of every clip are the same: reading, alignment, TV-L1 of the face
and of the puzzle, encoding and writing. Face detection is measured on its own. Prints Markdown.
"""

import contextlib
import csv
import io
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import cv2
from absl import app, flags

from dualatme_keras.preparation import PrepareConfig, prepare_database
from dualatme_keras.preparation.output import PreparedFolder
from dualatme_keras.preprocessing import clip as clip_module
from dualatme_keras.preprocessing import landmark_source
from dualatme_keras.preprocessing.landmarks import read_landmarks
from dualatme_keras.synthetic import write_synthetic
from dualatme_keras.video import frames as frames_module

_CLIPS = flags.DEFINE_integer("clips", 1000, "clips of the longest run, which shows the memory")
_TIMED = flags.DEFINE_integer("timed", 200, "clips of each run that is timed")
_RUNS = flags.DEFINE_integer("runs", 3, "runs of each number of workers, in turn")

SIDES = {"1, one processor": (1, 1), "1, OpenCV's threads": (1, -1), "2": (2, -1)}
"""Workers and OpenCV's threads, -1 for as many as it likes; where there are several workers each has one."""

STAGES = {
    "reading frames": (frames_module, "read_image"),
    "alignment": (clip_module, "align_face"),
    "flow": (clip_module, "optical_flow"),
    "cutting the puzzle": (clip_module, "cut_puzzle"),
    "encoding": (clip_module, "encode_image"),
    "writing": (PreparedFolder, "write_clip"),
}


@contextlib.contextmanager
def stage_times():
    """Adds up the seconds spent in each stage."""
    seconds, originals = dict.fromkeys(STAGES, 0.0), {}

    def timed(stage, function):
        def call(*arguments, **options):
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                seconds[stage] += time.perf_counter() - start

        return call

    for stage, (owner, name) in STAGES.items():
        originals[stage] = getattr(owner, name)
        setattr(owner, name, timed(stage, originals[stage]))
    try:
        yield seconds
    finally:
        for stage, (owner, name) in STAGES.items():
            setattr(owner, name, originals[stage])


def link_clips(directory, count):
    """`count` own clips, links to rendered ones, with their tables; returns settings that prepare them."""
    records = write_synthetic(directory / "raw", subjects_per_database=2, clips_per_subject=5)
    known = read_landmarks(directory / "raw" / "landmarks.csv")
    casme2 = [record for record in records if record.database == "casme2"]
    linked = directory / "linked"
    linked.mkdir()
    rows, landmarks = [], []
    for number in range(count):
        record = casme2[number % len(casme2)]
        name = f"clip{number:04d}"
        os.symlink(directory / "raw" / "casme2" / "Cropped" / record.subject / record.clip, linked / name)
        rows.append([name, record.subject, record.label, record.onset, record.apex, record.offset])
        landmarks.append([f"{record.subject}_{name}", *known[record.name].ravel()])
    header = next(csv.reader((directory / "raw" / "landmarks.csv").open()))
    for file, table in (
        ("own.csv", [["path", "subject", "label", "onset", "apex", "offset"], *rows]),
        ("landmarks.csv", [header, *landmarks]),
    ):
        with (directory / file).open("w", newline="") as stream:
            csv.writer(stream).writerows(table)
    return {
        "dataset": "folder",
        "root": str(linked),
        "annotations": str(directory / "own.csv"),
        "landmarks": "file",
        "landmarks_file": str(directory / "landmarks.csv"),
    }


def shorten(directory, count):
    """A table of the first `count` clips."""
    lines = (directory / "own.csv").read_text().splitlines()[: count + 1]
    (directory / "short.csv").write_text("\n".join(lines) + "\n")
    return str(directory / "short.csv")


def detection_seconds(directory):
    """Median seconds of MTCNN on a frame."""
    locate = landmark_source("mtcnn")
    folder = next((directory / "raw" / "casme2" / "Cropped").glob("*/*"))
    frames = frames_module.open_frames(folder)
    seconds = []
    for number in frames.numbers[:11]:
        frame = frames.read(number)
        start = time.perf_counter()
        with contextlib.suppress(ValueError):  # a painted face need not be one to a detector
            locate(frame, "")
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main(_arguments):
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        settings = link_clips(directory, _CLIPS.value)
        short = {**settings, "annotations": shorten(directory, _TIMED.value)}
        rates = {name: [] for name in SIDES}
        for run in range(_RUNS.value):
            for name, (workers, threads) in SIDES.items():
                output = str(directory / f"out{run}_{workers}_{threads}")
                cv2.setNumThreads(threads)
                start = time.perf_counter()
                prepare_database(PrepareConfig(**short, output=output, workers=workers), io.StringIO())
                rates[name].append(_TIMED.value / (time.perf_counter() - start))
        cv2.setNumThreads(-1)
        with stage_times() as seconds:
            before = _resident()
            start = time.perf_counter()
            result = prepare_database(
                PrepareConfig(**settings, output=str(directory / "long")), io.StringIO()
            )
            total = time.perf_counter() - start
            after = _resident()
        if result.failed:
            raise RuntimeError(f"clips failed: {result.failed}")
        print("| stage | ms per clip | share |\n| --- | --- | --- |")
        for stage, value in seconds.items():
            print(f"| {stage} | {1e3 * value / result.prepared:.1f} | {value / total:.0%} |")
        print(f"| everything | {1e3 * total / result.prepared:.1f} | |")
        print(f"| face detection (MTCNN), where it is used | {1e3 * detection_seconds(directory):.0f} | |\n")
        print("| workers | clips per second, median (range) |\n| --- | --- |")
        for name, values in rates.items():
            print(f"| {name} | {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}) |")
        print(f"\nMemory over {result.prepared} clips: {after - before:+.0f} MiB.")


def _resident():
    """Largest resident memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    app.run(main)
