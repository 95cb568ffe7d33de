"""The course of an expression in a clip, and its apex."""

import numpy as np
import pytest

from dualatme_keras.preprocessing import (
    align_face,
    expression_course,
    eye_transform,
    spot_apex,
    to_grey,
    transform_points,
)
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE
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


def test_the_apex_is_the_smoothed_courses(course):
    found, apex = course
    assert abs(spot_apex(found.along) - apex) <= 2
    # One noisy frame is no apex.
    noisy = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 4.7, 0.0, 0.0])
    assert spot_apex(noisy) == 5
