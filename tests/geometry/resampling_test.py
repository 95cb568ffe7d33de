"""Antialiased bilinear resizing."""

import numpy as np
from PIL import Image

from dualatme_keras.geometry.resampling import resampling_matrix, resize_image


def test_resizing_is_the_antialiased_bilinear_of_pillow():
    line = np.random.default_rng(0).uniform(size=(1, 90)).astype("float32")
    for target in (28, 90, 130):
        resized = line[0] @ resampling_matrix(0.0, 90 / target, 90, target).T
        pillow = np.asarray(Image.fromarray(line, mode="F").resize((target, 1), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(resized, pillow[0], atol=1e-5)


def test_an_interval_resizes_as_the_pixels_that_it_holds():
    # The four in the middle of eight as two: the filter reaches two pixels, beyond the interval too.
    np.testing.assert_allclose(resampling_matrix(2.0, 2.0, 8, 2)[0], np.array([0, 1, 3, 3, 1, 0, 0, 0]) / 8)
    # The second of four as two, a quarter to either side of its centre.
    np.testing.assert_allclose(resampling_matrix(1.0, 0.5, 4, 2) @ [0.0, 4.0, 8.0, 12.0], [3.0, 5.0])


def test_both_sides_of_an_image_are_resized():
    image = np.arange(24.0).reshape(4, 6, 1)
    resized = resize_image(image, (2, 3))
    pillow = Image.fromarray(image[..., 0].astype("float32")).resize((3, 2), Image.Resampling.BILINEAR)
    assert resized.shape == (2, 3, 1)
    np.testing.assert_allclose(resized[..., 0], np.asarray(pillow), atol=1e-5)


def test_many_intervals_have_the_weights_of_each():
    start, step = np.array([0.0, 1.5, 3.0, 2.0]), np.array([2.5, 0.4, 1.0, 1.2])
    expected = [resampling_matrix(*pair, 9, 3) for pair in zip(start, step, strict=True)]
    many = resampling_matrix(start.reshape(2, 2), step.reshape(2, 2), 9, 3)
    np.testing.assert_array_equal(many, np.reshape(expected, (2, 2, 3, 9)))
    assert resampling_matrix(start.astype("float32"), step.astype("float32"), 9, 3).dtype == "float32"
