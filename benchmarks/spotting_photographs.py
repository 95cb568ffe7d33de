"""How right spotting is on compressed videos of photographed faces, and how long it takes.

    python benchmarks/spotting_photographs.py --photographs=hopper,obama.jpg

A photograph is warped: expressions of 1, 2 and 4 pixels of the aligned face (of 112 pixels, as flow is
measured on) in brows, mouth corners and lids, a swaying and drifting head, blinks, changing light; sensor
noise; x264 by ffmpeg (one on the path, or of the package imageio-ffmpeg) and mp4v by OpenCV. For each
photograph, codec and rate there are a video with expressions, one without, and one in which nothing moves. An
expression is found where an apex lies inside it; every other interval is a false alarm. MTCNN finds the
faces. Prints a row for each codec and rate, and what was found of each kind.

`astronaut` and `hopper` come with scikit-image and matplotlib; others are files. The settings of
`preprocessing.spotting` were chosen with astronaut and biden.jpg in x264 alone. Figures in the documentation
are of hopper and obama.jpg. All four are in the public domain, the files are in the source package of
face_recognition: pip download --no-deps --no-binary=:all: face_recognition==1.3.0

`--folder` keeps the videos, and takes those that it has.
"""

import collections
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from photograph_recording import PIXELS, UNITS, PhotographRecording, read_photograph, write_video
from spotting_accuracy import count_right

from dualatme_keras.preprocessing import landmark_source
from dualatme_keras.preprocessing.spotting import spot_intervals
from dualatme_keras.video import open_frames

_KINDS = {"expressions": (True, True), "life": (False, True), "still": (False, False)}
"""Whether there are expressions, and whether anything else moves."""

_MOVING_SECONDS = 40.0


def spot_file(path):
    """Intervals of a video, and the seconds it took: by the clock, and of all cores together."""
    start, used = time.perf_counter(), _used()
    video = open_frames(path)
    intervals, _ = spot_intervals(
        video.numbers, video.read, landmark_source("mtcnn"), video.frames_per_second, path.stem
    )
    return intervals, np.array([time.perf_counter() - start, _used() - used])


def _used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _inside(interval, shown):
    return shown.onset <= interval.apex <= shown.offset


def measure(codec, rate, folder):
    """What came of the videos of a codec and a rate."""
    result = collections.Counter()
    found, shown, taken, length = collections.Counter(), collections.Counter(), np.zeros(2), 0.0
    for name in _PHOTOGRAPHS.value:
        for number, (kind, (moves, alive)) in enumerate(_KINDS.items()):
            share = 2 / 3 if alive else 1 / 3
            seconds = _MOVING_SECONDS if moves else share * (_QUIET.value if rate < 100 else _QUIET.value / 2)
            rng = np.random.default_rng([_SEED.value, number, round(rate), *name.encode()[-9:]])
            photograph = read_photograph(name)
            recording = PhotographRecording(
                photograph, rng, moves, alive, _NOISE.value, seconds, rate, _SIZE.value
            )
            path = folder / f"{Path(name).stem}_{codec}_{rate:g}_{kind}.mp4"
            if not path.exists():
                part = path.with_name(f"part_{path.name}")
                write_video(recording, part, codec)
                part.rename(path)
            intervals, used = spot_file(path)
            right = count_right(intervals, recording.expressions, _inside)
            result[f"false, {kind}"] += len(intervals) - right
            result[f"minutes, {kind}"] += seconds / 60
            for each in recording.expressions:
                shown[each.place, each.pixels] += 1
                found[each.place, each.pixels] += any(_inside(interval, each) for interval in intervals)
            taken, length = taken + used, length + seconds / 60
    print(
        f"| {codec}, {rate:g} per second | "
        + " | ".join(f"{result[f'false, {kind}']} in {result[f'minutes, {kind}']:.1f} min" for kind in _KINDS)
        + f" | {taken[0] / length:.0f} s, {taken[1] / length:.0f} s of all cores |",
        flush=True,
    )
    return result, found, shown


def main(_arguments):
    print(f"| video | false alarms, {', '.join(_KINDS)} ||| a minute takes |\n|{' --- |' * 5}")
    total = [collections.Counter() for _ in range(3)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(_FOLDER.value or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for rate in map(float, _RATES.value):
            for codec in _CODECS.value:
                for counter, part in zip(total, measure(codec, rate, folder), strict=True):
                    counter.update(part)
    result, found, shown = total
    print(f"\n| found | {' | '.join(f'{pixels} px' for pixels in PIXELS)} |\n|{' --- |' * 4}")
    for place in UNITS:
        cells = [f"{found[place, pixels]} of {shown[place, pixels]}" for pixels in PIXELS]
        print(f"| {place} | {' | '.join(cells)} |")
    quiet = [kind for kind, (moves, _) in _KINDS.items() if not moves]
    false, minutes = (sum(result[f"{what}, {kind}"] for kind in quiet) for what in ("false", "minutes"))
    print(f"\n{false / minutes:.2f} false alarms per minute without expressions, {minutes:.1f} minutes")


if __name__ == "__main__":
    _PHOTOGRAPHS = flags.DEFINE_list("photographs", ["hopper"], "astronaut, hopper, or files")
    _CODECS = flags.DEFINE_list("codecs", ["x264-23", "mp4v"], "mp4v, or x264 with a constant rate factor")
    _RATES = flags.DEFINE_list("rates", ["30", "25", "200"], "frames per second")
    _QUIET = flags.DEFINE_float("quiet", 60.0, "seconds without expressions; at 200 frames a second, half")
    _NOISE = flags.DEFINE_float("noise", 3.0, "standard deviation of the sensor noise in grey levels")
    _SIZE = flags.DEFINE_integer("size", 240, "side of the frames in pixels; 62% of it is the face")
    _SEED = flags.DEFINE_integer("seed", 20, "of the videos")
    _FOLDER = flags.DEFINE_string("folder", None, "keeps the videos")
    app.run(main)
