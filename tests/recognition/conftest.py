"""A painted clip, a run of small networks, and its answer."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from small_runs import write_run

import dualatme_keras
from dualatme_keras.preprocessing import align_face, eye_transform
from dualatme_keras.synthetic.databases import synthetic_clips


@pytest.fixture(scope="session")
def frames():
    """Aligned faces of a made-up clip, from its onset on, `(n, 96, 96, 3)`."""
    recording = next(recording for _record, recording in synthetic_clips("casme2", 4, 1, 1))
    timing = recording.timing
    transform = eye_transform(recording.landmarks(timing.onset), 96, 0.0)
    return np.stack(
        [align_face(recording.frame(n), transform, 96) for n in range(timing.onset, timing.offset + 1)]
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("recognizer") / "run"
    return path, write_run(path)


@pytest.fixture(scope="session")
def recognizer(run):
    return dualatme_keras.Recognizer(run[0])


@pytest.fixture(scope="session")
def answer(recognizer, frames):
    return recognizer.recognize(frames, name="mine")
