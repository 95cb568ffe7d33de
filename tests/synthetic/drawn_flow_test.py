import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.flow_image import flow_strain
from dualatme_keras.geometry.puzzle import join_tiles, tile_scales, tile_sizes
from dualatme_keras.geometry.regions import boxes_from_landmarks
from dualatme_keras.preprocessing import encode_flow
from dualatme_keras.synthetic import EMOTIONS, UNITS, DrawnFlow, MotionSettings
from dualatme_keras.synthetic.estimated_units import ESTIMATED_LANDMARKS, ESTIMATED_UNITS
from dualatme_keras.synthetic.muscles import ACTION_UNITS, LANDMARKS, action_unit_flow, pixel_grid

PURE = MotionSettings(
    intensity_sd=0.0,
    companion=(1.0, 1.0),
    one_sided=0.0,
    lean_sd=0.0,
    blinks=0.0,
    landmarks_sd=0.0,
    proportions_sd=0.0,
    reach_sd=0.0,
    clip_reach_sd=0.0,
    direction_sd=0.0,
    crop_right=(0.0, 0.0),
    crop_down=(0.0, 0.0),
    crop_zoom=(1.0, 1.0),
    crop_aspect=(1.0, 1.0),
    pulls=ACTION_UNITS,
    no_expression=0.0,
    any_units=0.0,
    head=0.0,
    hairline=0.0,
    corners=0.0,
    estimate_blur=(0.0, 0.0),
    estimate_gain_sd=0.0,
    estimate_noise=0.0,
    estimate_texture=0.0,
    estimate_sparks=0.0,
    boxes_sd=0.0,
)
"""Nothing but the action units, on the face of `LANDMARKS`."""


def one_emotion(*units, **settings):
    """Settings of clips that all show these units."""
    return dataclasses.replace(PURE, emotions=({units: 1.0},), **settings)


def true_flow(units, size=28, **crop):
    grid = pixel_grid(size, **crop)
    return sum(action_unit_flow(unit, grid=grid) for unit in units)


@pytest.mark.parametrize("encoding", ["minmax", "joint"])
@pytest.mark.parametrize("units", [(12,), (1, 2), (4, 7, 17), (25,)])
def test_images_are_those_of_the_action_units(units, encoding):
    batch = DrawnFlow(one_emotion(*units), batch_size=2, encoding=encoding).batch(0)
    expected = encode_flow(true_flow(units), encoding).astype(int)
    assert expected.std() > 10
    for image in batch.entire:
        np.testing.assert_allclose(image, expected, atol=1)


def test_the_crop_puts_the_face():
    settings = one_emotion(1, crop_right=(0.1, 0.1), crop_down=(-0.05, -0.05), crop_zoom=(0.9, 0.9))
    (image,) = DrawnFlow(settings, batch_size=1).batch(0).entire
    expected = encode_flow(true_flow((1,), shift=(0.1, -0.05), zoom=0.9))
    np.testing.assert_allclose(image, expected.astype(int), atol=1)


def test_sides_are_drawn_as_they_are_told():
    settings = one_emotion(12, 17, one_sided=1.0, lean_sd=0.3, intensity_sd=0.5, companion=(0.2, 1.0))
    batch = DrawnFlow(settings, batch_size=4).batch(0)
    for image, intensity in zip(batch.entire, batch.action_units, strict=True):
        told = dict(zip(UNITS, intensity, strict=True))
        expected = encode_flow(
            sum(action_unit_flow(unit, *told[unit], grid=pixel_grid(28)) for unit in (12, 17))
        )
        np.testing.assert_allclose(image, expected.astype(int), atol=1)


def test_an_estimate_blurs():
    (image,) = DrawnFlow(one_emotion(6, 25, estimate_blur=(0.06, 0.06)), batch_size=1).batch(0).entire
    fine = true_flow((6, 25), size=560, zoom=0.5)  # wider than the image, ten times as fine
    blurred = gaussian_filter(fine, (0.06 * 280, 0.06 * 280, 0))[140:420, 140:420]
    middles = blurred.reshape(28, 10, 28, 10, 2)[:, 4:6, :, 4:6].mean(axis=(1, 3))
    np.testing.assert_allclose(image, encode_flow(middles).astype(int), atol=1)


def test_puzzles_are_cut_from_frames_flow_or_image():
    units = (1, 2, 12, 17)
    puzzles = DrawnFlow(one_emotion(*units), batch_size=64 * 12).batch(0).puzzled[::64].astype(float)
    marks = [(-0.20, 0.31), (0.20, 0.31), (0.0, LANDMARKS["nose_wing"][1]), (-0.16, 0.76), (0.16, 0.76)]
    boxes = boxes_from_landmarks([(0.5 + x, y) for x, y in marks])
    flows, strains = [], []
    for (top, left, bottom, right), (height, width) in zip(boxes, tile_sizes((28, 28)), strict=True):
        x = left + (right - left) * (np.arange(width) + 0.5) / width
        y = top + (bottom - top) * (np.arange(height) + 0.5) / height
        flows.append(sum(action_unit_flow(unit, grid=(x[np.newaxis], y[:, np.newaxis])) for unit in units))
        (u_y, u_x), (v_y, v_x) = (np.gradient(flows[-1][..., channel], 28 * y, 28 * x) for channel in (0, 1))
        strains.append(np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)[..., np.newaxis])
    flow, strain = join_tiles(flows), join_tiles(strains)
    whole = true_flow(units)
    whole = np.concatenate([whole, flow_strain(whole)], axis=-1)
    low, high = whole.min(axis=(0, 1)), whole.max(axis=(0, 1))
    of_image = np.clip(255 * (np.concatenate([flow, strain], axis=-1) - low) / (high - low), 0, 255)
    expected = [encode_flow(flow * tile_scales(boxes, (28, 28))), encode_flow(flow), of_image]
    # The largest miss of each puzzle from each of the three.
    misses = np.array([[np.abs(puzzle - one).max() for one in expected] for puzzle in puzzles])
    assert (np.sort(misses, axis=1)[:, 0] <= 1).all()
    assert (np.sort(misses, axis=1)[:, 1] > 5).all()
    assert set(misses.argmin(axis=1)) == {0, 1, 2}


def test_seed_and_number_decide():
    source, same = DrawnFlow(batch_size=70, seed=3), DrawnFlow(batch_size=70, seed=3)
    source.batch(0)
    first, again = source.batch(5), same.batch(5)
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    for other in (source.batch(6), DrawnFlow(batch_size=70, seed=4).batch(5)):
        assert (first.entire != other.entire).mean() > 0.5
    assert (first.entire[:6] != first.entire[64:]).mean() > 0.5


def test_shapes_and_ranges():
    batch = DrawnFlow(batch_size=100, image_size=32).batch(0)
    for images in (batch.entire, batch.puzzled):
        assert images.shape == (100, 32, 32, 3)
        assert images.dtype == np.uint8
    assert (batch.entire.min(axis=(1, 2)) == 0).all()
    assert (batch.entire.max(axis=(1, 2)) == 255).all()
    assert batch.labels.shape == (100,)
    assert batch.action_units.shape == (100, len(UNITS), 2)


def test_the_truth_is_told():
    emotions = ({(4,): 1.0, (15, 17): 3.0}, {(12,): 1.0})
    settings = MotionSettings(emotions=emotions, no_expression=0.2, any_units=0.0, blinks=1.0)
    batch = DrawnFlow(settings, batch_size=4000).batch(0)
    shown = batch.action_units.max(axis=2) > 0
    nothing = batch.labels == -1
    assert nothing.mean() == pytest.approx(0.2, abs=0.03)
    assert not shown[nothing].any()
    assert (shown[batch.labels == 1] == [unit == 12 for unit in UNITS]).all()
    negative = shown[batch.labels == 0]
    (four, fifteen, seventeen) = (negative[:, UNITS.index(unit)] for unit in (4, 15, 17))
    assert four.mean() == pytest.approx(0.25, abs=0.04)
    np.testing.assert_array_equal(fifteen, ~four)
    np.testing.assert_array_equal(seventeen, fifteen)


def test_sides_and_companions():
    settings = MotionSettings(
        emotions=({(6, 12): 1.0},), one_sided=0.5, intensity_sd=0.0, no_expression=0.0, any_units=0.0
    )
    units = DrawnFlow(settings, batch_size=4000).batch(0).action_units
    six, twelve = units[:, UNITS.index(6)], units[:, UNITS.index(12)]
    strongest = np.maximum(six, twelve).max(axis=1)
    np.testing.assert_allclose(strongest, 1.0, rtol=1e-6)  # one of them leads, on one side
    weaker = np.minimum(six, twelve).max(axis=1)
    assert 0.2 <= weaker.min() < 0.25
    assert weaker.mean() == pytest.approx(0.6, abs=0.02)
    assert (six.max(axis=1) == 1).mean() == pytest.approx(0.5, abs=0.03)
    ratio = twelve.min(axis=1) / twelve.max(axis=1)
    assert (ratio < np.exp(-1)).mean() == pytest.approx(0.5, abs=0.05)
    assert (twelve[:, 0] > twelve[:, 1]).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "ingredient",
    [
        {"head": 1.0},
        {"hairline": 1.0},
        {"corners": 1.0},
        {"estimate_noise": 0.3},
        {"estimate_texture": 0.3},
        {"estimate_sparks": 1.0},
        {"estimate_gain_sd": 1.0},
        {"estimate_blur": (0.09, 0.09)},
        {"reach_sd": 0.5},
        {"clip_reach_sd": 0.5},
        {"direction_sd": 0.5},
        {"landmarks_sd": 0.05},
        {"proportions_sd": 0.1},
        {"blinks": 1.0},
        {"extra_unit": 1.0},
        {"lean_sd": 1.0},
    ],
    ids=lambda one: next(iter(one)),
)
def test_every_ingredient_shows(ingredient):
    pure, changed = (
        DrawnFlow(one_emotion(1, 12, **more), batch_size=16).batch(0) for more in ({}, ingredient)
    )
    differences = np.abs(changed.entire.astype(int) - pure.entire).mean(axis=(1, 2, 3))
    assert np.median(differences) > 2


def test_unknown_encoding():
    with pytest.raises(DualATMEError, match=r"minmax, joint. Received: 'fixed'"):
        DrawnFlow(encoding="fixed")


def test_any_units_are_shown_alike_often_and_have_no_class():
    batch = DrawnFlow(MotionSettings(any_units=0.5, no_expression=0.0), batch_size=4000).batch(0)
    anything = batch.labels < 0
    assert anything.mean() == pytest.approx(0.5, abs=0.03)
    shown = (batch.action_units[anything] > 0).any(axis=2)
    assert set(shown.sum(axis=1)) == {1, 2, 3}
    np.testing.assert_allclose(shown.mean(axis=0), 2 / len(UNITS), atol=0.03)  # two of a clip in the mean
    emotions = {tuple(np.array(UNITS)[row]) for row in (batch.action_units[~anything] > 0).any(axis=2)}
    assert emotions <= {units for emotion in EMOTIONS for units in emotion}


def test_pulls_can_be_chosen():
    """By default those of estimated flow: at AU 14 cheeks move that FACS does not speak of."""
    said, seen = (
        DrawnFlow(one_emotion(14, **pulls), batch_size=1).batch(0).entire[0].astype(int)
        for pulls in ({}, {"pulls": ESTIMATED_UNITS})
    )
    flow = action_unit_flow(14, landmarks=ESTIMATED_LANDMARKS, grid=pixel_grid(28), units=ESTIMATED_UNITS)
    np.testing.assert_allclose(seen, encode_flow(flow).astype(int), atol=1)
    assert np.abs(seen - said).mean() > 10
