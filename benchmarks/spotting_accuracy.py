"""How right spotting is on made-up long videos whose truth is known, and how long it takes.

    python benchmarks/spotting_accuracy.py --videos=10 --seed=20

Each video shows an invented person: neutral most of the time, some expressions, blinks, a head that sways and
drifts, changing light and sensor noise. An interval is right where its intersection with a true one is at
least half of their union, the criterion of the spotting task of the Micro-Expression Grand Challenge (MEGC),
or where its apex lies inside a true one; each true one counts once. `--noise` and `--jpeg` make the pictures
worse, `--expressions=0` counts false alarms alone. Prints a Markdown table.

The settings of `preprocessing.spotting` were chosen on seed 10. Painted faces are an easier task than people,
who talk, swallow, look around and smile.
"""

import time

import numpy as np
from absl import app, flags

from dualatme_keras.preprocessing import Face, landmark_source
from dualatme_keras.preprocessing.spotting import spot_intervals
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.people import new_person


def made_up_video(seed, index, expressions=4, seconds=30.0, frames_per_second=30.0):
    """The recording of another person for each index."""
    rng = np.random.default_rng([seed, index])
    person = new_person("casme2", rng)
    look = new_look(person.landmarks, rng)
    labels = tuple(int(label) for label in rng.integers(3, size=expressions))
    return LongRecording(person, look, rng, labels, seconds, frames_per_second)


def spot(recording, frames, landmarks="true"):
    """What `spot_intervals` gives for a video whose frames are there, and the seconds it took."""
    at = 0

    def read(number):
        nonlocal at
        at = number
        return frames[number]

    def locate_truly(frame, name):
        return Face(recording.landmarks(at))

    locate = locate_truly if landmarks == "true" else landmark_source(landmarks)
    start = time.perf_counter()
    intervals, course = spot_intervals(range(recording.length), read, locate, recording.frames_per_second)
    return intervals, course, time.perf_counter() - start


def worsen(frame, noise, jpeg, rng):
    """A frame with more noise, compressed."""
    import cv2

    frame = np.clip(np.rint(frame + rng.normal(scale=noise, size=frame.shape)), 0, 255).astype("uint8")
    if not jpeg:
        return frame
    return cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1], cv2.IMREAD_COLOR)


def overlap(interval, shown):
    """Frames of both over frames of either."""
    both = min(interval.offset, shown.offset) - max(interval.onset, shown.onset) + 1
    either = max(interval.offset, shown.offset) - min(interval.onset, shown.onset) + 1
    return max(0, both) / either


def count_right(intervals, truth, is_right):
    """How many of the true ones have an interval that is right; no interval counts twice."""
    left, right = list(intervals), 0
    for shown in truth:
        found = next((interval for interval in left if is_right(interval, shown)), None)
        if found is not None:
            left.remove(found)
            right += 1
    return right


CRITERIA = {
    "IoU at least 0.5": lambda interval, shown: overlap(interval, shown) >= 0.5,
    "apex inside": lambda interval, shown: shown.onset <= interval.apex <= shown.offset,
}


def main(_arguments):
    right, spotted, true, seconds, length = dict.fromkeys(CRITERIA, 0), 0, 0, 0.0, 0.0
    for index in range(_VIDEOS.value):
        recording = made_up_video(_SEED.value, index, _EXPRESSIONS.value, _SECONDS.value, _RATE.value)
        rng = np.random.default_rng([_SEED.value, index, 1])
        frames = [worsen(recording.frame(n), _NOISE.value, _JPEG.value, rng) for n in range(recording.length)]
        intervals, _, taken = spot(recording, frames, _LANDMARKS.value)
        for name, is_right in CRITERIA.items():
            right[name] += count_right(intervals, recording.expressions, is_right)
        spotted, true = spotted + len(intervals), true + len(recording.expressions)
        seconds, length = seconds + taken, length + _SECONDS.value
    print("| an interval is right by | true | spotted | right | recall | precision | F1 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, count in right.items():
        recall, precision = count / max(1, true), count / max(1, spotted)
        f1 = 2 * count / max(1, true + spotted)
        print(f"| {name} | {true} | {spotted} | {count} | {recall:.1%} | {precision:.1%} | {f1:.3f} |")
    false = (spotted - right["apex inside"]) / (length / 60.0)
    print(f"\n{false:.2f} false alarms per minute, {seconds / length:.2f} seconds per second of video")


if __name__ == "__main__":
    _VIDEOS = flags.DEFINE_integer("videos", 10, "videos to measure on")
    _SEED = flags.DEFINE_integer("seed", 20, "of the videos; settings were chosen on 10")
    _EXPRESSIONS = flags.DEFINE_integer("expressions", 4, "expressions of each video")
    _SECONDS = flags.DEFINE_float("seconds", 30.0, "length of each video")
    _RATE = flags.DEFINE_float("frames_per_second", 30.0, "of the videos")
    _NOISE = flags.DEFINE_float("noise", 0.0, "standard deviation of added noise in grey levels")
    _JPEG = flags.DEFINE_integer(
        "jpeg", 0, "quality of compressed frames, 1 to 100; 0 leaves them as they are"
    )
    _LANDMARKS = flags.DEFINE_enum("landmarks", "true", ("true", "mtcnn"), "of the faces")
    app.run(main)
