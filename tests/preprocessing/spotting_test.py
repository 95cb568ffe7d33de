"""Spotting in long videos: what is found, what is not, how frames are read; and the videos themselves."""

import itertools
import tracemalloc
import weakref

import cv2
import numpy as np
import pytest
from skimage import data

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing import SPOTTING_EYES, align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE
from dualatme_keras.preprocessing.face import Face
from dualatme_keras.preprocessing.face_window import FaceWindow
from dualatme_keras.preprocessing.spotting import spot_intervals
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.muscles import REFERENCE_SIZE, action_unit_flow, pixel_grid
from dualatme_keras.synthetic.people import new_person
from dualatme_keras.synthetic.warping import backward_map
from dualatme_keras.video import open_frames


def long_video(seed, labels, seconds, frames_per_second=30.0, size=180):
    rng = np.random.default_rng([30, seed])
    person = new_person("casme2", rng)
    look = new_look(person.landmarks, rng)
    return LongRecording(person, look, rng, labels, seconds, frames_per_second, size)


class Camera:
    """Reads a video's frames, numbered from `first`, and finds its face; frames in `away` show none."""

    def __init__(self, recording, first=0, away=range(0)):
        self.recording, self.first, self.away = recording, first, away
        self.read_numbers, self.located, self.alive, self.most_alive = [], [], weakref.WeakSet(), 0
        self.numbers = range(first, first + recording.length)

    def read(self, number):
        self.read_numbers.append(number)
        frame = self.recording.frame(number - self.first).view(Frame)
        if number in self.away:
            frame[:] = 0
        self.alive.add(frame)
        self.most_alive = max(self.most_alive, len(self.alive))
        return frame

    def locate(self, frame, name):
        self.located.append(self.read_numbers[-1])
        if frame.max() == 0:
            raise DualATMEError(f"Expected a face in {name}. Received: a black frame.")
        return Face(self.recording.landmarks(self.read_numbers[-1] - self.first))

    def spot(self, rate=30.0, **arguments):
        return spot_intervals(self.numbers, self.read, self.locate, rate, "talk", **arguments)


class Frame(np.ndarray):
    """An image that can be counted."""

    __hash__ = object.__hash__


def assert_found(intervals, camera):
    """Each expression has one interval, with its apex inside and at least half of it in common."""
    first, truth = camera.first, camera.recording.expressions
    assert len(intervals) == len(truth)
    for interval, shown in zip(intervals, truth, strict=True):
        onset, offset = first + shown.onset, first + shown.offset
        assert interval.onset < interval.apex < interval.offset
        assert onset <= interval.apex <= offset
        both = min(interval.offset, offset) - max(interval.onset, onset) + 1
        either = max(interval.offset, offset) - min(interval.onset, onset) + 1
        assert both / either >= 0.5


@pytest.fixture(scope="module")
def spotted():
    camera, calls = Camera(long_video(0, (0, 1), 10.0)), []
    intervals, course = camera.spot(progress=lambda done, of: calls.append((done, of)))
    return camera, intervals, course, calls


def test_expressions_are_found_among_blinks(spotted):
    camera, intervals, course, calls = spotted
    assert len(camera.recording.blinks) >= 2
    assert_found(intervals, camera)
    assert all(interval.strength >= course.threshold for interval in intervals)
    assert calls == [(done, 300) for done in range(1, 301)]


def test_edges_are_within_two_frames_of_the_truth(spotted):
    """Here; the worst of a longer measurement is in docs/recognizing.md."""
    camera, intervals, _, _ = spotted
    for interval, shown in zip(intervals, camera.recording.expressions, strict=True):
        for name in ("onset", "apex", "offset"):
            assert abs(getattr(interval, name) - getattr(shown, name)) <= 2


def test_the_eyes_of_a_video_are_as_far_apart_as_its_unit_says():
    points = TEMPLATE_LANDMARKS * (120, 90) + (7, 20)
    left, right = transform_points(points, eye_transform(points, SPOTTING_SIZE, 0.1))[:2]
    assert pytest.approx(np.linalg.norm(right - left)) == SPOTTING_EYES


def test_the_course_is_high_at_expressions_only(spotted):
    camera, _, course, _ = spotted
    np.testing.assert_array_equal(course.frames, np.arange(300))
    assert course.values.shape == (300,)
    near = np.zeros(300, bool)
    for shown in camera.recording.expressions:
        assert np.nanmax(course.values[shown.onset : shown.offset]) >= course.threshold
        near[shown.onset - 5 : shown.offset + 6] = True
    assert np.nanmax(course.values[~near]) < course.threshold
    assert course.lost == ()
    # A lag and a frame are needed on both sides.
    assert np.isnan(course.values[:9]).all()
    assert np.isnan(course.values[-9:]).all()
    assert not np.isnan(course.values[9:-9]).any()


def test_the_course_is_what_it_was(spotted):
    """Every setting has its part in it; benchmarks/spotting_accuracy.py is what they were chosen by."""
    _, intervals, course, _ = spotted
    assert course.threshold == 0.06
    assert [interval.strength for interval in intervals] == pytest.approx([0.0851, 0.1322], rel=0.03)
    known = [-0.1521, -0.0442, 0.0799, -0.0654, -0.1122, -0.0639, -0.0803, -0.0618, -0.0981, -0.0209]
    np.testing.assert_allclose(course.values[20:220:20], known, rtol=0.03, atol=0.002)


def test_frames_are_read_once_in_order_and_let_go(spotted):
    camera, *_ = spotted
    assert camera.read_numbers == list(camera.numbers)
    assert camera.most_alive <= 2
    assert camera.located == list(range(0, 300, 30))


def test_blinks_and_head_motion_are_no_expression():
    camera = Camera(long_video(1, (), 8.0))
    assert len(camera.recording.blinks) >= 2
    intervals, course = camera.spot()
    assert intervals == []
    assert np.nanmax(course.values) < course.threshold


def test_other_rates_and_numbers():
    camera = Camera(long_video(2, (2,), 4.0, 60.0), first=100)
    intervals, course = camera.spot(60.0)
    assert_found(intervals, camera)
    # Of so many frames every second one is enough.
    np.testing.assert_array_equal(course.frames, np.arange(100, 340, 2))
    assert camera.read_numbers == list(range(100, 340, 2))


@pytest.mark.parametrize(("rate", "step"), [(15.0, 1), (45.0, 1), (50.0, 2), (80.0, 2), (112.0, 4)])
def test_about_eight_frames_in_a_quarter_of_a_second_are_looked_at(rate, step):
    """Of a video of three seconds, the shortest that is allowed; 15 frames per second are the fewest."""
    numbers, frame = range(int(3 * rate)), np.zeros((64, 64, 3), "uint8")

    class Told(Exception):
        pass

    def progress(done, of):
        assert (done, of) == (1, len(numbers[::step]))
        raise Told

    with pytest.raises(Told):
        spot_intervals(
            numbers, lambda number: frame, lambda *_: Face(TEMPLATE_LANDMARKS * 64), rate, progress=progress
        )


def test_noise_is_no_motion_that_comes_and_goes():
    """Each frame's noise is in the motion to it and, reversed, in that from it; neither is used for it."""
    still, rng = long_video(3, (), 3.0).frame(0).astype(float), np.random.default_rng(0)
    places = TEMPLATE_LANDMARKS * 0.62 * 180 + 0.19 * 180

    def read(number):
        return np.clip(np.rint(still + rng.normal(scale=5.0, size=still.shape)), 0, 255).astype("uint8")

    _, course = spot_intervals(range(90), read, lambda frame, name: Face(places), 30.0)
    assert abs(np.nanmedian(course.values)) < 0.03


def spot_mouth(shifts):
    """Spots where the mouth of a face goes down by so many pixels in each frame, and all else is still."""
    recording = long_video(0, (), 3.0)
    face, places = recording.frame(0), recording.landmarks(0)
    y, x = np.mgrid[:180, :180].astype("float32")
    middle = places[3:].mean(axis=0)
    weight = np.exp(-0.5 * ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / 10.0**2)

    def read(number):
        down = (shifts[number] * weight).astype("float32")
        return cv2.remap(face, x, y - down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return spot_intervals(range(len(shifts)), read, lambda *_: Face(places), 30.0)


def test_a_face_that_trembles_is_not_counted_at_every_turn():
    # Down and up twice in a second: each turn is a motion that is undone.
    intervals, _ = spot_mouth(np.pad(1.0 - np.cos(2 * np.pi * np.arange(33) / 16), 45))
    assert 1 <= len(intervals) <= 3
    for one, other in itertools.pairwise(intervals):
        assert other.apex - one.apex >= 15
        assert one.offset < other.apex or other.onset > one.apex


def test_slow_changes_are_nothing_and_hide_nothing():
    pulse, slope = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(21) / 20), np.linspace(0.0, 8.0, 45)
    shifts = [np.zeros(30), pulse, np.zeros(20), slope, np.full(20, 8.0), slope[::-1], np.zeros(20)]
    intervals, course = spot_mouth(np.concatenate(shifts))
    (interval,) = intervals
    assert abs(interval.onset - 30) <= 2
    assert abs(interval.apex - 40) <= 1
    assert abs(interval.offset - 50) <= 2
    assert np.nanmin(course.values) < -0.2
    assert np.nanmax(course.values[71:]) < course.threshold


SIDE, SHARE = 180, 0.62
"""Of frames that show a photograph, and of its face in them."""

PLACES = ((TEMPLATE_LANDMARKS - 0.5) * SHARE + 0.5) * SIDE - 0.5


def photographed_frames(moves, length=90, noise=0.0):
    """The astronaut in so many frames; each of `moves` is `(field in pixels, frame of its apex)`."""
    marked = [(203.1, 100.9), (247.3, 103.5), (225.0, 126.9), (204.0, 140.6), (243.5, 141.5)]
    transform = eye_transform(marked, SIDE, (1 - SHARE) / 2)
    face, rng = align_face(data.astronaut(), transform, SIDE).astype("float32"), np.random.default_rng(0)
    for number in range(length):
        share = [max(0.0, np.cos(np.pi * np.clip((number - at) / 18, -1, 1))) ** 2 for _, at in moves]
        moved = sum(part * field for part, (field, _) in zip(share, moves, strict=True))
        frame = face
        if np.any(moved):
            frame = cv2.remap(face, *backward_map(moved), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        noisy = frame + noise * rng.standard_normal(frame.shape, dtype="float32")
        yield np.clip(np.rint(noisy), 0, 255).astype("uint8")


def unit_field(units, pixels):
    """Action units that move the skin by so many pixels of a face of `REFERENCE_SIZE`."""
    field = sum(action_unit_flow(unit, grid=pixel_grid(SIDE, zoom=SHARE)) for unit in units)
    return field * (pixels * SIDE * SHARE / REFERENCE_SIZE / np.linalg.norm(field, axis=-1).max())


def test_what_moves_all_of_the_face_a_little_is_no_expression():
    y, x = 2 * np.pi * np.mgrid[:SIDE, :SIDE] / 30
    waves = 0.2 * np.stack([np.sin(y) * np.cos(x), np.sin(x) * np.cos(y)], axis=-1)
    found, courses = [], []
    for field in (waves, unit_field((1, 2), 0.3)):
        frames = list(photographed_frames([(field, 45)]))
        intervals, course = spot_intervals(range(90), frames.__getitem__, lambda *_: Face(PLACES), 30.0)
        assert np.nanmax(course.values) > course.threshold
        found.append([interval.apex for interval in intervals])
        courses.append(course)
    # No less in all than a third of a pixel in the brows, which is an expression.
    assert np.nanmax(courses[0].values) > 0.9 * np.nanmax(courses[1].values)
    (nothing, (apex,)) = found
    assert nothing == []
    assert abs(apex - 45) <= 1


@pytest.mark.parametrize("noise", [2.0, 6.0])
def test_two_pixels_are_found_on_a_photograph_in_a_compressed_video(noise, tmp_path):
    moves = [(unit_field((1, 2), 2.0), 45), (unit_field((12,), 2.0), 105)]
    writer = cv2.VideoWriter(str(tmp_path / "talk.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (SIDE, SIDE))
    for frame in photographed_frames(moves, 150, noise):
        writer.write(frame[..., ::-1])
    writer.release()
    video = open_frames(tmp_path / "talk.mp4")
    intervals, _ = spot_intervals(video.numbers, video.read, lambda *_: Face(PLACES), video.frames_per_second)
    assert len(intervals) == 2
    for interval, apex in zip(intervals, (45, 105), strict=True):
        assert abs(interval.apex - apex) <= 2
        assert interval.onset < apex < interval.offset


def test_a_face_that_is_found_elsewhere_has_not_moved():
    recording, found = long_video(0, (), 3.0), iter((0.0, 3.0))
    frame, places = recording.frame(0), recording.landmarks(0)
    window = FaceWindow(lambda *_: Face(places + next(found)), "talk", 30, reach=15, kept=34)
    for step in range(40):
        window.add(step, frame, step)
    assert np.abs(window.motion(25, 35)).max() < 1e-6


def test_parts_without_a_face_are_passed_over():
    recording = long_video(4, (0, 1), 7.0)
    (first, second), rate = recording.expressions, 30
    # The face is away for two looks, so that from the second before to the second after is lost.
    start = second.apex // rate * rate
    camera = Camera(recording, away=range(start, start + rate + 1))
    intervals, course = camera.spot()
    assert course.lost == ((start - rate, min(start + 2 * rate, 210) - 1),)
    low, high = course.lost[0]
    # So far does a motion reach that would start or end there: a lag of 8 frames and one more.
    known = np.arange(9, 201)
    known = known[(known < low - 9) | (known > high + 9)]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(course.values)), known)
    assert [first.onset <= interval.apex <= first.offset for interval in intervals] == [True]


def test_lost_parts_that_touch_are_one():
    """The seconds before and after each of 15 frames; there is one from 15 to 74, and one that is apart."""
    frame, seen = np.zeros((64, 64, 3), "uint8"), iter(range(0, 150, 15))

    def locate(*_):
        if next(seen) in (30, 60, 120):
            raise DualATMEError("Expected a face. Received: none.")
        return Face(TEMPLATE_LANDMARKS * 64)

    _, course = spot_intervals(range(150), lambda number: frame, locate, 15.0)
    assert course.lost == ((15, 74), (105, 134))


def test_a_video_without_a_face_is_refused():
    camera = Camera(long_video(0, (), 3.0, size=64), away=range(90))
    with pytest.raises(DualATMEError, match="Expected a face in the video.*black frame"):
        camera.spot()


@pytest.mark.parametrize(
    ("numbers", "rate", "message"),
    [
        (range(89), 30.0, "at least 3 seconds. Received: 89 frames at 30 per second"),
        (range(300), 14.0, "at least 15 frames per second. Received: 14.0"),
        (range(300), float("nan"), "at least 15 frames per second. Received: nan"),
        ([*range(100), *range(99, 200)], 30.0, "ascending order"),
    ],
)
def test_what_is_no_long_video_is_refused(numbers, rate, message):
    def unread(*_):
        pytest.fail("no frame is needed to tell")

    with pytest.raises(DualATMEError, match=message):
        spot_intervals(numbers, unread, unread, rate)


def test_frames_of_another_size_are_refused():
    def read(number):
        return np.zeros((96 + (number == 7), 96, 3), "uint8")

    with pytest.raises(DualATMEError, match="Received: frame 7 of "):
        spot_intervals(range(90), read, lambda frame, name: Face(TEMPLATE_LANDMARKS * 96), 30.0)


def test_only_the_last_faces_are_kept():
    window = FaceWindow(lambda frame, name: Face(TEMPLATE_LANDMARKS * 64), "talk", 30, reach=15, kept=34)
    frame = np.zeros((64, 64, 3), "uint8")
    tracemalloc.start()
    sizes = []
    for step in range(400):
        window.add(step, frame, step)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    # 300 more faces would take 11 megabytes.
    assert max(sizes[100:]) - max(sizes[:100]) < 1e6
    assert window.motion(399 - 33, 399 - 33 + 15) is not None
    assert window.motion(399 - 34, 399) is None


def test_long_videos_show_what_they_say():
    recording, again = (long_video(5, (0, 1, 2, 2), 30.0, size=64) for _ in range(2))
    assert recording.expressions == again.expressions
    assert [shown.label for shown in recording.expressions] == [0, 1, 2, 2]
    at = [0, *(frame for shown in recording.expressions for frame in (shown.onset, shown.apex, shown.offset))]
    assert np.all(np.diff([*at, recording.length]) > 0)
    assert min(np.diff([0, *(shown.onset for shown in recording.expressions)])) > 45
    assert np.all((np.diff(recording.blinks) >= 59) & (np.diff(recording.blinks) <= 151))
    np.testing.assert_array_equal(recording.frame(500), again.frame(500))
    shown = recording.expressions[0]
    neutral, apex = (
        np.abs(recording.expression_motion(frame)).max() for frame in (shown.onset - 1, shown.apex)
    )
    assert neutral == 0
    assert apex > 0.2
    with pytest.raises(DualATMEError, match="Expected time for 20 expressions"):
        long_video(5, (0,) * 20, 30.0)
