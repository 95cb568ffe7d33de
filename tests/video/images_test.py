"""Sizes of frames that are allowed."""

import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import check_size


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 500), (4096, 8192)])
def test_sizes_that_are_allowed(height, width):
    check_size(height, width, "frame 3")


@pytest.mark.parametrize(("height", "width"), [(31, 500), (500, 31), (4097, 8192), (8192, 4097)])
def test_sizes_that_are_not(height, width):
    with pytest.raises(DualATMEError, match=f"at most 34 million. Received: frame 3 of {width} x {height}"):
        check_size(height, width, "frame 3")
