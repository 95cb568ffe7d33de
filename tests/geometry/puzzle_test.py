"""The puzzle of regions in NumPy."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.puzzle import cut_puzzle, tile_scales, tile_sizes
from dualatme_keras.geometry.regions import TEMPLATE_BOXES


def test_tiles_come_from_their_boxes():
    image = np.zeros((100, 100, 1))
    for value, (top, left, bottom, right) in enumerate(TEMPLATE_BOXES, start=1):
        image[round(100 * top) : round(100 * bottom), round(100 * left) : round(100 * right)] = value
    puzzle = cut_puzzle(image, size=(28, 28))[..., 0]
    # Away from the borders of the tiles, where the filter reaches over the box's edge.
    assert (puzzle[2:12, 2:12] == 1).all()
    assert (puzzle[2:12, 16:26] == 2).all()
    assert (puzzle[16:26, 2:26] == 3).all()


def test_tiles_of_odd_sizes_fill_the_puzzle():
    assert tile_sizes((29, 31)) == ((14, 15), (14, 16), (15, 31))
    assert tile_sizes((2, 2)) == ((1, 1), (1, 1), (1, 2))
    for size in ((1, 2), (2, 1)):
        with pytest.raises(DualATMEError, match="at least 2 x 2"):
            tile_sizes(size)


def test_scales_say_how_far_tiles_are_enlarged():
    """A field that grows by 1 from pixel to pixel grows by 1 / scale in the puzzle."""
    boxes = np.array([(0.1, 0.2, 0.4, 0.5), (0.2, 0.5, 0.5, 0.9), (0.5, 0.3, 0.9, 0.7)])
    y, x = np.mgrid[:40, :60].astype(float)
    puzzle, scales = cut_puzzle(np.stack([x, y], axis=-1), boxes), tile_scales(boxes, (40, 60))
    assert scales.shape == (40, 60, 2)
    for place in (np.s_[4:16, 4:26], np.s_[4:16, 34:56], np.s_[24:36, 4:56]):
        tile, scale = puzzle[place], scales[place]
        np.testing.assert_allclose(np.diff(tile[..., 0], axis=1) * scale[:, 1:, 0], 1.0, atol=1e-4)
        np.testing.assert_allclose(np.diff(tile[..., 1], axis=0) * scale[1:, :, 1], 1.0, atol=1e-4)
    batch = tile_scales(np.stack([boxes, TEMPLATE_BOXES]), (40, 60))
    np.testing.assert_array_equal(batch, [scales, tile_scales(TEMPLATE_BOXES, (40, 60))])
