"""Made-up people stay who they are: the same seed paints the same faces, in every version.

Figures measured on made-up databases are of these people; a drawing that changes changes the figures. To
change it on purpose, write the files anew: python tests/databases/painted_test.py
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.megc2019 import DATABASES
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.muscles import ACTION_UNITS, LANDMARKS, action_unit_flow
from dualatme_keras.synthetic.people import new_person

PAINTED = Path(__file__).parent / "painted"
BLOCK = 4
"""Side in pixels of the blocks of a picture whose means are compared."""


def block_means(picture):
    height, width, channels = picture.shape
    blocks = picture.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
    return np.rint(blocks.mean(axis=(1, 3))).astype("uint8")


def picture(name):
    """A person as painted, or the apex frames of three, beside each other."""
    if name == "look.png":
        rng = np.random.default_rng(7)
        return block_means(new_look(new_person("smic", rng).landmarks, rng).texture)
    clips = [next(synthetic_clips(database, 7, 1, 1, frame_size=160))[1] for database in DATABASES]
    return np.concatenate([block_means(clip.frame(clip.timing.apex)) for clip in clips], axis=1)


def long_video():
    rng = np.random.default_rng(7)
    person = new_person("samm", rng)
    return LongRecording(person, new_look(person.landmarks, rng), rng, seconds=20.0, size=64)


def table(name):
    """Header, then rows of names and numbers."""
    if name == "people.csv":
        yield ("clip", "units", "onset", "apex", "offset", "length", "blinks", "landmarks at the apex")
        for database in DATABASES:
            for record, recording in synthetic_clips(database, 7, 1, 9, frame_size=64):
                timing = recording.timing
                moments = (timing.onset, timing.apex, timing.offset, timing.length)
                places = recording.landmarks(timing.apex).ravel()
                yield (record.name, record.action_units, *moments, sum(timing.blinks), *places)
    elif name == "action_units.csv":
        yield ("unit", "landmark", "right", "down", "mean right of the right half", "mean down")
        for unit, pulls in ACTION_UNITS.items():
            flow = action_unit_flow(unit)
            means = flow[:, len(flow) // 2 :].mean(axis=(0, 1))
            for pull in pulls:
                outward, down = (np.array(LANDMARKS[pull.landmark]) * len(flow)).astype(int)
                yield (unit, pull.landmark, *flow[down, len(flow) // 2 + outward], *(1000 * means))
    else:
        yield ("what", "frame", "frame", "frame")
        recording = long_video()
        for shown in recording.expressions:
            yield ("expression", shown.onset, shown.apex, shown.offset)
        for blink in recording.blinks:
            yield ("blink", blink, "", "")
        for frame in range(0, recording.length, 50):
            motion = np.hypot(*np.moveaxis(recording.displacement(frame), -1, 0))
            yield ("motion", frame, motion.mean(), recording.light(frame))


def cell(value):
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("name", ["people.csv", "action_units.csv", "long_video.csv"])
def test_people_move_as_ever(name):
    with (PAINTED / name).open(newline="") as file:
        known = list(csv.reader(file))
    found = [list(map(cell, row)) for row in table(name)]
    assert len(found) == len(known)
    for row, other in zip(found, known, strict=True):
        assert len(row) == len(other)
        for value, before in zip(row, other, strict=True):
            # The last digit is rounding's.
            assert value == before or float(value) == pytest.approx(float(before), abs=0.0015)


@pytest.mark.parametrize("name", ["look.png", "apexes.png"])
def test_people_look_as_ever(name):
    with Image.open(PAINTED / name) as image:
        known = np.asarray(image, int)
    found = picture(name)
    assert found.shape == known.shape
    # Another machine may round a block or two differently.
    assert np.abs(found - known).max() <= 1
    assert np.count_nonzero(found != known) <= 3


if __name__ == "__main__":
    for file_name in ("look.png", "apexes.png"):
        Image.fromarray(picture(file_name)).save(PAINTED / file_name)
    for file_name in ("people.csv", "action_units.csv", "long_video.csv"):
        with (PAINTED / file_name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(list(map(cell, row)) for row in table(file_name))
