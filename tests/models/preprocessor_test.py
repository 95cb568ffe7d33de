"""Aligned faces to flow images in a graph: as `prepare_onset_apex` makes them."""

import dataclasses

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import flow_preprocessor
from dualatme_keras.preprocessing import PrepareSettings, prepare_onset_apex, transform_points
from dualatme_keras.synthetic.databases import synthetic_clips

SETTINGS = PrepareSettings(face_size=64)


@pytest.fixture(scope="module")
def pairs():
    clips = synthetic_clips("casme2", 9, 3, 1)
    return [recording.true_onset_apex() for _record, recording in clips]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, marks=pytest.mark.long),
        {"stabilize": True, "puzzle": "flow", "encoding": "fixed", "image_size": 20},
        pytest.param({"stabilize": True, "encoding": "joint"}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_images_are_those_of_python(pairs, changes):
    settings = dataclasses.replace(SETTINGS, **changes)
    clips = [prepare_onset_apex(pair, settings) for pair in pairs]
    places = [(transform_points(clip.landmarks, clip.transform) + 0.5) / settings.face_size for clip in clips]
    images = flow_preprocessor(settings).predict_on_batch(
        {
            "onset_face": np.stack([clip.onset_face for clip in clips]).astype("float32"),
            "apex_face": np.stack([clip.apex_face for clip in clips]).astype("float32"),
            "landmarks": np.stack(places).astype("float32"),
        }
    )
    for name in ("entire", "puzzled"):
        expected = np.stack([getattr(clip, name) for clip in clips]) / 127.5 - 1
        difference = np.abs(np.asarray(images[name]) - expected)
        assert expected.std() > 0.1
        assert difference.mean() < 0.06 * expected.std(), name


def test_flow_that_graphs_do_not_have():
    with pytest.raises(DualATMEError, match="Received: 'dis'"):
        flow_preprocessor(dataclasses.replace(SETTINGS, flow="dis"))
