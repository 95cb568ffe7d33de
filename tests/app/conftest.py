"""A made-up clip as a file, a made-up run, and who answers."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from demo_data import write_colours

from dualatme_keras import Recognizer
from dualatme_keras.app.examples import EXAMPLES
from dualatme_keras.data import read_lists
from dualatme_keras.files import write_json
from dualatme_keras.preparation import PrepareConfig, prepare_database
from dualatme_keras.preprocessing import align_face, eye_transform
from dualatme_keras.runs import Predictions, write_predictions
from dualatme_keras.synthetic import synthetic_clips, write_synthetic
from dualatme_keras.synthetic.databases import ANNOTATIONS, FRAMES


@pytest.fixture(scope="session")
def recognizer():
    """The weights of the package, for frames that are aligned faces: no detector has to be loaded."""
    return Recognizer(landmarks="template")


@pytest.fixture(scope="session")
def faces():
    """Aligned faces of a made-up clip, `(n, 128, 128, 3)`."""
    recording = next(recording for _record, recording in synthetic_clips("casme2", 4, 1, 1))
    timing = recording.timing
    transform = eye_transform(recording.landmarks(timing.onset), 128, 0.0)
    shown = range(timing.onset, timing.apex + 3)
    return np.stack([align_face(recording.frame(number), transform, 128) for number in shown])


@pytest.fixture(scope="session")
def example_frames():
    """Frames of the first example, a made-up person whose brows go up."""
    return EXAMPLES[0].frames()[0]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Two made-up runs about the same clips, whose flow images are there."""
    folder = tmp_path_factory.mktemp("runs")
    clips = write_colours(folder / "data")
    return [
        _write_run(folder / name, clips, folder / "data", seed) for seed, name in enumerate(("one", "two"))
    ]


@pytest.fixture(scope="session")
def prepared_run(tmp_path_factory):
    """A made-up run about prepared clips, and the folder of their frames."""
    folder = tmp_path_factory.mktemp("prepared")
    raw, data = folder / "raw", folder / "data"
    write_synthetic(raw, subjects_per_database=2, clips_per_subject=2)
    config = PrepareConfig(
        dataset="casme2",
        root=str(raw / FRAMES["casme2"]),
        annotations=str(raw / ANNOTATIONS["casme2"]),
        output=str(data),
        landmarks="file",
        landmarks_file=str(raw / "landmarks.csv"),
        flow="dis",
    )
    clips = read_lists(prepare_database(config).lists).clips
    return _write_run(folder / "prepared", clips, data, seed=2), raw


def _write_run(path, clips, data_root, seed):
    rng = np.random.default_rng(seed)
    labels = np.array([clip.label for clip in clips])
    probabilities = rng.dirichlet(np.ones(3), len(clips)).astype("float32")
    probabilities[np.arange(len(clips)), labels] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    told = Predictions(
        np.array([clip.path for clip in clips]),
        np.array([clip.subject for clip in clips]),
        np.array([clip.database for clip in clips]),
        labels,
        probabilities.argmax(axis=1),
        probabilities,
    )
    path.mkdir()
    write_json(path / "config.json", {"format": 1, "data_root": str(data_root)})
    write_predictions(path / "predictions.csv", told)
    fold = path / "folds" / "sub01"
    fold.mkdir(parents=True)
    (fold / "history.csv").write_text("epoch,loss\n1,1.0\n2,0.6\n3,0.4\n")
    return path
