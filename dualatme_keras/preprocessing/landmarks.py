"""Where the face is: five landmarks of a frame, from a detector, a file, or the template."""

import functools
import os
from collections.abc import Callable

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import csv_records
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS, check_landmarks
from dualatme_keras.preprocessing.detection import FACE_CHOICES, Detection, Detector, locate_detected
from dualatme_keras.preprocessing.face import Face, check_face

SOURCES = ("mtcnn", "mediapipe", "file", "template")

Locate = Callable[[np.ndarray, str], Face]
"""Called with an RGB frame `(height, width, 3)`, uint8, and the name of its clip; raises `DualATMEError`
where there is no upright face."""

_CONFIDENCE = 0.8
"""Below it a detection of MTCNN is no face."""

_MOST_FACES = 10
"""That MediaPipe looks for; it wants a number."""

_MESH = {
    "left_eye": (33, 133),
    "right_eye": (362, 263),
    "nose": (1,),
    "mouth_left": (61,),
    "mouth_right": (291,),
}
"""Points of MediaPipe's face mesh whose mean is one of the five landmarks, image-left first."""


def landmark_source(source: str, file: str | os.PathLike | None = None, face: str = "largest") -> Locate:
    """Returns the function that finds the face in a frame.

    Args:
        source: `mtcnn` (the package of that name, weights included), `mediapipe` (its face landmarker),
            `file` (a table of landmarks) or `template` (frames are aligned and cropped already).
        file: `mediapipe`: the `.task` model; `file`: a CSV of `name,left_eye_x,left_eye_y,right_eye_x,...`,
            as `read_landmarks` takes it.
        face: which of several faces a detector takes, one of `detection.FACE_CHOICES`.

    Raises:
        DualATMEError: there is no such source or choice, or a file or package is missing, or a file given
            that says nothing.
    """
    if source not in SOURCES:
        raise DualATMEError(f"Expected landmarks from {', '.join(SOURCES)}. Received: {source!r}.")
    if face not in FACE_CHOICES:
        raise DualATMEError(f"Expected `face` out of {', '.join(FACE_CHOICES)}. Received: {face!r}.")
    if source in ("file", "template") and face != "largest":
        raise DualATMEError(
            f"Expected `face` with a detector, mtcnn or mediapipe. Received: `face={face!r}` with "
            f"`landmarks={source!r}`, which knows of one face only."
        )
    if file is not None and source not in ("file", "mediapipe"):
        raise DualATMEError(
            f"Expected `landmarks_file` with `landmarks='file'` or mediapipe. Received: it with {source}, "
            "which takes none. Leave it out, or give `landmarks`."
        )
    if source in ("mediapipe", "file") and (file is None or not os.path.isfile(file)):
        what = "table of landmarks" if source == "file" else ".task model of MediaPipe's face landmarker"
        raise DualATMEError(
            f"Expected `landmarks_file`, the {what}, for `landmarks={source!r}`. "
            f"Received: {'none' if file is None else f'{file}, which is no file'}."
        )
    if source == "template":
        return _locate_template
    if source == "file":
        return functools.partial(_locate_in_table, read_landmarks(file), os.fspath(file))
    detector = Detector("MTCNN", _detect_with_mtcnn)
    if source == "mediapipe":
        detector = Detector("MediaPipe", functools.partial(_detect_with_mediapipe, os.fspath(file)))
    return functools.partial(locate_detected, detector, face)


def read_landmarks(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a table of landmarks.

    Args:
        path: CSV with the columns `name` and `left_eye_x`, `left_eye_y`, `right_eye_x`, `right_eye_y`,
            `nose_x`, `nose_y`, `mouth_left_x`, `mouth_left_y`, `mouth_right_x`, `mouth_right_y`: pixels of
            the clip's onset frame, left and right as in the image. An earlier manifest is such a table.

    Returns:
        Landmarks `(5, 2)` by clip.

    Raises:
        DualATMEError: a column is missing, a value is no number, a clip stands there twice, or the table is
            not in UTF-8; names the row.
    """
    table = {}
    for number, row in csv_records(path, ["name", *LANDMARK_COLUMNS]):
        try:
            points = np.array([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)
            check_landmarks(points)
        except (TypeError, ValueError) as error:
            raise DualATMEError(f"{path}:{number}: {error}") from error
        if row["name"] in table:
            raise DualATMEError(
                f"{path}:{number}: Expected every clip once. Received: {row['name']!r} again."
            )
        table[row["name"]] = points
    return table


LANDMARK_COLUMNS = tuple(
    f"{point}_{axis}"
    for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    for axis in "xy"
)
"""Columns of a table of landmarks, also in the manifest."""


def _locate_template(frame, clip):
    height, width = frame.shape[:2]
    return check_face(TEMPLATE_LANDMARKS * (width, height) - 0.5, (height, width))


def _locate_in_table(table, file, frame, clip):
    if clip not in table:
        raise DualATMEError(f"Expected landmarks of clip {clip} in {file}. Received: no row of it.")
    return check_face(table[clip], frame.shape[:2])


def _detect_with_mtcnn(frame):
    return [
        _mtcnn_detection(face) for face in _mtcnn().detect_faces(frame) if face["confidence"] >= _CONFIDENCE
    ]


def _mtcnn_detection(face):
    points = face["keypoints"]
    # Left and right are the image's, whatever a detector's names mean.
    eyes = sorted((points["left_eye"], points["right_eye"]))
    mouth = sorted((points["mouth_left"], points["mouth_right"]))
    landmarks = np.array([*eyes, points["nose"], *mouth], dtype="float64")
    return Detection(landmarks, tuple(map(float, face["box"])), float(face["confidence"]))


def _detect_with_mediapipe(model, frame):
    detector = _mediapipe(model)
    import mediapipe

    found = detector.detect(
        mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
    )
    height, width = frame.shape[:2]
    meshes = [
        np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in points])
        for points in found.face_landmarks
    ]
    return [_mesh_detection(mesh) for mesh in meshes]


def _mesh_detection(mesh):
    landmarks = np.array([mesh[list(points)].mean(axis=0) for points in _MESH.values()])
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    return Detection(landmarks, (*low, *(high - low)))


@functools.cache
def _mtcnn():
    try:
        from mtcnn import MTCNN
    except ImportError as error:
        raise DualATMEError(_not_installed("mtcnn", error)) from error
    return MTCNN()


@functools.cache
def _mediapipe(model):
    try:
        from mediapipe.tasks import python
    except ImportError as error:
        raise DualATMEError(_not_installed("mediapipe", error)) from error
    options = python.vision.FaceLandmarkerOptions(
        base_options=python.BaseOptions(model_asset_path=model), num_faces=_MOST_FACES
    )
    return python.vision.FaceLandmarker.create_from_options(options)


def _not_installed(package, error):
    return (
        f"Expected the package {package}. Received: {error}. "
        "pip install 'dualatme-keras[prepare]' brings mtcnn; pip install mediapipe the other."
    )
