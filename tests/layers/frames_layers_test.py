"""What graphs do with frames is what NumPy and OpenCV do with them."""

import numpy as np
import pytest

from dualatme_keras import layers
from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import boxes_from_landmarks
from dualatme_keras.geometry.resampling import resize_image
from dualatme_keras.preprocessing import (
    align_face,
    encode_flow,
    eye_transform,
    head_motion,
    transform_points,
)
from dualatme_keras.synthetic.databases import synthetic_clips


@pytest.fixture(scope="module")
def recording():
    return next(recording for _record, recording in synthetic_clips("samm", 3, 1, 1, 300))


@pytest.fixture(scope="module", params=[0.0, 0.2, -0.35], ids=["level", "turned", "other"])
def frame(recording, request):
    """A frame and landmarks turned about its middle by an angle in radians."""
    onset, middle = recording.timing.onset, 149.5
    turn = np.array(
        [[np.cos(request.param), np.sin(request.param)], [-np.sin(request.param), np.cos(request.param)]]
    )
    return recording.frame(onset), (recording.landmarks(onset) - middle) @ turn + middle


@pytest.mark.parametrize(("size", "margin"), [(112, 0.1), (48, 0.0), (30, 0.1), (20, 0.2), (320, 0.3)])
def test_aligned_as_by_opencv(frame, size, margin):
    """Reduced by more than four and enlarged: every pixel within one grey value, nearly all the same."""
    image, landmarks = frame
    transform = eye_transform(landmarks, size, margin)
    expected = align_face(image, transform, size).astype(int)
    face = np.asarray(layers.FaceAlignment(size, margin)([image[None], landmarks[None]]))[0]
    assert np.abs(face - expected).max() <= 1
    assert (face == expected).mean() > 0.97
    places = (transform_points(landmarks, transform) + 0.5) / size
    on_face = np.asarray(layers.landmarks_on_face(landmarks[None].astype("float32"), size, margin))[0]
    np.testing.assert_allclose(on_face, places, atol=1e-6)
    boxes = np.asarray(layers.RegionBoxes()(places[None]))[0]
    np.testing.assert_allclose(boxes, boxes_from_landmarks(places), atol=1e-6)


@pytest.fixture(scope="module")
def flow(recording):
    """True motion on the aligned face, and the landmarks there."""
    timing = recording.timing
    transform = eye_transform(recording.landmarks(timing.onset), 112, 0.1)
    field = recording.true_flow(timing.onset, timing.apex).astype("float32")
    aligned = np.stack([align_face(field[..., axis], transform, 112) for axis in range(2)], axis=-1)
    return aligned, (transform_points(recording.landmarks(timing.onset), transform) + 0.5) / 112


@pytest.mark.parametrize("encoding", ["minmax", "joint", "fixed"])
def test_encoded_as_by_numpy(flow, encoding):
    expected = encode_flow(resize_image(flow[0], (28, 28)), encoding, 0.7).astype(int)
    image = np.asarray(layers.FlowImage(28, encoding, 0.7)(flow[0][None]))[0]
    np.testing.assert_allclose((image + 1) * 127.5, expected, atol=1e-4)


@pytest.mark.parametrize("encoding", ["minmax", "joint"])
def test_no_motion_is_an_even_image(encoding):
    image = np.asarray(layers.FlowImage(8, encoding)(np.zeros((1, 16, 16, 2), "float32")))
    np.testing.assert_array_equal(image, -1.0)


def test_head_motion_as_by_numpy(flow):
    field, landmarks = flow
    head = np.asarray(layers.HeadMotion()([field[None], landmarks[None]]))[0]
    expected = head_motion(field, landmarks)
    assert np.abs(expected).max() > 0.3
    np.testing.assert_allclose(head, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (layers.FaceAlignment, {"margin": 0.41}),
        (layers.FaceAlignment, {"margin": -0.01}),
        (layers.FaceAlignment, {"size": 0}),
        (layers.FlowImage, {"encoding": "other"}),
        (layers.FlowImage, {"pixel_range": 0.0}),
        (layers.FlowImage, {"size": 1}),
    ],
)
def test_arguments_out_of_range(kind, arguments):
    with pytest.raises(DualATMEError, match="Expected"):
        kind(**arguments)
