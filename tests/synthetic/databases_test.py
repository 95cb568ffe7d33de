"""Made-up databases: the same seed, names, mix of classes, and frames that move as the truth says."""

import collections
import csv
import hashlib

import cv2
import numpy as np
import pytest
from PIL import Image

from dualatme_keras.databases import open_clip, read_casme2, read_samm, read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import DATABASES, parse_subject
from dualatme_keras.preprocessing import read_landmarks
from dualatme_keras.synthetic import write_synthetic
from dualatme_keras.synthetic.databases import ANNOTATIONS, FRAMES, synthetic_clips


def digests(directory):
    """Relative path -> digest of every frame below a directory."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*.jpg")
    }


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    directory = tmp_path_factory.mktemp("raw")
    return directory, write_synthetic(directory, subjects_per_database=2, clips_per_subject=2)


def truth_of(directory):
    with (directory / "truth.csv").open(newline="") as file:
        return {
            row["name"]: {name: int(row[name]) for name in row if name != "name"}
            for row in csv.DictReader(file)
        }


def test_annotations_give_the_clips_back(databases):
    directory, records = databases
    found = [
        *read_casme2(directory / ANNOTATIONS["casme2"]),
        *read_samm(directory / ANNOTATIONS["samm"]),
        *read_smic(directory / ANNOTATIONS["smic"], directory / FRAMES["smic"]),
    ]
    known = {record.name: record for record in found}
    assert len(known) == len(records) == 12
    for record in records:
        other = known[record.name]
        for name in ("database", "subject", "clip", "label", "emotion", "onset", "apex", "offset"):
            assert getattr(other, name) == getattr(record, name)
        frames = open_clip(other, directory / FRAMES[record.database])
        assert {record.onset, record.offset} <= set(frames.numbers)
        assert frames.read(record.onset).shape == (180, 180, 3)


def test_frames_move_as_the_truth_says(databases):
    """Looked up where the true flow points, the apex frame is the onset frame, but for light and noise."""
    directory, records = databases
    truth = truth_of(directory)
    for record in records[::3]:
        onset, apex = truth[record.name]["onset"], truth[record.name]["apex"]
        known = {r.name: r for r in read_smic(root=directory / FRAMES["smic"])}
        place = known[record.name] if record.database == "smic" else record_with_place(directory, record)
        frames = open_clip(place, directory / FRAMES[record.database])
        first, second = (frames.read(number).astype("float32").mean(axis=-1) for number in (onset, apex))
        flow = np.load(directory / "flow" / f"{record.name}.npz")["flow"].astype("float32")
        y, x = np.mgrid[:180, :180].astype("float32")
        still = cv2.remap(second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)
        inside = np.s_[45:135, 45:135]
        before, after = (
            np.abs(frame - frame[inside].mean() - first + first[inside].mean())[inside].mean()
            for frame in (second, still)
        )
        assert after < 0.75 * before


def record_with_place(directory, record):
    read = {"casme2": read_casme2, "samm": read_samm}[record.database]
    return {r.name: r for r in read(directory / ANNOTATIONS[record.database])}[record.name]


def test_landmarks_lie_on_eyes_and_mouth(databases):
    directory, records = databases
    table = read_landmarks(directory / "landmarks.csv")
    assert set(table) == {record.name for record in records}
    for left, right, nose, *mouth in table.values():
        assert 30 < right[0] - left[0] < 60
        assert left[1] < nose[1] < min(mouth[0][1], mouth[1][1])


def test_names_follow_the_databases(databases):
    _, records = databases
    names = {record.database: (record.subject, record.clip) for record in reversed(records)}
    assert names["casme2"] == ("sub01", "EP01_01f")
    assert names["samm"] == ("001", "001_1_1")
    assert list(dict.fromkeys(record.database for record in records)) == list(DATABASES)
    for record in records:
        assert parse_subject(record.subject)[0] == record.database
        if record.database == "smic":
            assert record.clip.split("_")[1] == ("ne", "po", "sur")[record.label]
            assert record.apex is None


@pytest.mark.long
def test_same_seed_same_bytes(databases, tmp_path):
    directory, records = databases
    fewer = write_synthetic(tmp_path / "again", subjects_per_database=1, clips_per_subject=2)
    assert fewer == [record for record in records if parse_subject(record.subject)[1] == 1]
    assert digests(tmp_path / "again").items() <= digests(directory).items()
    write_synthetic(tmp_path / "other", seed=1, subjects_per_database=1, clips_per_subject=1)
    assert not set(digests(tmp_path / "other").values()) & set(digests(directory).values())


def test_no_two_frames_are_alike(databases):
    directory, _ = databases
    assert len(set(digests(directory).values())) == len(digests(directory)) > 12 * 20


def test_classes_are_mixed_as_in_megc2019():
    counts = {"casme2": (88, 32, 25), "samm": (92, 26, 15), "smic": (70, 51, 43)}
    names, first = collections.defaultdict(list), collections.defaultdict(list)
    leading = ({"4", "15", "14", "20", "9", "10"}, {"12"}, {"2"})
    for database in DATABASES:
        labels = collections.defaultdict(list)
        clips = sum(counts[database])
        for record, recording in synthetic_clips(database, seed=0, subjects=1, clips=clips, frame_size=64):
            labels[record.subject].append(record.label)
            assert set(record.action_units.split("+")) & leading[record.label]
            timing = recording.timing
            assert 0 < timing.onset < timing.apex < timing.offset < timing.length
            names[database].append(record.clip)
            first[database].append(record.onset - timing.onset)
        assert len(set(names[database])) == clips
        for of_subject in labels.values():
            assert np.bincount(of_subject, minlength=3).tolist() == list(counts[database])
            assert of_subject != sorted(of_subject)
    assert [names["casme2"][index] for index in (0, 18, 19)] == ["EP01_01f", "EP19_01f", "EP01_02f"]
    assert [names["samm"][index] for index in (6, 7)] == ["001_7_1", "001_1_2"]
    # Frames are numbered from anywhere, the same as ever.
    assert [first[database][:3] for database in DATABASES] == [
        [68, 27, 74],
        [1974, 6400, 7175],
        [934, 869, 2531],
    ]
    for database, low, high in (("casme2", 1, 80), ("samm", 100, 9000), ("smic", 100, 3000)):
        assert low <= min(first[database]) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(first[database]) < high


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", -1),
        ("subjects_per_database", 0),
        ("subjects_per_database", 100),
        ("clips_per_subject", 0),
        ("clips_per_subject", 100),
        ("frame_size", 63),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path, argument, value):
    with pytest.raises(DualATMEError, match=rf"Expected `{argument}` .* Received: {argument}={value}\."):
        write_synthetic(tmp_path / "demo", **{argument: value})
    assert not (tmp_path / "demo").exists()


def test_the_largest_numbers_are_allowed(tmp_path):
    """Only the size of the frames is refused."""
    with pytest.raises(DualATMEError, match="Expected `frame_size`"):
        write_synthetic(tmp_path / "demo", 0, subjects_per_database=99, clips_per_subject=99, frame_size=63)


def test_what_is_there_is_kept(databases):
    with pytest.raises(DualATMEError, match="new or empty folder.*holds files"):
        write_synthetic(databases[0])


def test_a_blink_closes_the_lids_and_is_over_soon():
    for _, recording in synthetic_clips("casme2", seed=0, subjects=1, clips=16, frame_size=96):
        if not recording.timing.blinks:
            continue
        (blink,) = recording.timing.blinks
        motion = [recording.true_flow(recording.timing.onset, frame) for frame in (blink - 8, blink)]
        eyes = recording.landmarks(recording.timing.onset)[:2].astype(int)
        lids = [np.mean([flow[y - 1, x, 1] for x, y in eyes]) for flow in motion]
        assert lids[1] - lids[0] > 0.7
        return
    pytest.fail("no clip has a blink")


def test_frames_are_painted_in_colour(databases):
    directory, _ = databases
    path = next((directory / FRAMES["casme2"]).rglob("*.jpg"))
    with Image.open(path) as image:
        pixels = np.asarray(image, float)
    assert pixels.std() > 20
    assert np.abs(pixels[..., 0] - pixels[..., 2])[60:120, 60:120].mean() > 10


def test_the_true_onset_apex_is_onset_and_apex_with_their_landmarks():
    _record, recording = next(synthetic_clips("casme2", 4, 1, 1, 64))
    pair, timing = recording.true_onset_apex(), recording.timing
    assert (pair.onset, pair.apex, pair.apex_found) == (timing.onset, timing.apex, "given")
    np.testing.assert_array_equal(pair.onset_frame, recording.frame(timing.onset))
    np.testing.assert_array_equal(pair.apex_frame, recording.frame(timing.apex))
    np.testing.assert_array_equal(pair.landmarks, recording.landmarks(timing.onset))
