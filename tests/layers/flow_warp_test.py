"""Warped flow images are the flow images of faces that were moved before."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.flow_image import flow_image
from dualatme_keras.geometry.puzzle import cut_puzzle
from dualatme_keras.layers import RandomFlowWarp, warp_flow_image

SIDE = 56


def bumps(shift=(0.0, 0.0), zoom=1.0, angle=0.0, magnitude=1.0):
    """The true flow of two smooth patches, after the face was moved: `(1, side, side, 2)`."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    x, y = x - shift[0] * SIDE, y - shift[1] * SIDE
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = (cos * x + sin * y) / zoom, (-sin * x + cos * y) / zoom
    patches = [(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 40), c, d) for a, b, c, d in PATCHES]
    u, v = (sum(patch * part for patch, *parts in patches for part in parts[i : i + 1]) for i in (0, 1))
    u, v = zoom * magnitude * (cos * u - sin * v), zoom * magnitude * (sin * u + cos * v)
    return np.stack([u, v], axis=-1)[None]


PATCHES = ((-9, -6, 1.0, 0.3), (7, 8, -0.4, -0.9))


def encoded(flow, encoding):
    return (flow_image(flow, encoding, 4.0) / 127.5 - 1).astype("float32")


def warped(image, shift=(0.0, 0.0), zoom=1.0, angle=0.0, magnitude=1.0, encoding="fixed"):
    values = [np.array([value], "float32") for value in (shift, zoom, angle, magnitude)]
    return np.asarray(warp_flow_image(image, *values, encoding))


MOVES = [
    {"shift": (0.12, -0.08)},
    {"zoom": 1.25},
    {"zoom": 0.8},
    {"angle": 0.3},
    {"shift": (0.05, 0.1), "zoom": 1.1, "angle": -0.2},
]


@pytest.mark.parametrize("move", [*MOVES, {"magnitude": 2.0}, {"magnitude": 0.5}])
def test_as_of_faces_that_were_moved(move):
    given = warped(encoded(bumps(), "fixed"), **move)
    wanted = encoded(bumps(**move), "fixed")
    assert np.abs(wanted - encoded(bumps(), "fixed")).max() > 0.05
    # A grey value and what a bilinear filter smooths.
    np.testing.assert_allclose(given, wanted, atol=0.035)


@pytest.mark.parametrize("move", MOVES[:3])
def test_minmax_hides_size_but_not_place(move):
    given, wanted = (
        warped(encoded(bumps(), "minmax"), **move, encoding="minmax"),
        encoded(bumps(**move), "minmax"),
    )

    def shape(image):
        image = image - np.median(image, axis=(1, 2), keepdims=True)
        return image / np.abs(image).max(axis=(1, 2), keepdims=True)

    given, wanted = shape(given), shape(wanted)
    np.testing.assert_allclose(given[..., :2], wanted[..., :2], atol=0.08)
    # Strain has sharp valleys, which a bilinear filter fills.
    assert np.abs(given[..., 2] - wanted[..., 2]).mean() < 0.01
    assert np.abs(wanted[..., 2] - shape(encoded(bumps(), "minmax"))[..., 2]).mean() > 0.02


def test_each_image_has_its_own_numbers_in_training_alone():
    images = np.repeat(encoded(bumps(), "fixed"), 300, axis=0)
    layer = RandomFlowWarp(shift=0.2, zoom=0.0, rotation=0.0, encoding="fixed", seed=1)
    np.testing.assert_array_equal(layer(images), images)
    given = np.asarray(layer(images, training=True))
    # Where the patch that moves to the right went to.
    rows, columns = np.unravel_index(given[..., 0].reshape(300, -1).argmax(axis=1), (SIDE, SIDE))
    for places, start in ((rows, 21.5), (columns, 18.5)):
        moved = (places - start) / SIDE
        assert moved.min() < -0.15
        assert moved.max() > 0.15
        assert np.abs(moved).max() < 0.22
        assert abs(np.mean(moved)) < 0.03
    again = RandomFlowWarp.from_config(layer.get_config())
    np.testing.assert_array_equal(again(images, training=True), given)


def test_a_puzzle_is_that_of_the_warped_face():
    """Tiles shift by as much of the face; what comes in from outside a box cannot be known."""
    settings = {"shift": 0.03, "zoom": 0.0, "rotation": 0.0, "encoding": "fixed", "seed": 4}
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    face = np.stack([np.sin(5 * x + 2 * y), np.cos(4 * y - x), x * y], axis=-1).astype("float32") * 0.8
    faces = np.repeat(face[None], 5, axis=0)
    puzzles = np.stack([cut_puzzle(face) for face in faces])
    entire = np.asarray(RandomFlowWarp(**settings)(faces, training=True))
    given = np.asarray(RandomFlowWarp(**settings, puzzle=True)(puzzles, training=True))
    wanted = np.stack([cut_puzzle(face) for face in entire])
    half = SIDE // 2
    for rows, columns in (
        (slice(0, half), slice(0, half)),
        (slice(0, half), slice(half, None)),
        (slice(half, None), slice(None)),
    ):
        inner = [one[:, rows, columns][:, 6:-6, 6:-6] for one in (given, wanted, puzzles)]
        np.testing.assert_allclose(inner[0], inner[1], atol=0.03)
        assert np.abs(inner[2] - inner[1]).max() > 0.06


@pytest.mark.parametrize(
    "wrong", [{"shift": 0.5}, {"shift": -0.1}, {"zoom": -0.1}, {"rotation": -1}, {"magnitude": float("nan")}]
)
def test_ranges_that_are_none(wrong):
    with pytest.raises(DualATMEError, match=f"Expected `{next(iter(wrong))}` from 0"):
        RandomFlowWarp(**wrong)
