"""Micro-expression spotting: where in a long video the face moves for a moment and comes back.

A micro-expression moves the face and lets it go again, within half a second in the strict sense, within a
second with a slow return; a change of posture moves it and leaves it there. So motion into a frame is held
against motion out of it, after the motion of the head is taken away, and away from the lids. Comparing a
frame with those a fixed time before and after it is due to Moilanen et al. (Spotting rapid facial movements
from videos using appearance-based feature difference analysis, ICPR 2014), with optical flow to Wang et al.
(A main directional maximal difference analysis for spotting facial movements from long-term videos,
Neurocomputing 230:382-389, 2017).
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing.apex import smooth_course
from dualatme_keras.preprocessing.face_window import FaceWindow
from dualatme_keras.preprocessing.landmarks import Locate

_LAG = 0.25
"""Seconds over which motion is measured: about what a micro-expression takes to come, and to go."""

_STEPS_PER_LAG = 8
"""Frames looked at in that time; of faster videos every second, third, ... frame is enough."""

_SIDE = 0.5
"""Longest time in seconds from onset to apex and from apex to offset, least between two apexes."""

_LOCATE_EVERY = 1.0
"""Seconds after which the face is looked for anew."""

_SHORTEST = 3.0
"""Seconds that a video must have at least, for the threshold to know what is usual in it."""

_SLOWEST = 15.0
"""Frames per second that a video must have at least: below, an expression is over in a few frames."""

_SMOOTHING = 1.5
"""Standard deviation of the smoothing of the course, in steps."""

_TRACE_SMOOTHING = 1.0
"""That of the way of an expression around its apex, in steps."""

_FLOOR = 0.06
"""Least strength in pixels: what remains of most swaying heads in a video without noise is below it."""

_SPREADS = 3.0
"""How many spreads a value must be above the usual one, see `_threshold`."""

_FARTHEST_FLOOR = 0.24
"""Least way in pixels of the part of the face that goes farthest: 0.4% of the distance between the eyes."""

_FARTHEST_SPREADS = 4.0
"""Noise and compression seem to move all of the face a little, an expression moves a part of it far."""

_PART = 3
"""Side of a part in cells of the face: a fifth of the distance between the eyes."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A candidate for a micro-expression.

    Attributes:
        onset, apex, offset: numbers of frames.
        strength: value of the course at its peak, pixels of the aligned face of `SPOTTING_SIZE`.
    """

    onset: int
    apex: int
    offset: int
    strength: float


@dataclasses.dataclass(frozen=True)
class SpottingCourse:
    """How much the face moves and comes back over a video.

    Attributes:
        frames: numbers of the frames looked at, int array.
        values: float array of the same length, pixels of the aligned face of `SPOTTING_SIZE`: root mean
            square of the motion that is undone after the frame; negative where motion goes on, NaN where the
            face is lost and at both ends of the video.
        threshold: least value of a peak that is a candidate, if a part of the face goes far enough too.
        lost: numbers of the first and the last frame of each part without a face.
    """

    frames: np.ndarray
    values: np.ndarray
    threshold: float
    lost: tuple[tuple[int, int], ...]


def spot_intervals(
    numbers: Sequence[int],
    read: Callable[[int], np.ndarray],
    locate: Locate,
    frames_per_second: float,
    name: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Interval], SpottingCourse]:
    """Spots candidates for micro-expressions in a video.

    The motion F(t) of the aligned face over a quarter of a second from frame t on is measured by flow within
    the HARS boxes, the eyes left out and `head_motion` taken away. An expression that has its apex at t moves
    the face until then and back from then on: `sqrt(-<F(t - k - 1), F(t + 1)>)`, averaged over pixels, is how
    far. A peak of that course is a candidate where it is stronger than what the video shows most of the time,
    and where the same, averaged over the part of the face that goes farthest, is so too. Noise, compression
    and its key frames seem to move all of the face a little, which adds up; an expression moves some of it
    far. Both have a floor in pixels, for videos in which nothing happens.
    An expression held for longer than a quarter of a second is weakened, one held for half a second is not
    seen.

    Frames are read once each, in their order; the last second or so of aligned faces is kept.

    Args:
        numbers: of the frames, ascending, evenly spaced in time.
        read: gives a frame, RGB `(height, width, 3)`, uint8.
        locate: finds the face, see `landmark_source`; called about once a second.
        frames_per_second: of `numbers`, 15 at least.
        name: of the video, for `locate`.
        progress: called with the number of frames done and that of all, after each frame looked at.

    Returns:
        The candidates in their order, none overlapping the apex of another, and the course they come from.
        Where `locate` finds no face, the second before and the second after are passed over, see
        `SpottingCourse.lost`.

    Raises:
        DualATMEError: the video is too short or too slow, its frames differ in size or are out of order, or
            no part has a face.
    """
    _check_video(numbers, frames_per_second)
    pace = _new_pace(frames_per_second)
    steps = numbers[:: pace.stride]
    spotter = _Spotter(len(steps), pace, locate, name)
    for done, number in enumerate(steps, start=1):
        spotter.add(read(number), number)
        if progress is not None:
            progress(done, len(steps))
    values, farthest, lost = spotter.finish()
    threshold = _threshold(values, pace.side, _FLOOR, _SPREADS)
    unusual = values >= threshold
    unusual &= farthest >= _threshold(farthest, pace.side, _FARTHEST_FLOOR, _FARTHEST_SPREADS)
    kept = _strongest(spotter.candidates, values, unusual, pace.side)

    def number_at(step):
        return int(numbers[min(round(step * pace.stride), len(numbers) - 1)])

    intervals = [
        Interval(*map(number_at, (trace.onset, trace.apex, trace.offset)), strength=float(values[trace.peak]))
        for trace in kept
    ]
    ranges = tuple((int(steps[first]), int(steps[last])) for first, last in lost)
    return intervals, SpottingCourse(np.array(steps, dtype="int64"), values, threshold, ranges)


def _check_video(numbers, frames_per_second):
    if not frames_per_second >= _SLOWEST:
        raise DualATMEError(
            f"Expected a video of at least {_SLOWEST:.0f} frames per second. Received: {frames_per_second}."
        )
    if len(numbers) < _SHORTEST * frames_per_second:
        raise DualATMEError(
            f"Expected a video of at least {_SHORTEST:.0f} seconds. Received: {len(numbers)} frames at "
            f"{frames_per_second:g} per second."
        )
    if np.any(np.diff(np.asarray(numbers)) <= 0):
        raise DualATMEError("Expected frames in ascending order. Received: numbers out of order.")


class _Pace(NamedTuple):
    """Times of spotting in steps, i.e. frames looked at; `stride` frames of the video lie in one."""

    stride: int
    lag: int
    side: int
    second: int


def _new_pace(frames_per_second):
    stride = max(1, round(_LAG * frames_per_second / _STEPS_PER_LAG))
    rate = frames_per_second / stride
    return _Pace(stride, *(round(seconds * rate) for seconds in (_LAG, _SIDE, _LOCATE_EVERY)))


class _Trace(NamedTuple):
    """A peak of the course and the expression around it, in steps, with fractions at the edges."""

    peak: int
    onset: float
    apex: int
    offset: float


class _Spotter:
    """Takes a video step by step; gives its course and what may be an expression.

    Args:
        length: number of steps.
        pace: of the video.
        locate, name: see `spot_intervals`.

    Attributes:
        candidates: a `_Trace` for each peak of at least `_FLOOR` and `_FARTHEST_FLOOR`.
    """

    def __init__(self, length: int, pace: _Pace, locate: Locate, name: str):
        self._pace, self._step = pace, -1
        # As far ahead lies what a peak is compared with, its smoothing and its motion included.
        self._near = pace.lag // 2 + int(np.ceil(3 * _SMOOTHING))
        self._ahead = max(pace.side, self._near + pace.lag + 1)
        self._window = FaceWindow(locate, name, pace.second, pace.side, self._ahead + pace.side + 1)
        self._motions = {}
        self._course, self._farthest = np.full((2, length), np.nan)
        self.candidates = []

    def add(self, frame: np.ndarray, number: int) -> None:
        """Takes the next frame."""
        self._step += 1
        self._window.add(self._step, frame, number)
        start = self._step - self._pace.lag
        self._motions[start] = self._window.motion(start, self._step)
        # Neither motion starts or ends in the peak itself: its noise would seem to come and to go.
        peak = start - 1
        before, after = self._motions.pop(peak - self._pace.lag - 1, None), self._motions.get(start)
        if before is not None and after is not None:
            undone = -(before * after).sum(axis=-1)  # (cells, cells), square pixels
            self._course[peak] = _signed_root(undone.sum() / self._window.counted(start))
            self._farthest[peak] = _signed_root(_largest_part(undone))
        self._look_at(self._step - self._ahead)

    def finish(self) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
        """What there is to know of the video.

        Returns:
            The smoothed course, that of the part that goes farthest, both `(length,)`, and the first and last
            step of each part of the video without a face.
        """
        for peak in range(self._step - self._ahead + 1, self._step + 1):
            self._look_at(peak)
        lost = _join_lost(self._window.missed, self._pace.second, len(self._course))
        reach = self._pace.lag + 1
        for first, last in lost:
            self._course[max(0, first - reach) : last + reach + 1] = np.nan
        if np.isnan(self._course).all():
            raise DualATMEError(
                f"Expected a face in the video. Received: no two seconds with one; {self._window.error}"
            )
        courses = (self._course, self._farthest)
        return *(np.where(np.isnan(self._course), np.nan, _smooth(course)) for course in courses), lost

    def _look_at(self, peak):
        """Takes a step for a candidate where the course has a peak."""
        if peak < 0 or np.isnan(self._course[peak]):
            return
        first, half = max(0, peak - self._near), self._pace.lag // 2
        near, far = (
            _smooth(course[first : peak + self._near + 1]) for course in (self._course, self._farthest)
        )
        here = near[peak - first]
        if here < _FLOOR or far[peak - first] < _FARTHEST_FLOOR:
            return
        if here == near[max(0, peak - first - half) : peak - first + half + 1].max():
            self.candidates.append(self._trace(peak))

    def _trace(self, peak):
        """Follows the expression to both sides of a peak."""
        before, after = [], []
        for step in range(peak - 1, max(peak - self._pace.side, 0) - 1, -1):
            before.append(self._window.motion(step, peak))
        for step in range(peak + 1, min(peak + self._pace.side, self._step) + 1):
            after.append(self._window.motion(peak, step))
        sides = [
            [motion.ravel() for motion in itertools.takewhile(lambda motion: motion is not None, side)]
            for side in (before, after)
        ]
        return _edges(peak, -np.array(sides[0]), np.array(sides[1]), self._pace)


def _edges(peak, before, after, pace):
    """Apex, onset and offset from the motion that is yet to come and that which is over.

    The expression's pattern is what a lag brings on both sides together; along it the face moves away from
    the apex to either side. Rise and fall are taken for half a wave, which needs as long from a quarter to
    three quarters of its height as for the quarter below: the foot itself drowns in noise.

    Args:
        peak: a step.
        before, after: motion of the face since the peak at the steps nearest to it first,
            `(steps, cells)`.
        pace: of the video.
    """
    pattern = before[: pace.lag][-1] + after[: pace.lag][-1]  # (cells,)
    pattern /= max(float(np.linalg.norm(pattern)), 1e-9)
    away = np.concatenate([before[::-1] @ pattern, [0.0], after @ pattern])
    away = smooth_course(away, _TRACE_SMOOTHING)
    middle, half = len(before), pace.lag // 2
    low = max(0, middle - half)
    apex = low + int(np.argmin(away[low : middle + half + 1]))
    reach = []
    for side in (away[apex::-1], away[apex:]):
        gone = side - side[0]
        quarters = [_first_at(gone, share * gone.max()) for share in (0.25, 0.75)]
        # One step at least: onset, apex and offset are three frames.
        reach.append(float(np.clip(2 * quarters[1] - quarters[0], 1.0, pace.side)))
    apex += peak - middle
    return _Trace(peak, max(0.0, apex - reach[0]), apex, apex + reach[1])


def _signed_root(square):
    return float(np.sign(square) * np.sqrt(abs(square)))


def _largest_part(cells):
    """The largest mean of a part of `_PART` x `_PART` cells."""
    import cv2

    return float(cv2.blur(cells, (_PART, _PART)).max())


def _first_at(course, level):
    """Where a course from 0 on first reaches a level, between its values."""
    after = int(np.argmax(course >= level))
    if after == 0:
        return 0.0
    return after - (course[after] - level) / (course[after] - course[after - 1])


def _smooth(course):
    """Smoothed, with 0 for what is not known."""
    return smooth_course(np.nan_to_num(course), _SMOOTHING)


def _join_lost(missed, second, length):
    """First and last step of each part without a face: the seconds before and after each miss."""
    parts = []
    for step in missed:
        first, last = max(0, step - second), min(step + second, length) - 1
        if parts and first <= parts[-1][1] + 1:
            parts[-1] = (parts[-1][0], last)
        else:
            parts.append((first, last))
    return parts


def _threshold(values, length, floor, spreads):
    """How large a value must be to be unusual in a video, at least `floor`.

    The video is cut into parts of `length` steps, some of which hold an expression. Usual is the median of
    the parts' largest values, and the spread is how far the lower quartile is below it: on that side there
    are no expressions, however many a short video has. Unusual is what is as many spreads above.
    """
    parts = [values[at : at + length] for at in range(0, len(values), length)]
    # Motion that goes on has values far below 0, which tell nothing of what comes and goes.
    largest = np.maximum([np.nanmax(part) for part in parts if not np.isnan(part).all()], 0.0)
    low, usual = np.percentile(largest, (25, 50))
    return max(floor, float(usual + spreads * (usual - low)))


def _strongest(candidates, values, unusual, apart):
    """Candidates at unusual steps, without those near or within a stronger one, in their order."""
    kept = []
    # What lies at a lost part is NaN, so not unusual: it falls away here.
    above = [trace for trace in candidates if unusual[trace.peak]]
    for trace in sorted(above, key=lambda trace: -values[trace.peak]):
        if all(
            abs(trace.apex - other.apex) >= apart and not other.onset <= trace.apex <= other.offset
            for other in kept
        ):
            kept.append(trace)
    return sorted(kept, key=lambda trace: trace.apex)
