"""Sizes of frames that are allowed, and images as files."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import check_size, image_file, read_image


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 500), (4096, 8192)])
def test_sizes_that_are_allowed(height, width):
    check_size(height, width, "frame 3")


@pytest.mark.parametrize(("height", "width"), [(31, 500), (500, 31), (4097, 8192), (8192, 4097)])
def test_sizes_that_are_not(height, width):
    with pytest.raises(DualATMEError, match=f"at most 34 million. Received: frame 3 of {width} x {height}"):
        check_size(height, width, "frame 3")


def test_files_hold_their_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 4, (40, 50, 3), dtype="uint8")
    (tmp_path / "image.png").write_bytes(image_file(image))
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), image)
    assert len(image_file(image)) < image.size < len(image_file(image, compress_level=0))


def test_jpeg_files_are_of_the_quality_asked_for():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype="uint8")
    assert len(image_file(image, "JPEG", quality=10)) < len(image_file(image, "JPEG", quality=90)) / 2
