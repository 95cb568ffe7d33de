"""The two frames of a clip whose difference is the expression."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.constants import LUMINANCE
from dualatme_keras.preprocessing.alignment import align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.apex import SPOTTING_SIZE, expression_course, motion_between, spot_apex
from dualatme_keras.preprocessing.landmarks import Locate
from dualatme_keras.video import check_size

LONGEST_SECONDS = 10.0
"""Longest clip in which one apex is spotted: ten times what a micro-expression takes."""

MOST_FRAMES = 2000
"""As many frames have 10 seconds at 200 a second: the limit where the frame rate is not known. Their motion
takes 400 MB."""


@dataclasses.dataclass(frozen=True)
class OnsetApex:
    """Onset and apex of a clip.

    Attributes:
        onset, apex: numbers of the two frames.
        apex_found: `given` or `spotted`.
        onset_frame, apex_frame: RGB `(height, width, 3)`, uint8.
        landmarks: `(5, 2)` of the onset frame, in its pixels.
        course: motion since the onset in each of `course_frames`, in per cent of the distance between the
            eyes (see `motion_size`), where the apex was spotted, otherwise empty.
        doubts: what speaks against the face, in words (see `face.Face`); empty where nothing does.
        course_frames: numbers of those frames.
    """

    onset: int
    apex: int
    apex_found: str
    onset_frame: np.ndarray
    apex_frame: np.ndarray
    landmarks: np.ndarray
    course: np.ndarray
    doubts: tuple[str, ...] = ()
    course_frames: tuple[int, ...] = ()

    def check_motion(self) -> None:
        """Raises `DualATMEError` where both frames are the same, as where a video's were doubled."""
        if np.array_equal(self.onset_frame, self.apex_frame):
            raise DualATMEError(
                f"Expected motion. Received: frames {self.onset} and {self.apex}, which are the same."
            )


def check_length(name: str, count: int, rate: float | None, instead: str) -> None:
    """Raises `DualATMEError` where there are too many frames for the clip of one expression.

    Args:
        name: of the clip.
        count: how many frames it has from onset to offset.
        rate: frames per second; None where it is not known.
        instead: what to do then, in a sentence.
    """
    if rate is None:
        longest, length, long = f"{MOST_FRAMES} frames", f"{count} frames", count > MOST_FRAMES
    else:
        seconds = round((count - 1) / rate, 1)  # from the first to the last
        longest, length = f"{LONGEST_SECONDS:g} seconds", f"{seconds:.1f} seconds"
        long = seconds > LONGEST_SECONDS
    if long:
        raise DualATMEError(
            f"Expected the clip of one expression, {longest} at most. Received: {name} of {length}. {instead}"
        )


def find_onset_apex(
    frames: Sequence[int],
    read: Callable[[int], np.ndarray],
    locate: Locate,
    margin: float,
    apex: int | None = None,
    name: str = "",
) -> OnsetApex:
    """Finds the face in the onset frame and, where it is not known, the apex.

    Args:
        frames: what `read` takes, from the onset to the offset or to the apex; at least two.
        read: gives a frame, RGB `(height, width, 3)`, uint8; called for one frame at a time.
        locate: finds the face in the onset frame, see `landmark_source`.
        margin: see `PrepareSettings`.
        apex: which of `frames` is the apex; None spots it.
        name: of the clip, for `locate`.

    Raises:
        DualATMEError: there is no upright face, there are too few frames, or one has another size.
    """
    if len(frames) < 2:
        raise DualATMEError(f"Expected at least two frames from onset to offset. Received: {len(frames)}.")
    onset_frame = read(frames[0])
    check_size(*onset_frame.shape[:2], f"frame {frames[0]}")
    face = locate(onset_frame, name)
    landmarks = face.landmarks

    def read_checked(frame):
        image = onset_frame if frame == frames[0] else read(frame)
        if image.shape != onset_frame.shape:
            raise DualATMEError(
                f"Expected frames of the onset's size, {_size(onset_frame)}. "
                f"Received: frame {frame} of {_size(image)}."
            )
        return image

    motion, seen, found = np.array([]), (), "given"
    if apex is None:
        faces, places = _spotting_faces(map(read_checked, frames), landmarks, margin)
        course = expression_course(faces, places)
        apex, motion, seen, found = frames[spot_apex(course.along)], course.motion, tuple(frames), "spotted"
    apex_frame = read_checked(apex)
    return OnsetApex(
        frames[0], apex, found, onset_frame, apex_frame, landmarks, motion, face.doubts, course_frames=seen
    )


def expression_motion(onset_apex: OnsetApex, margin: float) -> float:
    """How far the face has moved from onset to apex, in per cent of the distance between the eyes.

    The same for given and spotted apexes, and the value of `OnsetApex.course` at the apex; below
    `LITTLE_MOTION` it can be noise.

    Args:
        onset_apex: onset and apex.
        margin: see `PrepareSettings`.
    """
    faces, places = _spotting_faces(
        (onset_apex.onset_frame, onset_apex.apex_frame), onset_apex.landmarks, margin
    )
    return motion_between(*faces, places)


def _spotting_faces(frames, landmarks, margin):
    """Grey faces of frames, aligned one by one, and their landmarks in fractions of the face."""
    transform = eye_transform(landmarks, SPOTTING_SIZE, margin)
    places = (transform_points(landmarks, transform) + 0.5) / SPOTTING_SIZE
    return (to_grey(align_face(frame, transform, SPOTTING_SIZE)) for frame in frames), places


def to_grey(image: np.ndarray) -> np.ndarray:
    """Luminance of an RGB image, uint8 `(height, width)` (ITU-R BT.601)."""
    return np.rint(image @ np.array(LUMINANCE)).astype("uint8")


def _size(image):
    return f"{image.shape[1]} x {image.shape[0]} pixels"
