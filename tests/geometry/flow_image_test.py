"""Flow images by encoding, and those of batches; `preprocessing/encoding_test.py` has more of single ones."""

import numpy as np
import pytest

from dualatme_keras.geometry.flow_image import ENCODINGS, flow_image


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_images_of_many_fields_are_those_of_each(encoding):
    fields = np.random.default_rng(0).normal(size=(2, 3, 6, 5, 2)) * np.arange(1, 4)[:, None, None, None]
    expected = [[flow_image(field, encoding, 0.9) for field in row] for row in fields]
    np.testing.assert_array_equal(flow_image(fields, encoding, 0.9), expected)
    assert flow_image(fields.astype("float32"), encoding, 0.9).dtype == "float32"
    assert np.ptp(expected) == 255


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_motion_has_an_image(encoding):
    grey = 128 if encoding == "fixed" else 0
    np.testing.assert_array_equal(flow_image(np.zeros((3, 3, 2)), encoding, 1.0), [[(grey, grey, 0)] * 3] * 3)


@pytest.mark.parametrize(
    ("encoding", "u", "v", "strain"),
    [
        ("minmax", (0, 255), (0, 255), 0),
        ("joint", (0, 255), (0, 128), 0),
        ("fixed", (128, 255), (128, 191), 255),
    ],
)
def test_what_flow_becomes(encoding, u, v, strain):
    """u from 0 to 2 pixels to the right, v from 0 to 1 downwards, strain the root of 5 everywhere."""
    flow = np.stack(np.meshgrid([0.0, 2.0], [0.0, 1.0]), axis=-1)
    image = flow_image(flow, encoding, 2.0)
    np.testing.assert_array_equal(image[..., 0], [u, u])
    np.testing.assert_array_equal(image[..., 1], np.transpose([v, v]))
    np.testing.assert_array_equal(image[..., 2], strain)
