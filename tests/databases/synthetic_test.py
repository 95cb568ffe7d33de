"""The demo database: files, names, mix of classes, and motion that goes the way muscles pull."""

import collections
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.data import find_image, puzzled_path, read_protocol
from dualatme_keras.databases import make_demo, write_synthetic
from dualatme_keras.databases.head import estimation_noise, head_motion_flow
from dualatme_keras.databases.muscles import (
    ACTION_UNITS,
    LANDMARKS,
    REFERENCE_SIZE,
    action_unit_flow,
    pixel_grid,
)
from dualatme_keras.databases.synthetic import LISTS
from dualatme_keras.errors import DualATMEError
from dualatme_keras.protocol import DATABASES, parse_subject


def digests(directory):
    """Relative path -> digest of every image below a directory."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*.png")
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    return directory, make_demo(directory, subjects_per_database=2, clips_per_subject=10)


def test_images_lie_in_the_published_layout(demo):
    directory, clips = demo
    expected = set()
    for clip in clips:
        folder, file = clip.path.rsplit("/", 1)
        assert folder == f"{clip.database}/flow"
        expected |= {clip.path, f"{clip.database}/flow_puzzle/{file.removesuffix('.png')}_puzzle.png"}
    assert set(digests(directory)) == expected
    assert len(expected) == 2 * 3 * 2 * 10
    for path in expected:
        with Image.open(directory / path) as image:
            assert (image.mode, image.size) == ("RGB", (28, 28))
            # Scaled by their own extremes, every channel of every image uses the whole range.
            assert image.getextrema() == ((0, 255),) * 3


def test_names_follow_the_databases(demo):
    _, clips = demo
    names = {clip.database: (clip.subject, clip.clip, clip.path) for clip in reversed(clips)}
    assert names["casme2"] == ("sub01", "EP01_01f", "casme2/flow/sub01_EP01_01f_flow.png")
    assert names["samm"] == ("001", "001_1_1", "samm/flow/001_1_1_flow.png")
    subject, clip, path = names["smic"]
    assert subject == "s01"
    assert path == f"smic/flow/s01_{clip}_flow.png"
    assert len({(clip.subject, clip.clip) for clip in clips}) == len(clips)
    for clip in clips:
        assert parse_subject(clip.subject)[0] == clip.database
        if clip.database == "smic":
            assert clip.clip.split("_")[1] == ("ne", "po", "sur")[clip.label]


def test_lists_give_the_clips_back(demo):
    directory, clips = demo
    protocol = read_protocol(directory / LISTS)
    written = {(clip.path, clip.subject, clip.database, clip.label) for clip in clips}
    assert {(clip.path, clip.subject, clip.database, clip.label) for clip in protocol.clips} == written
    for clip in clips:
        for path in (clip.path, puzzled_path(clip.path)):
            assert Path(find_image(path, directory)) == directory / path


def test_same_seed_same_bytes(demo, tmp_path):
    directory, clips = demo
    again = write_synthetic(tmp_path / "again", subjects_per_database=2, clips_per_subject=10)
    assert again == clips
    assert digests(tmp_path / "again") == digests(directory)
    write_synthetic(tmp_path / "other", seed=1, subjects_per_database=2, clips_per_subject=10)
    assert not set(digests(tmp_path / "other").values()) & set(digests(directory).values())


def test_subjects_do_not_depend_on_how_many_there_are(demo, tmp_path):
    directory, clips = demo
    fewer = write_synthetic(tmp_path, subjects_per_database=1, clips_per_subject=10)
    assert fewer == [clip for clip in clips if parse_subject(clip.subject)[1] == 1]
    assert digests(tmp_path).items() <= digests(directory).items()


def test_no_two_clips_are_alike(demo):
    directory, _ = demo
    assert len(set(digests(directory).values())) == len(digests(directory))


def test_classes_are_mixed_as_in_megc2019(tmp_path):
    counts = {"casme2": (88, 32, 25), "samm": (92, 26, 15), "smic": (70, 51, 43)}
    clips = write_synthetic(tmp_path, subjects_per_database=2, clips_per_subject=40, image_size=4)
    labels = collections.defaultdict(list)
    for clip in clips:
        labels[clip.database, clip.subject].append(clip.label)
    assert len(labels) == 6
    for (database, _), of_subject in labels.items():
        shares = np.array(counts[database]) / sum(counts[database])
        assert np.all(np.abs(np.bincount(of_subject, minlength=3) - 40 * shares) < 1)
        assert of_subject != sorted(of_subject)


def test_truth_of_a_clip(demo):
    _, clips = demo
    leading = ({4, 15, 14, 20, 9, 10}, {12}, {2})
    for clip in clips:
        assert set(clip.action_units) & leading[clip.label]
        assert clip.distractor not in clip.action_units
        assert 0.2 < clip.intensity < 4.0
    assert {clip.relaxing for clip in clips} == {True, False}
    assert {clip.distractor is None for clip in clips} == {True, False}


def strongest_rows(directory, clips, puzzled):
    """Height at which each clip's strain is strongest, in fractions of the image; noise averages out."""
    strain = []
    for clip in clips:
        with Image.open(directory / (puzzled_path(clip.path) if puzzled else clip.path)) as image:
            strain.append(np.asarray(image, float)[..., 2])
    rows = np.mean(strain, axis=(0, 2))
    # The seam of a puzzle and the border strain by themselves.
    rows[[0, 1, 12, 13, 14, 15, -2, -1]] = 0
    return rows.argmax() / len(rows)


def test_brows_and_mouth_are_where_the_network_expects_them(demo):
    directory, clips = demo
    brows = [clip for clip in clips if set(clip.action_units) <= {1, 2, 4} and clip.distractor is None]
    mouth = [clip for clip in clips if clip.action_units == (12,) and clip.distractor is None]
    assert len(brows) > 2
    assert len(mouth) > 2
    assert strongest_rows(directory, brows, puzzled=False) < 0.4
    assert strongest_rows(directory, brows, puzzled=True) < 0.5
    assert strongest_rows(directory, mouth, puzzled=False) > 0.6
    assert strongest_rows(directory, mouth, puzzled=True) > 0.5


def test_smiles_lift_the_mouth_unless_the_clip_relaxes(demo):
    directory, clips = demo
    lifts = {True: [], False: []}
    for clip in clips:
        if 12 in clip.action_units:
            with Image.open(directory / clip.path) as image:
                down = np.asarray(image, float)[..., 1]
            corners = down[19:24, [*range(6, 12), *range(16, 22)]]
            lifts[clip.relaxing].append(np.median(down) - corners.mean())
    assert np.mean(lifts[False]) > 10
    assert np.mean(lifts[True]) < -10


def test_image_size(tmp_path):
    clips = write_synthetic(tmp_path, subjects_per_database=1, clips_per_subject=1, image_size=36)
    for path in (clips[0].path, puzzled_path(clips[0].path)):
        with Image.open(tmp_path / path) as image:
            assert image.size == (36, 36)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", -1),
        ("subjects_per_database", 0),
        ("subjects_per_database", 100),
        ("clips_per_subject", 0),
        ("clips_per_subject", 100),
        ("image_size", 3),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path, argument, value):
    with pytest.raises(DualATMEError, match=rf"Expected `{argument}` .* Received: {argument}={value}\."):
        write_synthetic(tmp_path / "demo", **{argument: value})
    assert not (tmp_path / "demo").exists()


def test_existing_lists_are_kept_unless_asked(tmp_path):
    numbers = {"subjects_per_database": 1, "clips_per_subject": 2}
    make_demo(tmp_path, **numbers)
    before = digests(tmp_path)
    with pytest.raises(DualATMEError, match="without lists, or overwrite=True. Received"):
        make_demo(tmp_path, seed=1, **numbers)
    assert digests(tmp_path) == before
    make_demo(tmp_path, seed=1, overwrite=True, **numbers)
    assert digests(tmp_path) != before


def motion_at(flow, landmark, side):
    """Displacement (right, down) at a landmark of the image-left (-1) or image-right (1) side."""
    outward, down = LANDMARKS[landmark]
    size = len(flow)
    return flow[int(down * size), int((0.5 + side * outward) * size)]


@pytest.mark.parametrize(
    ("unit", "landmark", "outward", "down"),
    [
        (1, "brow_inner", 0, -1),
        (2, "brow_outer", 0, -1),
        (4, "brow_inner", -1, 1),
        (5, "upper_lid", 0, -1),
        (6, "cheek", 0, -1),
        (7, "lower_lid", 0, -1),
        (9, "nose_side", 0, -1),
        (10, "upper_lip_side", 0, -1),
        (12, "mouth_corner", 1, -1),
        (14, "mouth_corner", 1, 0),
        (15, "mouth_corner", 1, 1),
        (17, "chin", 0, -1),
        (20, "mouth_corner", 1, 1),
        (24, "lower_lip", 0, -1),
        (25, "lower_lip", 0, 1),
        (26, "chin", 0, 1),
        (45, "upper_lid", 0, 1),
    ],
)
def test_muscles_pull_the_way_facs_says(unit, landmark, outward, down):
    """Sign of the motion at the muscle's landmark, on both sides; 0 is not asked."""
    flow = action_unit_flow(unit)
    assert flow.shape == (REFERENCE_SIZE, REFERENCE_SIZE, 2)
    for side in (-1, 1):
        right, below = motion_at(flow, landmark, side)
        assert not down or down * below > 0.15
        assert not outward or outward * side * right > 0.15
        assert np.hypot(right, below) < 1.6  # about a pixel


def test_lids_close_in_a_blink_and_open_in_surprise():
    blink, surprise = action_unit_flow(45), action_unit_flow(5)
    upper, lower = motion_at(blink, "upper_lid", 1)[1], motion_at(blink, "lower_lid", 1)[1]
    assert upper > 0.5 > lower
    assert motion_at(surprise, "upper_lid", 1)[1] < -0.5


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_sides_mirror_each_other_and_add_up(unit):
    left, right = action_unit_flow(unit, 1.0, 0.0), action_unit_flow(unit, 0.0, 1.0)
    np.testing.assert_allclose(left[:, ::-1] * [-1, 1], right, atol=1e-12)
    np.testing.assert_allclose(0.5 * left + 2.0 * right, action_unit_flow(unit, 0.5, 2.0), atol=1e-12)


def test_motion_stays_where_the_muscle_is():
    flow = action_unit_flow(12, left=1.0, right=0.0)
    speed = np.hypot(flow[..., 0], flow[..., 1])
    assert np.hypot(*motion_at(flow, "mouth_corner", 1)) < 0.1 * np.hypot(
        *motion_at(flow, "mouth_corner", -1)
    )
    assert speed[: REFERENCE_SIZE // 4].max() < 0.1
    row, column = np.unravel_index(speed.argmax(), speed.shape)
    outward, down = LANDMARKS["mouth_corner"]
    assert abs(row / REFERENCE_SIZE - down) < 0.03
    assert abs(column / REFERENCE_SIZE - (0.5 - outward)) < 0.03


def test_a_face_elsewhere_in_the_image_takes_its_motion_along():
    centred, moved = action_unit_flow(4), action_unit_flow(4, grid=pixel_grid(shift=(0.25, 0.125)))
    np.testing.assert_allclose(moved[14:, 28:], centred[:-14, :-28], atol=1e-12)
    larger = action_unit_flow(4, grid=pixel_grid(2 * REFERENCE_SIZE))
    half = action_unit_flow(4, grid=pixel_grid(2 * REFERENCE_SIZE, zoom=0.5))
    assert larger.shape == (224, 224, 2)
    np.testing.assert_allclose(half[56:168, 56:168], centred, atol=1e-12)


def test_unknown_action_unit_is_named():
    with pytest.raises(DualATMEError, match="Expected an action unit out of 1, 2, 4.*Received: 3"):
        action_unit_flow(3)


def test_head_motion():
    middle = slice(REFERENCE_SIZE // 4, REFERENCE_SIZE // 2)
    shifted = head_motion_flow(shift=(0.5, -0.25))
    np.testing.assert_allclose(shifted[middle, middle], np.broadcast_to([0.5, -0.25], (28, 28, 2)), atol=0.01)
    assert np.abs(shifted[-1, [0, -1]]).max() < 0.02  # the background in the lower corners
    rolled = head_motion_flow(roll=1.0)
    assert rolled[56, 100, 1] > 0.5  # clockwise on the screen: the right side goes down,
    assert rolled[20, 56, 0] > 0.5  # the upper side right
    grown = head_motion_flow(growth=0.01)
    assert grown[56, 100, 0] > 0.3 > -0.3 > grown[56, 12, 0]
    nodded = head_motion_flow(turn=(0.0, 1.0))
    assert nodded[60, 56, 1] > 0.9
    assert abs(nodded[4, 56, 1]) < 0.1


def test_noise_has_the_level_asked_for_and_follows_the_generator():
    def fields(level):
        return estimation_noise(level, np.random.default_rng(3), 56)

    assert fields(0.2).shape == (56, 56, 2)
    assert 0.08 < fields(0.2).std() < 0.25
    np.testing.assert_allclose(fields(0.4), 2 * fields(0.2), atol=1e-12)
    assert not fields(0.0).any()


def test_databases_come_in_the_order_of_the_protocol(demo):
    _, clips = demo
    assert list(dict.fromkeys(clip.database for clip in clips)) == list(DATABASES)
