"""Apex spotting: the frame in which the face differs most from its onset, blinks and head motion aside."""

from collections.abc import Iterable

import numpy as np

from dualatme_keras.preprocessing.flow import optical_flow
from dualatme_keras.preprocessing.head_motion import head_motion, region_mask
from dualatme_keras.regions import TEMPLATE_LANDMARKS, boxes_from_landmarks

SPOTTING_SIZE = 192
"""Side in pixels of the aligned faces for spotting; of 80 made-up clips, 112 missed 11% and 160 missed 6%."""

_LIDS = (0.50, 0.35)
"""Half axes (x, y) of the ellipse around each eye in which lids move, in distances between the eyes."""

_DRIFT = 0.5
"""Share of the motion left at the end that counts as drift: most expressions are nearly over by then."""

_SMOOTHING = 2.0
"""Standard deviation of the smoothing of the course, in frames: it takes out single noisy frames."""


def expression_course(
    faces: Iterable[np.ndarray], landmarks=TEMPLATE_LANDMARKS, method: str = "dis"
) -> np.ndarray:
    """How far the expression has gone in each frame since the first one.

    Flow from the first frame inside the HARS boxes, after the motion of the head (`head_motion`) is taken
    away, projected on its median over the middle half of the frames, when an expression shows. It moves the
    face along one pattern all that time; a blink is over sooner, so the median does not have it. Around the
    eyes nothing is counted: a blink moves the lids more than an expression does, and brows and mouth tell
    without them.

    Args:
        faces: aligned grey faces `(size, size)`, the onset first.
        landmarks: `(5, 2)` of the aligned face, in fractions of it.
        method: see `optical_flow`.

    Returns:
        float64 array, one number per frame, the first 0: root mean square motion along the pattern, pixels.
    """
    faces = iter(faces)
    onset = next(faces)
    counted = counted_pixels(landmarks, onset.shape)
    motions = [np.zeros(2 * np.count_nonzero(counted), "float32")]
    for face in faces:
        flow = optical_flow(onset, face, method)
        motions.append((flow - head_motion(flow, landmarks))[counted].astype("float32").ravel())
    motions = np.stack(motions)  # (frames, 2 * pixels)
    # What is left at the end has partly come steadily, with the posture and the light.
    motions -= np.linspace(0.0, _DRIFT, len(motions))[:, np.newaxis] * np.median(motions[-3:], axis=0)
    quarter = len(motions) // 4
    pattern = np.median(motions[max(quarter, min(1, len(motions) - 1)) : len(motions) - quarter], axis=0)
    course = motions @ pattern / max(float(np.linalg.norm(pattern)), 1e-6)
    return np.maximum(course, 0.0).astype("float64") / np.sqrt(len(pattern) / 2)


def spot_apex(course: np.ndarray) -> int:
    """The frame of the largest motion in a course of `expression_course`, at least the second one."""
    smooth = smooth_course(course, _SMOOTHING)
    return 1 + int(np.argmax(smooth[1:])) if len(course) > 1 else 0


def smooth_course(course: np.ndarray, deviation: float) -> np.ndarray:
    """A course under a Gaussian of a standard `deviation` in frames; its ends are continued."""
    reach = int(np.ceil(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.convolve(np.pad(course, reach, mode="edge"), kernel / kernel.sum(), mode="valid")


def counted_pixels(landmarks, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels of an aligned face tell an expression: bool array of `shape`.

    Those in the HARS boxes, without the eyes: a blink moves the lids more than an expression does.

    Args:
        landmarks: `(5, 2)` of the aligned face, in fractions of it.
        shape: height and width of the aligned face.
    """
    return region_mask(boxes_from_landmarks(landmarks), shape) & ~_around_eyes(landmarks, shape)


def _around_eyes(landmarks, shape):
    landmarks = np.asarray(landmarks)
    height, width = shape
    y, x = np.mgrid[:height, :width]
    x, y = (x + 0.5) / width, (y + 0.5) / height
    distance = np.linalg.norm(landmarks[1] - landmarks[0])
    inside = np.zeros(shape, dtype=bool)
    for eye_x, eye_y in landmarks[:2]:
        radius = np.hypot((x - eye_x) / (_LIDS[0] * distance), (y - eye_y) / (_LIDS[1] * distance))
        inside |= radius < 1.0
    return inside
