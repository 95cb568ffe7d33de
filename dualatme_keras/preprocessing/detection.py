"""Faces that a detector finds in a frame: which one is taken, and whether it can be trusted."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.face_proportions import FACE_LIMITS, face_measures
from dualatme_keras.preprocessing.face import Face, check_face

_SURE = 0.9
"""Confidence from which on a detector is sure of a face."""

_LEAST_EYES = 0.37
"""Distance of the eyes relative to the width of the face's box. It is more in faces that look at the camera;
where the head lies on its side a detector draws eyes and mouth of a small upright face into it."""

_TURNS = {1: "90 degrees counterclockwise", 3: "90 degrees clockwise", 2: "180 degrees"}
"""Quarter turns of `np.rot90`, in words."""


class Detection(NamedTuple):
    """A face that a detector found.

    Attributes:
        landmarks: `(5, 2)` in pixels, left and right as in the image.
        box: left, top, width and height of the face in pixels.
        confidence: in [0, 1]; 1 where the detector does not tell.
    """

    landmarks: np.ndarray
    box: tuple[float, float, float, float]
    confidence: float = 1.0


class Detector(NamedTuple):
    """Finds faces.

    Attributes:
        name: for messages.
        detect: gives the faces of an RGB frame `(height, width, 3)`, uint8.
    """

    name: str
    detect: Callable[[np.ndarray], list[Detection]]


def _centre(face):
    left, top, width, height = face.box
    return np.array([left + width / 2, top + height / 2])


def _from_middle(face, size):
    """Distance from the middle of a frame of `size`, height and width, in pixels."""
    return float(np.hypot(*(_centre(face) - np.array(size[::-1]) / 2)))


_ORDERS = {
    # Of equally large ones the most central.
    "largest": lambda face, size: (-face.box[2] * face.box[3], _from_middle(face, size)),
    "central": _from_middle,
    "leftmost": lambda face, size: _centre(face)[0],
    "rightmost": lambda face, size: -_centre(face)[0],
}

FACE_CHOICES = tuple(_ORDERS)
"""Rules by which one of several faces is taken; left and right are the image's."""


def locate_detected(detector: Detector, choice: str, frame: np.ndarray, clip: str) -> Face:
    """Finds the face in a frame.

    A face that the detector is not sure of is looked for in the turned frame too, since detectors see small
    upright faces in heads that lie on their side.

    Args:
        detector: who finds faces.
        choice: one of `FACE_CHOICES`, for frames with several faces.
        frame: RGB `(height, width, 3)`, uint8.
        clip: name of its clip, not needed.

    Raises:
        DualATMEError: there is none, or none that is upright; says how the frame is to be turned.
    """
    size, found = frame.shape[:2], _detect(detector, frame)
    taken = min(found, key=lambda face: _ORDERS[choice](face, size), default=None)
    doubts = [] if taken is None else _unsure(taken)
    if taken is None or doubts:
        _refuse_turned(detector, frame)
    if taken is None:
        raise DualATMEError(f"Expected a face in the onset frame. Received: none that {detector.name} finds.")
    if len(found) > 1:
        doubts.append(f"{len(found)} faces, of which the {choice} was taken")
    return check_face(taken.landmarks, size, doubts)


def _detect(detector, frame):
    """The faces of a frame; where there are none, those of the frame with room around it.

    A face that fills its frame, as in cropped databases, is found so.
    """
    if found := detector.detect(frame):
        return found
    border = min(max(frame.shape[:2]) // 3, *frame.shape[:2])  # of a long strip not all of its length
    room = np.pad(frame, ((border, border), (border, border), (0, 0)), mode="edge")
    return [
        face._replace(
            landmarks=face.landmarks - border, box=(face.box[0] - border, face.box[1] - border, *face.box[2:])
        )
        for face in detector.detect(room)
    ]


def _unsure(face):
    """In words, why the detector may be wrong."""
    doubts, eyes = [], face.landmarks[1] - face.landmarks[0]
    if face.confidence < _SURE:
        doubts.append(f"detector's confidence {face.confidence:.2f}")
    if np.hypot(*eyes) < _LEAST_EYES * face.box[2]:
        doubts.append("eyes closer together than in a face that looks at the camera")
    return doubts


def _refuse_turned(detector, frame):
    """Raises `DualATMEError` where the detector is sure of a face in the frame turned by quarters."""
    roll, sure = FACE_LIMITS["roll"].most, {}
    for quarters in _TURNS:
        for face in detector.detect(np.ascontiguousarray(np.rot90(frame, quarters))):
            if not _unsure(face) and abs(face_measures(face.landmarks)["roll"]) <= roll:
                sure[face.confidence] = quarters
    if sure:
        raise DualATMEError(
            "Expected an upright face. Received: a frame in which the face is upright once it is turned by "
            f"{_TURNS[sure[max(sure)]]}. Turn the video or the images."
        )
