"""The puzzle of regions in NumPy."""

import numpy as np
from PIL import Image

from dualatme_keras.regions import TEMPLATE_BOXES, check_boxes, cut_puzzle, resampling_matrix


def test_resizing_is_the_antialiased_bilinear_of_pillow():
    line = np.random.default_rng(0).uniform(size=(1, 90)).astype("float32")
    for target in (28, 90, 130):
        resized = line[0] @ resampling_matrix(0.0, 1.0, 90, target).T
        pillow = np.asarray(Image.fromarray(line, mode="F").resize((target, 1), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(resized, pillow[0], atol=1e-5)


def test_tiles_come_from_their_boxes():
    image = np.zeros((100, 100, 1))
    for value, (top, left, bottom, right) in enumerate(TEMPLATE_BOXES, start=1):
        image[round(100 * top) : round(100 * bottom), round(100 * left) : round(100 * right)] = value
    puzzle = cut_puzzle(image, size=(28, 28))[..., 0]
    # Away from the borders of the tiles, where the filter reaches over the box's edge.
    assert (puzzle[2:12, 2:12] == 1).all()
    assert (puzzle[2:12, 16:26] == 2).all()
    assert (puzzle[16:26, 2:26] == 3).all()


def test_template_is_valid():
    np.testing.assert_array_equal(check_boxes(TEMPLATE_BOXES), TEMPLATE_BOXES)
