"""Apex spotting: the frame in which the face differs most from its onset, blinks and head motion aside."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS, boxes_from_landmarks, region_mask
from dualatme_keras.preprocessing.flow import optical_flow
from dualatme_keras.preprocessing.head_motion import HeadMotion

SPOTTING_SIZE = 192
"""Side in pixels of the aligned faces for spotting; of 80 made-up clips, 112 missed 11% and 160 missed 6%."""

_LIDS = (0.50, 0.35)
"""Half axes (x, y) of the ellipse around each eye in which lids move, in distances between the eyes."""

_DRIFT = 0.5
"""Share of the motion left at the end that counts as drift: most expressions are nearly over by then."""

_SMOOTHING = 2.0
"""Standard deviation of the smoothing of the course, in frames: it takes out single noisy frames."""


LITTLE_MOTION = 0.4
"""Motion in per cent of the distance between the eyes (`motion_size`) that a face without any expression can
have: `benchmarks/motion_limit.py`."""

LARGE_MOTION = 8.0
"""Motion in the same unit above which a clip shows more than a micro-expression: 5 mm of a face whose pupils
are 63 mm apart. Chosen from sizes alone; real clips were not measured."""

_LARGEST_SHARE = 0.05
"""Share of the pixels that count as those that move most: about what one muscle of the face moves."""


@dataclasses.dataclass(frozen=True)
class ExpressionCourse:
    """How far an expression has gone in each frame since the first one; the first number is 0.

    Attributes:
        along: float64, root mean square motion along the expression's pattern, pixels of the aligned face. It
            tells the apex.
        motion: float64, how far the face has moved, see `motion_size`.
    """

    along: np.ndarray
    motion: np.ndarray


def expression_course(
    faces: Iterable[np.ndarray], landmarks: np.ndarray = TEMPLATE_LANDMARKS, method: str = "dis"
) -> ExpressionCourse:
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
    """
    faces = iter(faces)
    onset = next(faces)
    moved = _FaceMotion(landmarks, onset.shape, method)
    motions = [np.zeros(2 * np.count_nonzero(moved.counted), "float32")]
    motions += [moved.between(onset, face).ravel() for face in faces]
    size = [motion_size(motion.reshape(-1, 2), landmarks, onset.shape[1]) for motion in motions]
    motions = np.stack(motions)  # (frames, 2 * pixels)
    # What is left at the end has partly come steadily, with the posture and the light.
    motions -= np.linspace(0.0, _DRIFT, len(motions))[:, np.newaxis] * np.median(motions[-3:], axis=0)
    quarter = len(motions) // 4
    pattern = np.median(motions[max(quarter, min(1, len(motions) - 1)) : len(motions) - quarter], axis=0)
    course = motions @ pattern / max(float(np.linalg.norm(pattern)), 1e-6)
    along = np.maximum(course, 0.0).astype("float64") / np.sqrt(len(pattern) / 2)
    return ExpressionCourse(along, np.array(size))


class _FaceMotion:
    """Motion of the counted pixels of aligned faces that share their landmarks, without that of the head."""

    def __init__(self, landmarks, shape, method="dis"):
        self.counted = counted_pixels(landmarks, shape)
        self._head, self._method = HeadMotion(landmarks, shape), method

    def between(self, first, second):
        """float32 `(pixels, 2)`."""
        flow = optical_flow(first, second, self._method)
        return (flow - self._head.design @ self._head.fit(flow))[self.counted].astype("float32")


def motion_size(motion: np.ndarray, landmarks, width: int) -> float:
    """How far the part of the face that moves most has moved, in per cent of the distance between the eyes.

    A twentieth of the pixels that are counted moves further. Whatever the size of frames and faces, the
    number means the same.

    Args:
        motion: of each counted pixel, `(pixels, 2)` in pixels of the aligned face, without the head's.
        landmarks: `(5, 2)` of the aligned face, in fractions of it.
        width: of the aligned face in pixels.
    """
    eyes = float(np.linalg.norm(np.subtract(landmarks[1], landmarks[0]))) * width
    return 100.0 * float(np.quantile(np.linalg.norm(motion, axis=-1), 1.0 - _LARGEST_SHARE)) / eyes


def motion_between(onset: np.ndarray, apex: np.ndarray, landmarks=TEMPLATE_LANDMARKS) -> float:
    """`motion_size` between two aligned grey faces `(size, size)`, as in `expression_course`."""
    return motion_size(_FaceMotion(landmarks, onset.shape).between(onset, apex), landmarks, onset.shape[1])


def spot_apex(course: np.ndarray) -> int:
    """The frame of the largest motion in `ExpressionCourse.along`, at least the second one."""
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
