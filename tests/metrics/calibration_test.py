"""Whether probabilities are what they say."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.metrics import reliability


def test_by_hand():
    found = reliability([0.1, 0.2, 0.9, 0.7, 1.0], [True, False, True, False, True], bins=2)
    np.testing.assert_allclose(found["confidence"], [0.15, 2.6 / 3])
    np.testing.assert_allclose(found["share"], [0.5, 2 / 3])
    assert found["cases"].tolist() == [2, 3]
    assert found["error"] == pytest.approx((2 * 0.35 + 3 * 0.2) / 5)


def test_what_is_always_right_as_often_as_it_says():
    confidence = np.repeat([0.25, 0.75], 4)
    found = reliability(confidence, [1, 0, 0, 0, 1, 1, 1, 0])
    assert found["error"] == 0
    assert found["cases"].sum() == 8
    assert np.count_nonzero(found["share"]) == 2


@pytest.mark.parametrize(("confidence", "right"), [([], []), ([0.5], [True, False])])
def test_nothing_to_count(confidence, right):
    with pytest.raises(DualATMEError, match="probability for each answer"):
        reliability(confidence, right)
