"""The course of an expression in a clip, and its apex."""

import numpy as np
import pytest

from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing import (
    align_face,
    expression_course,
    eye_transform,
    head_motion,
    optical_flow,
    spot_apex,
    to_grey,
    transform_points,
)
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE, counted_pixels, motion_size
from dualatme_keras.synthetic import synthetic_clips


@pytest.fixture(scope="module")
def course():
    """Of a painted clip with a blink in its fall; and when the apex is, counted from the onset."""
    recording = next(recording for _record, recording in synthetic_clips("samm", 5, 1, 1, 160))
    timing = recording.timing
    points = recording.landmarks(timing.onset)
    transform = eye_transform(points, SPOTTING_SIZE, 0.1)
    faces = [
        to_grey(align_face(recording.frame(number), transform, SPOTTING_SIZE))
        for number in range(timing.onset, timing.offset + 1)
    ]
    places = (transform_points(points, transform) + 0.5) / SPOTTING_SIZE
    return expression_course(faces, places), timing.apex - timing.onset


def test_the_course_is_what_it_was(course):
    """Every setting has its part in it; they were chosen by measuring, see docs/preparing.md."""
    found, _ = course
    along = [0.0, 0.0368, 0.0986, 0.1596, 0.1804, 0.1826, 0.1392, 0.0736, 0.0209]
    motion = [0.0, 0.1646, 0.3444, 0.5575, 0.5884, 0.6250, 0.6092, 0.5310, 0.3418]
    np.testing.assert_allclose(found.along[::3], along, rtol=0.03, atol=0.002)
    np.testing.assert_allclose(found.motion[::3], motion, rtol=0.03, atol=0.002)


@pytest.fixture(scope="module")
def face():
    """An aligned grey face."""
    recording = next(recording for _record, recording in synthetic_clips("samm", 5, 1, 1, 160))
    transform = eye_transform(recording.landmarks(0), SPOTTING_SIZE)
    return to_grey(align_face(recording.frame(0), transform, SPOTTING_SIZE))


def test_a_course_of_one_frame_or_of_no_motion_is_zero(face):
    for length in (1, 2, 5):
        found = expression_course([face] * length)
        np.testing.assert_array_equal(found.along, np.zeros(length))
        np.testing.assert_array_equal(found.motion, np.zeros(length))
    assert spot_apex([0.0]) == 0
    assert spot_apex([0.0, 0.0]) == 1


def test_a_faint_motion_has_its_size(face):
    """Root mean square over the counted pixels, less the part of it that counts as drift."""
    changed = face.copy()
    changed[150:154, 90:94] += 2
    motion = optical_flow(face, changed, "dis")
    still = (motion - head_motion(motion, TEMPLATE_LANDMARKS))[counted_pixels(TEMPLATE_LANDMARKS, face.shape)]
    assert 0 < np.linalg.norm(still) < 1
    # Half of the median of what is left at the end, which is half of it in two frames, is drift.
    expected = [0.0, 0.75 * np.linalg.norm(still) / np.sqrt(len(still))]
    np.testing.assert_allclose(expression_course([face, changed]).along, expected, rtol=1e-4)


def test_motion_is_that_of_the_twentieth_that_moves_most():
    motion = np.zeros((101, 2))
    motion[:, 1] = np.arange(101)
    # Eyes that are 0.4 of 50 pixels apart.
    assert motion_size(motion, TEMPLATE_LANDMARKS, 50) == pytest.approx(100 * 95 / 20)


def test_the_apex_is_the_smoothed_courses(course):
    found, apex = course
    assert abs(spot_apex(found.along) - apex) <= 2
    # One noisy frame is no apex.
    noisy = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 4.7, 0.0, 0.0])
    assert spot_apex(noisy) == 5
