"""Mirror images of flow images are the flow images of mirrored frames."""

import keras
import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.flow_image import flow_image
from dualatme_keras.layers import FlowNormalization, RandomFlowMirror, mirror_flow_image


def encoded(flow, encoding):
    return (flow_image(flow, encoding, 2.0) / 127.5 - 1).astype("float32")


@pytest.fixture
def flow():
    """A face at rest but for a few places, `(clips, height, width, 2)`."""
    rng = np.random.default_rng(4)
    flow = np.zeros((6, 28, 28, 2))
    flow[:, 5:12, 3:9] = rng.normal(size=(6, 7, 6, 2))
    return flow


@pytest.mark.parametrize("encoding", ["minmax", "fixed"])
def test_as_of_mirrored_frames(encoding, flow):
    mirrored = flow[:, :, ::-1] * np.array([-1.0, 1.0])
    given = np.asarray(mirror_flow_image(encoded(flow, encoding), encoding))
    np.testing.assert_allclose(given, encoded(mirrored, encoding), atol=1.01 / 127.5)


def test_a_joint_range_keeps_its_zero(flow):
    """The range itself is another one; what is left of it after normalisation is the same."""
    mirrored = flow[:, :, ::-1] * np.array([-1.0, 1.0])
    # As large to one side as to the other, so that nothing leaves the range.
    flow[:, 0, 0], mirrored[:, 0, -1] = (4, -4), (-4, -4)
    flow[:, 0, 1], mirrored[:, 0, -2] = (-4, 4), (4, 4)
    normalize = FlowNormalization(limit=None)
    given = normalize(mirror_flow_image(encoded(flow, "joint"), "joint"))
    wanted = normalize(encoded(mirrored, "joint"))
    np.testing.assert_allclose(given, wanted, atol=0.05 * np.abs(wanted).max())


def test_twice_is_the_image_itself(flow):
    images = encoded(flow, "minmax")
    np.testing.assert_array_equal(mirror_flow_image(mirror_flow_image(images)), images)


def test_mirrors_a_share_in_training_alone(flow):
    images = np.repeat(encoded(flow, "minmax"), 50, axis=0)
    layer = RandomFlowMirror(rate=0.3, seed=1)
    np.testing.assert_array_equal(layer(images), images)
    given, mirrored = np.asarray(layer(images, training=True)), np.asarray(mirror_flow_image(images))
    is_mirrored = (given == mirrored).all(axis=(1, 2, 3))
    assert ((given == images).all(axis=(1, 2, 3)) ^ is_mirrored).all()
    assert 0.2 < is_mirrored.mean() < 0.4
    again = RandomFlowMirror.from_config(layer.get_config())
    np.testing.assert_array_equal(again(images, training=True), given)


def test_of_a_graph(flow):
    model = keras.Sequential([keras.Input((28, 28, 3)), RandomFlowMirror(rate=1.0)])
    images = encoded(flow, "minmax")
    np.testing.assert_array_equal(model(images, training=True), mirror_flow_image(images))


def test_bad_arguments():
    with pytest.raises(DualATMEError, match="`rate` from 0 to 1. Received: 2"):
        RandomFlowMirror(rate=2)
    with pytest.raises(DualATMEError, match="`size` out of mean, rms"):
        FlowNormalization(size="max")


def test_normalization_by_root_mean_square(flow):
    images = encoded(flow, "minmax")
    given = np.asarray(FlowNormalization(limit=None, size="rms")(images))
    rest = images - np.median(images, axis=(1, 2), keepdims=True)
    size = np.sqrt((rest[..., :2] ** 2).mean(axis=(1, 2, 3), keepdims=True))
    np.testing.assert_allclose(given[..., :2], rest[..., :2] / size, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose((given[..., 2] ** 2).mean(axis=(1, 2)), 1, rtol=1e-4)
