"""Where the face is: five landmarks of a frame, from a detector, a file, or the template."""

import csv
import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.regions import TEMPLATE_LANDMARKS, check_landmarks

SOURCES = ("mtcnn", "mediapipe", "file", "template")

Locate = Callable[[np.ndarray, str], np.ndarray]
"""Called with an RGB frame `(height, width, 3)`, uint8, and the name of its clip; gives landmarks `(5, 2)` in
pixels (see `regions.TEMPLATE_LANDMARKS` for their order). Raises `DualATMEError` where there is no face."""

_CONFIDENCE = 0.8
"""Below it a detection of MTCNN is no face."""

_MESH = {
    "left_eye": (33, 133),
    "right_eye": (362, 263),
    "nose": (1,),
    "mouth_left": (61,),
    "mouth_right": (291,),
}
"""Points of MediaPipe's face mesh whose mean is one of the five landmarks, image-left first."""


def landmark_source(source: str, file: str | os.PathLike | None = None) -> Locate:
    """Returns the function that finds the landmarks of a frame.

    Args:
        source: `mtcnn` (the package of that name, weights included), `mediapipe` (its face landmarker),
            `file` (a table of landmarks) or `template` (frames are aligned and cropped already).
        file: `mediapipe`: the `.task` model; `file`: a CSV of `name,left_eye_x,left_eye_y,right_eye_x,...`,
            as `read_landmarks` takes it.

    Raises:
        DualATMEError: there is no such source, its file is missing, or its package is not installed.
    """
    if source not in SOURCES:
        raise DualATMEError(f"Expected landmarks from {', '.join(SOURCES)}. Received: {source!r}.")
    if source in ("mediapipe", "file") and (file is None or not os.path.isfile(file)):
        what = "table of landmarks" if source == "file" else ".task model of MediaPipe's face landmarker"
        raise DualATMEError(
            f"Expected --landmarks_file, the {what}, for --landmarks={source}. "
            f"Received: {'none' if file is None else f'{file}, which is no file'}."
        )
    if source == "template":
        return _locate_template
    if source == "file":
        return functools.partial(_locate_in_table, read_landmarks(file), os.fspath(file))
    if source == "mediapipe":
        return functools.partial(_locate_with_mediapipe, os.fspath(file))
    return _locate_with_mtcnn


def read_landmarks(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a table of landmarks.

    Args:
        path: CSV with the columns `name` and `left_eye_x`, `left_eye_y`, `right_eye_x`, `right_eye_y`,
            `nose_x`, `nose_y`, `mouth_left_x`, `mouth_left_y`, `mouth_right_x`, `mouth_right_y`: pixels of
            the clip's onset frame, left and right as in the image. An earlier manifest is such a table.

    Returns:
        Landmarks `(5, 2)` by clip.

    Raises:
        DualATMEError: a column is missing, a value is no number, or a clip stands there twice; names the row.
    """
    table = {}
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        wanted = ["name", *LANDMARK_COLUMNS]
        missing = [name for name in wanted if name not in (reader.fieldnames or ())]
        if missing:
            raise DualATMEError(
                f"{path}:1: Expected the columns {', '.join(wanted)}. Missing: {', '.join(missing)}."
            )
        for number, row in enumerate(reader, start=2):
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
    return TEMPLATE_LANDMARKS * (width, height) - 0.5


def _locate_in_table(table, file, frame, clip):
    if clip not in table:
        raise DualATMEError(f"Expected landmarks of clip {clip} in {file}. Received: no row of it.")
    return _inside(table[clip], frame)


def _locate_with_mtcnn(frame, clip):
    faces, border = _detect(frame), 0
    if not faces:
        # A face that fills its frame, as in cropped databases, is found with room around it.
        border = max(frame.shape[:2]) // 3
        faces = _detect(np.pad(frame, ((border, border), (border, border), (0, 0)), mode="edge"))
    if not faces:
        raise DualATMEError("Expected a face in the onset frame. Received: none that MTCNN finds.")
    # Of several the largest: the person in front of the camera.
    points = max(faces, key=lambda face: face["box"][2] * face["box"][3])["keypoints"]
    # Left and right are the image's, whatever a detector's names mean.
    eyes = sorted((points["left_eye"], points["right_eye"]))
    mouth = sorted((points["mouth_left"], points["mouth_right"]))
    return _inside(np.array([*eyes, points["nose"], *mouth], dtype="float64") - border, frame)


def _detect(frame):
    """Faces that MTCNN is sure of."""
    return [face for face in _mtcnn().detect_faces(frame) if face["confidence"] >= _CONFIDENCE]


def _locate_with_mediapipe(model, frame, clip):
    import mediapipe

    found = _mediapipe(model).detect(
        mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
    )
    if not found.face_landmarks:
        raise DualATMEError("Expected a face in the onset frame. Received: none that MediaPipe finds.")
    height, width = frame.shape[:2]
    mesh = np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in found.face_landmarks[0]])
    return _inside(np.array([mesh[list(points)].mean(axis=0) for points in _MESH.values()]), frame)


def _inside(points, frame):
    height, width = frame.shape[:2]
    outside = (points < -0.5) | (points > np.array([width, height]) - 0.5)
    if outside.any():
        raise DualATMEError(
            f"Expected landmarks inside the frame of {width} x {height} pixels. "
            f"Received: {points.round(1).tolist()}."
        )
    return check_landmarks(points)


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
    options = python.vision.FaceLandmarkerOptions(base_options=python.BaseOptions(model_asset_path=model))
    return python.vision.FaceLandmarker.create_from_options(options)


def _not_installed(package, error):
    return (
        f"Expected the package {package}. Received: {error}. "
        "pip install 'dualatme-keras[prepare]' brings mtcnn; pip install mediapipe the other."
    )
