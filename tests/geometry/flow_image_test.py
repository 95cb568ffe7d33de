"""Flow images of batches; what a single one holds is in `preprocessing/encoding_test.py`."""

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
