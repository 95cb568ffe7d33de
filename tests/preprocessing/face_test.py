"""Which face is taken, which landmarks are refused, and what is said against the rest."""

import sys
import types

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing import check_face, landmark_source
from dualatme_keras.preprocessing.detection import Detection, Detector, locate_detected

FRAME = np.zeros((200, 300, 3), "uint8")


def landmarks_at(x, y, side, degrees=0.0):
    """Of a face whose box is `side` pixels wide, rolled about its middle."""
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return side * (TEMPLATE_LANDMARKS - 0.5) @ rotation.T + (x, y)


def face_at(x, y, side, confidence=1.0):
    return Detection(landmarks_at(x, y, side), (x - side / 2, y - side / 2, side, side), confidence)


def locate(*faces, choice="largest", frame=FRAME):
    return locate_detected(Detector("Eye", lambda frame: list(faces)), choice, frame, "clip")


@pytest.mark.parametrize(
    ("choice", "taken"), [("largest", 2), ("leftmost", 0), ("rightmost", 3), ("central", 1)]
)
def test_one_of_several_faces_is_taken_by_a_rule_and_told(choice, taken):
    faces = [face_at(40, 50, 60), face_at(140, 110, 50), face_at(60, 140, 80), face_at(250, 50, 70)]
    for order in (faces, faces[::-1]):
        found = locate(*order, choice=choice)
        np.testing.assert_array_equal(found.landmarks, faces[taken].landmarks)
        assert found.doubts == (f"4 faces, of which the {choice} was taken",)


def test_of_equally_large_faces_the_most_central_is_taken():
    faces = [face_at(50, 100, 60), face_at(180, 100, 60), face_at(260, 100, 60)]
    for order in (faces, faces[::-1]):
        np.testing.assert_array_equal(locate(*order).landmarks, faces[1].landmarks)


@pytest.mark.parametrize(
    ("places", "taken"),
    [
        ([(150, 90), (150, 160)], 0),
        ([(150, 65), (150, 120)], 1),
        ([(110, 100), (150, 150)], 0),
        ([(100, 150), (170, 100)], 1),
    ],
)
def test_the_middle_of_a_frame_is_that_of_its_height_and_width(places, taken):
    faces = [face_at(x, y, 60) for x, y in places]
    np.testing.assert_array_equal(locate(*faces, choice="central").landmarks, faces[taken].landmarks)


def test_a_face_alone_is_beyond_doubt():
    assert locate(face_at(100, 100, 120)).doubts == ()


@pytest.mark.parametrize("other", [(30, 50), (60, 33)])
def test_a_face_that_fills_its_frame_is_found_with_room_around_it(other):
    """Its place is that in the frame, also for the rule."""

    def detect(frame):
        faces = [face_at(33 + x, 33 + y, 60) for x, y in (other, (60, 50))]
        return faces if len(frame) > 100 else []

    found = locate_detected(Detector("Eye", detect), "central", FRAME[:100, :100], "clip")
    np.testing.assert_allclose(found.landmarks, landmarks_at(60, 50, 60))


def test_a_long_strip_gets_no_room_as_long_as_itself():
    sizes = []
    detector = Detector("Eye", lambda frame: sizes.append(frame.shape) or [])
    with pytest.raises(DualATMEError, match="a face in the onset frame"):
        locate_detected(detector, "central", np.zeros((40, 6000, 3), "uint8"), "clip")
    assert max(np.prod(size) for size in sizes) <= 3 * 120 * 6080


def test_what_the_detector_is_not_sure_of_is_doubted():
    assert locate(face_at(100, 100, 120, confidence=0.85)).doubts == ("detector's confidence 0.85",)
    narrow = face_at(100, 100, 120)._replace(landmarks=landmarks_at(100, 100, 60))
    assert locate(narrow).doubts == ("eyes closer together than in a face that looks at the camera",)
    # The limits: 0.9, and eyes 0.37 of the width of the box apart, however high it is.
    assert locate(face_at(100, 100, 120, confidence=0.9)).doubts == ()
    eyes = landmarks_at(100, 100, 92.5)  # 37 pixels
    for height in (50, 200):
        assert locate(Detection(eyes, (50, 50, 100, height))).doubts == ()
        assert len(locate(Detection(eyes, (50, 50, 101, height))).doubts) == 1


@pytest.mark.parametrize("seen", [[], [face_at(100, 100, 120, confidence=0.85)]])
@pytest.mark.parametrize(
    ("quarters", "turn"),
    [(1, "90 degrees clockwise"), (2, "180 degrees"), (3, "90 degrees counterclockwise")],
)
def test_a_head_on_its_side_is_refused_with_what_to_do(seen, quarters, turn):
    """`quarters` counterclockwise lies the head; the frame's upper left pixel is white."""
    upright = FRAME.copy()
    upright[0, 0] = 255

    def detect(frame):
        return [face_at(100, 100, 120)] if frame[0, 0, 0] == 255 else seen

    with pytest.raises(DualATMEError, match=f"Expected an upright face.*turned by {turn}. Turn the video"):
        locate_detected(Detector("Eye", detect), "largest", np.rot90(upright, quarters), "clip")


def test_no_face_in_any_direction():
    with pytest.raises(DualATMEError, match="Expected a face.*Received: none that Eye finds"):
        locate()


def moved(index, x, y):
    points = landmarks_at(100, 100, 100)
    points[index] += (x, y)
    return points


SIZE = (200, 300)


@pytest.mark.parametrize(
    ("landmarks", "doubt"),
    [
        (landmarks_at(100, 100, 100, -30), "eyes 30 degrees off the level"),
        (landmarks_at(100, 100, 100, 30), "eyes 30 degrees off the level"),
        (landmarks_at(100, 100, 100) * (0.5, 1.0), "a mouth 2.25 eye distances below the eyes"),
        (moved([3, 4], -24, 0), "a mouth 0.60 eye distances aside from the middle of the eyes"),
        (moved(3, 20, 0), "a mouth 0.30 eye distances wide"),
        (moved(2, 0, 20), "a nose at 0.98 of the way from eyes to mouth"),
        (moved(2, 24, 0), "a nose 0.60 eye distances aside from the middle of the eyes"),
        (landmarks_at(100, 100, 35), "a small face, its eyes 14 pixels apart"),
    ],
)
def test_unusual_landmarks_are_doubted(landmarks, doubt):
    face = check_face(landmarks, SIZE, ("what the source says",))
    assert face.doubts == ("what the source says", doubt)
    np.testing.assert_array_equal(face.landmarks, landmarks)


def test_landmarks_may_lie_on_the_border():
    """The middle of the corner pixel is at (0, 0), so the frame begins half a pixel before it."""
    points = landmarks_at(100, 100, 100)
    first = points - points.min(axis=0) - 0.5
    last = points - points.max(axis=0) + np.array(SIZE[::-1]) - 0.5
    for inside in (first, last):
        check_face(inside, SIZE)
    for corner, step in ((first, -0.01), (last, 0.01)):
        for direction in ((step, 0.0), (0.0, step)):
            with pytest.raises(DualATMEError, match="inside the frame of 300 x 200"):
                check_face(corner + np.array(direction), SIZE)


@pytest.mark.parametrize("degrees", [-20, 0, 20])
def test_landmarks_of_a_face_are_beyond_doubt(degrees):
    points = landmarks_at(100, 100, 100, degrees)
    assert check_face(points, SIZE).doubts == ()
    mirrored = (points * (-1, 1) + (200, 0))[[1, 0, 2, 4, 3]]
    assert check_face(mirrored, SIZE).doubts == ()


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (landmarks_at(100, 100, 100, 50), "eyes 50 degrees off the level. Turn frames"),
        (landmarks_at(100, 100, 100) * (0.3, 1.0), "a mouth 3.75 eye distances below"),
        (moved([3, 4], 0, -32), "a mouth 0.33 eye distances below the eyes, a nose at 1.85"),
        (moved([3, 4], -40, 0), "a mouth 1.00 eye distances aside"),
        (moved([3, 4], 0, 0)[[0, 1, 2, 4, 3]], "a mouth -0.80 eye distances wide"),
        (moved(2, 0, -30), "a nose at -0.13 of the way"),
        (moved(2, -60, 0), "a nose 1.50 eye distances aside"),
        (landmarks_at(100, 100, 100, 95), "the image-left eye first.*Turn frames"),
        (landmarks_at(100, 100, 100) + 150, "inside the frame of 300 x 200"),
    ],
)
def test_landmarks_of_no_upright_face_are_refused(landmarks, message):
    with pytest.raises(DualATMEError, match=f"Received: .*{message}|{message}"):
        check_face(landmarks, SIZE)


def face_of(roll=0.0, mouth_below=1.0, mouth_aside=0.0, mouth_width=0.75, nose_below=0.5, nose_aside=0.0):
    """Landmarks of these measures, the eyes 128 pixels apart: a power of two rounds nothing."""
    mouth = [(mouth_aside + side * mouth_width / 2, mouth_below) for side in (-1, 1)]
    points = np.array([(-0.5, 0.0), (0.5, 0.0), (nose_aside, nose_below * mouth_below), *mouth])
    cosine, sine = (1.0, np.tan(np.deg2rad(roll))) if roll else (1.0, 0.0)
    return 128.0 * points @ np.array([[cosine, sine], [-sine, cosine]]) + 512.0


@pytest.mark.parametrize(
    ("name", "least", "low", "high", "most"),
    [
        ("roll", -45.0, -25.0, 25.0, 45.0),
        ("mouth_below", 0.4, 0.65, 1.8, 3.0),
        ("mouth_aside", -0.8, -0.35, 0.35, 0.8),
        ("mouth_width", 0.15, 0.4, 1.4, 2.0),
        ("nose_below", 0.0, 0.2, 0.9, 1.2),
        ("nose_aside", -1.2, -0.5, 0.5, 1.2),
    ],
)
def test_the_limits_of_a_face(name, least, low, high, most):
    def checked(value):
        return check_face(face_of(**{name: value}), (1024, 1024)).doubts

    step = 0.01
    for usual in (low + step, high - step):
        assert checked(usual) == ()
    for odd in (least + step, low - step, high + step, most - step):
        assert len(checked(odd)) == 1
    for impossible in (least - step, most + step):
        with pytest.raises(DualATMEError, match="Expected an upright face. Received: [^,]*. Turn frames"):
            checked(impossible)


def test_the_limits_belong_to_what_is_allowed():
    for face in (face_of(nose_aside=0.5), face_of(nose_aside=-0.5)):
        assert check_face(face, (1024, 1024)).doubts == ()
    assert len(check_face(face_of(mouth_below=3.0), (1024, 1024)).doubts) == 1
    eyes_16_apart = (face_of() - 512.0) / 8 + 512.0
    assert check_face(eyes_16_apart, (1024, 1024)).doubts == ()


@pytest.fixture
def mediapipe(monkeypatch, tmp_path):
    """A stand-in for the package, whose landmarker finds a small face and then a large one."""
    options = {}

    def mesh(side, x):
        points = np.tile([x, 100.0], (478, 1)) + np.linspace(-side / 2, side / 2, 478)[:, np.newaxis]
        for indices, place in zip(
            ((33, 133), (362, 263), (1,), (61,), (291,)), landmarks_at(x, 100, side), strict=True
        ):
            points[list(indices)] = place
        return [types.SimpleNamespace(x=(px + 0.5) / 300, y=(py + 0.5) / 200) for px, py in points]

    class Landmarker:
        @staticmethod
        def create_from_options(given):
            options.update(given)
            return Landmarker()

        def detect(self, image):
            return types.SimpleNamespace(face_landmarks=[mesh(50, 60), mesh(120, 200)])

    python = types.SimpleNamespace(
        BaseOptions=dict,
        vision=types.SimpleNamespace(FaceLandmarker=Landmarker, FaceLandmarkerOptions=dict),
    )
    package = types.SimpleNamespace(
        Image=lambda **_: None, ImageFormat=types.SimpleNamespace(SRGB=1), tasks=types.SimpleNamespace()
    )
    monkeypatch.setitem(sys.modules, "mediapipe", package)
    monkeypatch.setitem(sys.modules, "mediapipe.tasks", types.SimpleNamespace(python=python))
    model = tmp_path / "model.task"
    model.touch()
    return model, options


def test_mediapipe_takes_the_largest_face_too(mediapipe):
    model, options = mediapipe
    found = landmark_source("mediapipe", model)(FRAME, "clip")
    np.testing.assert_allclose(found.landmarks, landmarks_at(200, 100, 120))
    assert found.doubts == ("2 faces, of which the largest was taken",)
    assert options["num_faces"] > 1  # without it MediaPipe looks for one
    found = landmark_source("mediapipe", model, "leftmost")(FRAME, "clip")
    np.testing.assert_allclose(found.landmarks, landmarks_at(60, 100, 50))


def test_a_missing_detector_is_named(monkeypatch, tmp_path):
    (tmp_path / "model.task").touch()
    for name in ("mediapipe", "mediapipe.tasks"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    with pytest.raises(DualATMEError, match="Expected the package mediapipe.*pip install"):
        landmark_source("mediapipe", tmp_path / "model.task")(FRAME, "clip")


def test_choices_that_are_none():
    with pytest.raises(DualATMEError, match="`face` out of largest, central.*'second'"):
        landmark_source("mtcnn", face="second")
    with pytest.raises(DualATMEError, match="`face='leftmost'` with `landmarks='template'`"):
        landmark_source("template", face="leftmost")
