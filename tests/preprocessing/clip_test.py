"""A clip from frames to flow images: alignment, puzzle, stabilisation, faults."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.puzzle import cut_puzzle
from dualatme_keras.geometry.regions import TEMPLATE_BOXES, TEMPLATE_LANDMARKS, boxes_from_landmarks
from dualatme_keras.preprocessing import LANDMARK_COLUMNS as COLUMNS
from dualatme_keras.preprocessing import (
    PrepareSettings,
    align_face,
    encode_flow,
    eye_transform,
    head_motion,
    landmark_source,
    optical_flow,
    prepare_clip,
    read_landmarks,
    transform_points,
)
from dualatme_keras.preprocessing.apex import counted_pixels
from dualatme_keras.synthetic.head_motion import head_motion_flow
from dualatme_keras.synthetic.muscles import action_unit_flow


def smooth_noise(size, seed=0):
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, np.newaxis], np.fft.rfftfreq(size)[np.newaxis, :])
    image = np.fft.irfft2(spectrum * np.exp(-((frequency / 0.12) ** 2)), s=(size, size))
    return 128 + 40 * image / image.std()


@pytest.mark.parametrize("method", ["tvl1", "dis"])
def test_flow_points_right_and_down(method):
    image = smooth_noise(96)
    moved = np.roll(image, (2, 3), axis=(0, 1))  # content goes 3 to the right, 2 down
    flow = optical_flow(image, moved, method)
    assert flow.shape == (96, 96, 2)
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), (3.0, 2.0), atol=0.15)


@pytest.mark.parametrize("method", ["tvl1", "dis"])
def test_flow_does_not_depend_on_the_frames_before(method):
    """OpenCV's estimators go on with other settings after frames that are too small for theirs."""
    image = smooth_noise(64)
    moved = np.roll(image, 2, axis=1)
    before = optical_flow(image, moved, method)
    optical_flow(image[:20, :20], moved[:20, :20], method)
    np.testing.assert_array_equal(optical_flow(image, moved, method), before)


def test_frames_for_flow_are_bytes():
    """Whatever numbers they come as: rounded, and cut off at 0 and 255."""
    wide = 128 + 3 * (smooth_noise(48) - 128)
    frames = wide, np.roll(wide, 1, axis=1)
    assert wide.min() < -1
    assert wide.max() > 256
    as_bytes = [np.clip(np.rint(frame), 0, 255).astype("uint8") for frame in frames]
    np.testing.assert_array_equal(optical_flow(*frames, "dis"), optical_flow(*as_bytes, "dis"))


def test_frames_without_a_flow_are_refused():
    assert optical_flow(*np.zeros((2, 16, 17), "uint8"), "dis").shape == (16, 17, 2)
    for first, second in (
        ((15, 17), (15, 17)),
        ((17, 15), (17, 15)),
        ((16, 17), (17, 17)),
        ((16, 16, 3),) * 2,
    ):
        with pytest.raises(DualATMEError, match="same size, 16 pixels at least. Received"):
            optical_flow(np.zeros(first, "uint8"), np.zeros(second, "uint8"), "dis")
    with pytest.raises(DualATMEError, match="method out of tvl1, dis. Received: 'farneback'"):
        optical_flow(*np.zeros((2, 16, 16), "uint8"), "farneback")


@pytest.mark.parametrize("angle", [-20.0, 0.0, 12.0])
def test_eyes_come_to_their_places(angle):
    turn = np.deg2rad(angle)
    rotation = 150 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (TEMPLATE_LANDMARKS - 0.5) @ rotation.T + (200.0, 170.0)
    for margin in (0.0, 0.1):
        transform = eye_transform(points, 112, margin)
        places = (transform_points(points, transform) + 0.5) / 112
        np.testing.assert_allclose(places, TEMPLATE_LANDMARKS * (1 - 2 * margin) + margin, atol=0.005)
        np.testing.assert_allclose(
            np.linalg.det(transform[:, :2]) ** 0.5, (1 - 2 * margin) * 112 / 150, rtol=0.02
        )


def test_alignment_of_the_template_changes_nothing():
    image = smooth_noise(112).clip(0, 255).astype("uint8")
    transform = eye_transform(TEMPLATE_LANDMARKS * 112 - 0.5, 112)
    np.testing.assert_array_equal(align_face(image, transform, 112), image)


def test_margins_out_of_range_are_refused():
    landmarks = TEMPLATE_LANDMARKS * 112
    for margin in (-0.01, 0.41, float("nan")):
        with pytest.raises(DualATMEError, match=f"margin from 0 to 0.4. Received: {margin}"):
            eye_transform(landmarks, 112, margin)
    assert eye_transform(landmarks, 112, 0.4).shape == (2, 3)


def test_only_what_is_made_smaller_is_blurred():
    """Stripes of one pixel stay where a face is enlarged, and fade where it is made a little smaller."""
    stripes = np.tile(np.array([0, 255], "uint8"), (64, 32))
    for scale, least, most in ((2.0, 250, 255), (0.6, 0, 200)):
        transform = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
        aligned = align_face(stripes, transform, 32).astype(int)
        assert least <= np.ptp(aligned[8:24, 2:18]) <= most


def test_boxes_follow_the_landmarks():
    np.testing.assert_allclose(boxes_from_landmarks(TEMPLATE_LANDMARKS), TEMPLATE_BOXES)
    low_mouth = TEMPLATE_LANDMARKS + np.array([(0, 0)] * 3 + [(0.0, 0.04)] * 2)
    boxes = boxes_from_landmarks(low_mouth)
    # From eyes to mouth 0.49 instead of 0.45: so much higher is every box, about the eyes or the mouth.
    eyes, mouth, higher = 0.31, 0.76, 0.49 / 0.45
    rows = np.array([eyes, eyes, mouth])[:, np.newaxis]
    np.testing.assert_allclose(
        boxes[:, [0, 2]], rows + 0.04 * (rows == mouth) + (TEMPLATE_BOXES[:, [0, 2]] - rows) * higher
    )
    np.testing.assert_allclose(boxes[:, [1, 3]], TEMPLATE_BOXES[:, [1, 3]])
    half = boxes_from_landmarks((TEMPLATE_LANDMARKS - 0.5) / 2 + 0.5)
    np.testing.assert_allclose(half, (TEMPLATE_BOXES - 0.5) / 2 + 0.5)


def test_layer_and_preparation_cut_the_same_puzzle():
    from dualatme_keras.layers import ROIPuzzle

    image = smooth_noise(56)[..., np.newaxis].repeat(3, axis=-1).astype("float32")
    boxes = boxes_from_landmarks(TEMPLATE_LANDMARKS + 0.02)
    layer = ROIPuzzle((56, 56), boxes=boxes.tolist())
    np.testing.assert_allclose(np.asarray(layer(image[np.newaxis]))[0], cut_puzzle(image, boxes), atol=1e-3)


def test_head_motion_is_found_beside_an_expression():
    expression = action_unit_flow(12) + action_unit_flow(4)
    y, x = np.mgrid[:112, :112] / 112 - 0.5
    head = np.stack(
        [0.8 - 0.01 * 112 * y + 0.005 * 112 * x, -0.5 + 0.01 * 112 * x + 0.005 * 112 * y], axis=-1
    )
    head += head_motion_flow(turn=(0.3, -0.5))
    found = head_motion(expression + head, TEMPLATE_LANDMARKS)
    inside = np.s_[10:100, 10:100]
    assert np.abs(found - head)[inside].mean() < 0.1
    assert np.abs(found - head)[inside].max() < 0.3
    assert np.abs(head_motion(np.zeros((112, 112, 2)), TEMPLATE_LANDMARKS)).max() < 1e-6


def frames_of(*shifts):
    image = smooth_noise(160)
    frames = [np.roll(image, shift, axis=(0, 1)) for shift in shifts]
    return [np.repeat(frame.clip(0, 255).astype("uint8")[..., np.newaxis], 3, axis=-1) for frame in frames]


def prepared(frames, apex=None, **changes):
    settings = PrepareSettings(landmarks="template", flow="dis", **changes)
    locate = landmark_source("template")
    return prepare_clip(range(len(frames)), lambda n: frames[n], locate, settings, apex)


def test_prepared_clip():
    clip = prepared(frames_of((0, 0), (0, 1), (0, 3)), apex=2, margin=0.0)
    assert (clip.onset, clip.apex, clip.apex_found) == (0, 2, "given")
    # A shift of 3 of 160 pixels on a face of 112; the puzzle enlarges the brow tiles by 0.5 / 0.44.
    np.testing.assert_allclose(np.median(clip.flow, axis=(0, 1)), (2.1, 0.0), atol=0.15)
    np.testing.assert_allclose(np.median(clip.puzzle_flow[:50, :50, 0]), 2.1 * 0.5 / 0.44, atol=0.25)
    assert clip.entire.shape == clip.puzzled.shape == (28, 28, 3)
    np.testing.assert_allclose(clip.boxes, TEMPLATE_BOXES, atol=1e-6)


def test_stabilised_head_motion_is_gone():
    frames = frames_of((0, 0), (1, 2))
    for puzzle in ("frames", "flow"):
        clip = prepared(frames, apex=1, stabilize=True, puzzle=puzzle)
        assert np.median(np.abs(clip.flow)) < 0.1
        assert np.median(np.abs(clip.puzzle_flow)) < 0.2


def test_puzzle_of_the_flow_is_cut_from_it():
    clip = prepared(frames_of((0, 0), (1, 2)), apex=1, puzzle="flow")
    np.testing.assert_array_equal(clip.puzzle_flow, cut_puzzle(clip.flow, clip.boxes))


def test_encodings():
    flow = np.zeros((8, 8, 2))
    flow[2:4, 2:4] = (1.0, -0.5)
    minmax, joint, fixed = (encode_flow(flow, encoding) for encoding in ("minmax", "joint", "fixed"))
    assert (minmax[3, 3, 0], minmax[0, 0, 0], minmax[3, 3, 1], minmax[0, 0, 1]) == (255, 0, 0, 255)
    assert (joint[3, 3, 0], joint[0, 0, 0], joint[3, 3, 1], joint[0, 0, 1]) == (255, 85, 0, 85)
    assert (fixed[3, 3, 0], fixed[0, 0, 0], fixed[3, 3, 1]) == (191, 128, 96)
    assert encode_flow(100 * flow, "fixed")[3, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flow": "farneback"}, "`flow` out of tvl1, dis. Received: 'farneback'"),
        ({"encoding": "jet"}, "`encoding`"),
        ({"margin": 0.5}, "`margin` from 0 to 0.4"),
        ({"image_size": 200}, "`image_size` from 4 to 112"),
        ({"pixel_range": 0.0}, "positive `pixel_range`"),
        ({"pixel_range": float("nan")}, "positive `pixel_range`"),
        ({"margin": -0.01}, "`margin` from 0 to 0.4"),
        ({"face_size": 31}, "`face_size` from 32 to 1024"),
        ({"face_size": 1025}, "`face_size` from 32 to 1024"),
        ({"image_size": 3}, "`image_size` from 4 to 112"),
        ({"image_size": 113}, "`image_size` from 4 to 112"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(DualATMEError, match=message):
        PrepareSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"face_size": 32, "image_size": 32},
        {"face_size": 1024, "image_size": 4},
        {"margin": 0.0},
        {"margin": 0.4},
        {"pixel_range": 0.01},
    ],
    ids=str,
)
def test_settings_at_their_limits(changes):
    settings = PrepareSettings(**changes)
    assert {name: getattr(settings, name) for name in changes} == changes


def test_faulty_clips():
    frames = frames_of((0, 0), (0, 1))
    with pytest.raises(DualATMEError, match="at least two frames.*Received: 1"):
        prepared(frames[:1])
    with pytest.raises(DualATMEError, match="160 x 160 pixels.*frame 1 of 100 x 160"):
        prepared([frames[0], frames[1][:, :100]])
    with pytest.raises(DualATMEError, match="none that MTCNN finds"):
        landmark_source("mtcnn")(frames[0], "clip")


def landmark_row(**changes):
    values = {"name": "a", **dict(zip(COLUMNS, range(20, 30), strict=True))}
    values |= {
        "left_eye_x": 20,
        "left_eye_y": 20,
        "right_eye_x": 60,
        "right_eye_y": 20,
        "nose_x": 40,
        "nose_y": 40,
    }
    values |= {"mouth_left_x": 25, "mouth_left_y": 60, "mouth_right_x": 55, "mouth_right_y": 60, **changes}
    return ",".join(str(value) for value in values.values())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,x"], r":1: Expected the columns name, left_eye_x.*Missing: left_eye_x, left_eye_y"),
        (["HEADER", landmark_row(nose_x="here")], ":2: could not convert"),
        (["HEADER", landmark_row(nose_x="nan")], ":2: Expected five landmarks"),
        (["HEADER", "a,20,20"], ":2: float.. argument"),
        (["HEADER", landmark_row(left_eye_x=90)], ":2: Expected an upright face"),
        (["HEADER", landmark_row(), landmark_row()], ":3: Expected every clip once"),
    ],
)
def test_faulty_landmark_tables(lines, message, tmp_path):
    text = "\n".join(lines).replace("HEADER", ",".join(["name", *COLUMNS]))
    (tmp_path / "landmarks.csv").write_text(text)
    with pytest.raises(DualATMEError, match=message):
        read_landmarks(tmp_path / "landmarks.csv")


def test_landmarks_in_another_encoding(tmp_path):
    lines = [",".join(["name", *COLUMNS]), landmark_row(name="\u8138")]
    (tmp_path / "landmarks.csv").write_bytes("\n".join(lines).encode("gbk"))
    with pytest.raises(
        DualATMEError, match=r"landmarks.csv:2: Expected a CSV in UTF-8.*Save it as 'CSV UTF-8'"
    ):
        read_landmarks(tmp_path / "landmarks.csv")


def test_landmarks_of_a_file(tmp_path):
    lines = [",".join(["name", *COLUMNS]), landmark_row()]
    (tmp_path / "landmarks.csv").write_text("\n".join(lines))
    locate = landmark_source("file", tmp_path / "landmarks.csv")
    frame = np.zeros((100, 100, 3), "uint8")
    assert locate(frame, "a").landmarks.tolist()[0] == [20.0, 20.0]
    with pytest.raises(DualATMEError, match="landmarks of clip b"):
        locate(frame, "b")
    with pytest.raises(DualATMEError, match="inside the frame of 50 x 50"):
        locate(frame[:50, :50], "a")
    with pytest.raises(DualATMEError, match="table of landmarks.*Received: .*nothing.csv, which is no file"):
        landmark_source("file", tmp_path / "nothing.csv")
    with pytest.raises(DualATMEError, match="`landmarks_file`, the .task model of MediaPipe.*Received: none"):
        landmark_source("mediapipe")


def test_pixels_that_tell_an_expression_leave_the_lids_out():
    """Ellipses of half and a third of the distance between the eyes, in the boxes of brows and mouth."""
    size = 200
    counted = counted_pixels(TEMPLATE_LANDMARKS, (size, size))
    eye_x, eye_y = TEMPLATE_LANDMARKS[0]
    half_width, half_height = 0.5 * 0.4, 0.35 * 0.4
    for along, across, inside in (
        (0.0, 0.0, False),
        (0.95 * half_width, 0.0, False),
        (0.0, -0.95 * half_height, False),
        (0.0, -1.05 * half_height, True),  # the brow
        (-1.05 * half_width, 0.0, True),
    ):
        assert counted[int((eye_y + across) * size), int((eye_x + along) * size)] == inside
    assert counted[int(0.76 * size), size // 2]  # the mouth
    assert not counted[int(0.55 * size), size // 2]  # the nose
    np.testing.assert_array_equal(counted[:, ::-1], counted)  # as the template is
