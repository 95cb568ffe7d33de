"""The export answers like the Keras model, in a process that knows neither Keras nor this package."""

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from spread_network import unrelated_inputs
from tiny_export import METRICS, SETTINGS

from dualatme_keras.data import decode_image
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import cosine_similarity
from dualatme_keras.models import DualATME, flow_preprocessor
from dualatme_keras.preprocessing import (
    align_face,
    eye_transform,
    landmark_source,
    prepare_onset_apex,
    read_settings,
    transform_points,
)
from dualatme_keras.recognition import RemoteRecognizer
from dualatme_keras.serving import Client, LocalExport, RequestRefused, export_saved_model
from dualatme_keras.serving.export import free_version
from dualatme_keras.serving.frames_graph import FramesGraph
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.video import image_file

# Argument 1: the SavedModel, 2: arrays to send, 3: where to write the answers.
CLIENT = """
import sys
sys.modules["keras"] = None  # importing it would fail
sys.modules["dualatme_keras"] = None
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
sent = np.load(sys.argv[2], allow_pickle=False)
inputs = {
    "serving_default": ("entire", "puzzled"),
    "serve_images": ("entire_bytes", "puzzled_bytes"),
    "serve_frames": ("onset_bytes", "apex_bytes", "landmarks"),
}
answers = {}
for batch in (1, 7):
    for name, keys in inputs.items():
        tensors = {key: tf.constant(list(sent[key][:batch])) for key in keys}
        for key, value in signatures[name](**tensors).items():
            value = value.numpy()
            answers[f"{name}.{batch}.{key}"] = value.astype("S") if key == "label" else value
np.savez(sys.argv[3], **answers)
"""
OUTPUTS = {"probabilities", "class_id", "label", "similarity"}


@pytest.fixture(scope="module")
def model(tiny):
    return tiny[0]


@pytest.fixture(scope="module")
def export(tiny):
    return tiny[1]


@pytest.fixture(scope="module")
def pairs():
    """Seven pairs of frames of two sizes; the last one is an aligned face."""
    pairs = []
    for index, size in enumerate((120, 150) * 3):
        recording = next(clip[1] for clip in synthetic_clips("smic", 20 + index, 1, 1, size))
        pairs.append(recording.true_onset_apex())
    face = align_face(pairs[0].onset_frame, eye_transform(pairs[0].landmarks, 64), 64)
    moved = align_face(pairs[0].apex_frame, eye_transform(pairs[0].landmarks, 64), 64)
    template = landmark_source("template")(face, "").landmarks
    pairs.append(dataclasses.replace(pairs[0], onset_frame=face, apex_frame=moved, landmarks=template))
    return pairs


@pytest.fixture(scope="module")
def sent(pairs):
    """What each signature is sent, seven items of each input, and the images that the network must see."""
    clips = [prepare_onset_apex(pair, SETTINGS) for pair in pairs]
    rng, inputs = np.random.default_rng(0), {}
    for name in ("entire", "puzzled"):
        images = [getattr(clip, name) for clip in clips]
        images[1] = rng.integers(0, 255, (90, 64, 3), dtype="uint8")  # larger than the network's
        inputs[f"{name}_bytes"] = np.array([image_file(image) for image in images])
        inputs[name] = np.stack([decode_image(tf.constant(image_file(image)), 28) for image in images])
    for name in ("onset", "apex"):
        inputs[f"{name}_bytes"] = np.array([image_file(getattr(pair, f"{name}_frame")) for pair in pairs])
    landmarks = np.stack([pair.landmarks for pair in pairs]).astype("float32")
    landmarks[-1] = -1.0
    return {**inputs, "landmarks": landmarks}


@pytest.fixture(scope="module")
def answers(export, sent, tmp_path_factory):
    directory = tmp_path_factory.mktemp("answers")
    np.savez(directory / "sent.npz", **sent)
    command = [sys.executable, "-c", CLIENT, export, directory / "sent.npz", directory / "answers.npz"]
    subprocess.run([str(part) for part in command], check=True, cwd=directory, timeout=300)
    with np.load(directory / "answers.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def signatures(running):
    return running.loaded.signatures


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("signature", ["serving_default", "serve_images"])
def test_answers_are_those_of_the_keras_model(signature, batch, model, sent, answers):
    images = {name: sent[name][:batch] for name in ("entire", "puzzled")}
    given = {key: answers[f"{signature}.{batch}.{key}"] for key in OUTPUTS}
    assert sum(key.startswith(f"{signature}.{batch}.") for key in answers) == len(OUTPUTS)
    probabilities = tf.nn.softmax(model(images)).numpy()
    np.testing.assert_allclose(given["probabilities"], probabilities, atol=1e-5)
    np.testing.assert_array_equal(given["class_id"], probabilities.argmax(axis=1))
    names = np.array([b"negative", b"positive", b"surprise"])
    np.testing.assert_array_equal(given["label"], names[given["class_id"]])
    branches = tf.keras.Model(
        model.inputs, [model.get_layer(f"{b}_features").output for b in ("entire", "puzzled")]
    )
    np.testing.assert_allclose(given["similarity"], cosine_similarity(*branches(images)), atol=1e-5)


@pytest.fixture(scope="module")
def faces(sent):
    """Aligned by the graph's own first part."""
    frames = (tf.constant(sent[name]) for name in ("onset_bytes", "apex_bytes"))
    return FramesGraph(SETTINGS).faces(*frames, tf.constant(sent["landmarks"]))


def test_faces_are_those_of_preparation(faces, pairs):
    for index, pair in enumerate(pairs):
        clip = prepare_onset_apex(pair, SETTINGS)
        for name in ("onset_face", "apex_face"):
            difference = np.abs(faces[name][index].numpy() - getattr(clip, name))
            assert difference.max() <= 1
            assert difference.mean() < 0.05
        places = (transform_points(clip.landmarks, clip.transform) + 0.5) / SETTINGS.face_size
        np.testing.assert_allclose(faces["landmarks"][index], places, atol=1e-5)


def test_frames_need_not_be_square(faces, pairs):
    """A face in the right or the lower part of its frame, with even room beside it."""
    pair = pairs[0]
    for right, down in ((60, 0), (0, 60)):
        frames = (
            np.pad(frame, ((down, 0), (right, 0), (0, 0)), mode="edge")
            for frame in (pair.onset_frame, pair.apex_frame)
        )
        content = (tf.constant([image_file(frame)]) for frame in frames)
        landmarks = tf.constant((pair.landmarks + np.array((right, down)))[None], tf.float32)
        found = FramesGraph(SETTINGS).faces(*content, landmarks)
        np.testing.assert_allclose(found["landmarks"][0], faces["landmarks"][0], atol=1e-5)
        assert np.abs(found["onset_face"][0] - faces["onset_face"][0]).mean() < 0.5


def test_landmarks_may_lie_on_the_border(pairs):
    """The frame begins half a pixel before the middle of its first pixel, as `check_face` has it."""
    pair = pairs[0]
    content = [tf.constant([image_file(frame)]) for frame in (pair.onset_frame, pair.apex_frame)]
    points, size = pair.landmarks, np.array(pair.onset_frame.shape[1::-1])
    for corner, step in (
        (points - points.min(axis=0) - 0.5, -0.1),
        (points - points.max(axis=0) + size - 0.5, 0.1),
    ):
        FramesGraph(SETTINGS).faces(*content, tf.constant(corner[None], tf.float32))
        for beyond in ((step, 0.0), (0.0, step)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="inside the frame"):
                FramesGraph(SETTINGS).faces(*content, tf.constant((corner + beyond)[None], tf.float32))


def test_raw_frames_are_answered_from_these_faces(model, faces, answers):
    """Up to what the last bits of the faces decide: flow of flat skin and min-max encoding amplify rounding.

    Which clip it touches differs between processors, so that most clips must agree well, and each within
    twice what changed bits move any.
    """
    preprocessor = flow_preprocessor(SETTINGS)
    answer = tf.function(lambda faces: tf.nn.softmax(model(preprocessor(faces))))

    def expected(faces):
        return answer(faces).numpy()

    rng = np.random.default_rng(0)
    exact, rounding = expected(faces), 0.0
    for _ in range(4):
        changed = {
            name: values * tf.constant(1 + rng.uniform(-1, 1, values.shape) * 2**-22, values.dtype)
            for name, values in faces.items()
        }
        rounding = max(rounding, np.abs(expected(changed) - exact).max())
    spread = exact.std(axis=0).max()
    for batch in (1, 7):
        deviation = np.abs(answers[f"serve_frames.{batch}.probabilities"] - exact[:batch]).max(axis=1)
        assert np.median(deviation) < 0.25 * spread
        assert deviation.max() < max(2 * rounding, 0.5 * spread)
    assert {key.split(".")[2] for key in answers if key.startswith("serve_frames")} == OUTPUTS


def test_landmarks_may_be_left_out(export, signatures, sent, answers):
    """-1 throughout, or none: an aligned face. Servers that know of defaults need no input."""
    # As many as in the answers: a batch of another size rounds differently.
    frames = {name: tf.constant(sent[name][-1:].repeat(7)) for name in ("onset_bytes", "apex_bytes")}
    graph = saved_model_pb2.SavedModel.FromString((export / "saved_model.pb").read_bytes()).meta_graphs[0]
    default = tf.make_ndarray(graph.signature_def["serve_frames"].defaults["landmarks"])
    assert default.shape == (0, 5, 2)
    for landmarks in (default, np.full((7, 5, 2), -1.0, "float32")):
        given = signatures["serve_frames"](**frames, landmarks=tf.constant(landmarks))["probabilities"]
        np.testing.assert_allclose(given[-1], answers["serve_frames.7.probabilities"][-1], atol=1e-3)


def noisy(height, width):
    return image_file(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype="uint8"))


def huge():
    content = io.BytesIO()
    Image.new("1", (10000, 10000)).save(content, "PNG")
    return content.getvalue()


BAD_FILES = {
    "text": (b"no image", "PNG or JPEG file in {0}"),
    "empty": (b"", "PNG or JPEG file in {0}"),
    "cut": (noisy(64, 64)[:500], "."),
    "header": (noisy(64, 64)[:20], "PNG or JPEG file in {0}"),
    "pixel": (noisy(1, 1), "at least .* pixels in {0}"),
    "huge": (huge(), "at most 33554432 pixels in {0}"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("signature", ["serve_images", "serve_frames"])
def test_bad_files_are_invalid_arguments(signature, kind, signatures, sent, answers):
    names = (
        ("entire_bytes", "puzzled_bytes") if signature == "serve_images" else ("apex_bytes", "onset_bytes")
    )
    content, message = BAD_FILES[kind]
    good = {name: list(sent[name][:3]) for name in names}
    if signature == "serve_frames":
        good["landmarks"] = list(sent["landmarks"][:3])
    bad = {name: list(values) for name, values in good.items()}
    bad[names[0]][1] = content
    with pytest.raises(tf.errors.InvalidArgumentError, match=message.format(names[0])) as error:
        signatures[signature](**{name: tf.constant(values) for name, values in bad.items()})
    assert kind == "cut" or "[1]" in str(error.value)  # which item
    again = signatures[signature](**{name: tf.constant(values) for name, values in good.items()})
    np.testing.assert_allclose(again["probabilities"], answers[f"{signature}.7.probabilities"][:3], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda points: points * np.nan, "finite landmarks"),
        (lambda points: points + 500, "inside the frame"),
        (lambda points: points[[1, 0, 2, 4, 3]], "upright"),
        (lambda points: points[[3, 4, 2, 0, 1]], "upright"),
        (lambda points: points + np.array([(0, -35), (0, 35), (0, 0), (0, 0), (0, 0)]), "rolled by 45"),
        (lambda points: points + np.array([(0, 0), (0, 0), (60, 0), (0, 0), (0, 0)]), "rolled by 45"),
    ],
)
def test_bad_landmarks_are_invalid_arguments(change, message, signatures, sent):
    frames = {name: tf.constant(sent[name][:2]) for name in ("onset_bytes", "apex_bytes")}
    landmarks = sent["landmarks"][:2].copy()
    landmarks[1] = change(landmarks[1])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message) as error:
        signatures["serve_frames"](**frames, landmarks=tf.constant(landmarks))
    assert "[1]" in str(error.value)


@pytest.mark.parametrize(
    ("signature", "counts"),
    [
        ("serve_frames", {"onset_bytes": 2, "apex_bytes": 3, "landmarks": 2}),
        ("serve_frames", {"onset_bytes": 2, "apex_bytes": 1, "landmarks": 2}),
        ("serve_frames", {"onset_bytes": 2, "apex_bytes": 2, "landmarks": 3}),
        ("serve_frames", {"onset_bytes": 2, "apex_bytes": 2, "landmarks": 1}),
        ("serve_images", {"entire_bytes": 2, "puzzled_bytes": 3}),
    ],
)
def test_inputs_that_are_not_equally_many(signature, counts, signatures, sent):
    inputs = {name: tf.constant(list(sent[name][:count])) for name, count in counts.items()}
    odd, first = next(name for name in counts if counts[name] != 2), next(iter(counts))
    message = rf"as many items in {odd} as in {first}.*\[{counts[odd]}\] \[2\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[signature](**inputs)


def test_frames_of_unequal_size(signatures, sent):
    frames = {"onset_bytes": tf.constant(sent["onset_bytes"][:1]), "apex_bytes": tf.constant([noisy(64, 70)])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="onset and apex of equal size"):
        signatures["serve_frames"](**frames, landmarks=tf.constant(sent["landmarks"][:1]))


def test_jpeg_frames(signatures, pairs):
    """As the same pixels in another file."""
    landmarks, asked = tf.constant(pairs[1].landmarks[None], tf.float32), {"JPEG": {}, "PNG": {}}
    for name in ("onset", "apex"):
        content = image_file(getattr(pairs[1], f"{name}_frame"), "JPEG", quality=80)
        asked["JPEG"][f"{name}_bytes"] = tf.constant([content])
        asked["PNG"][f"{name}_bytes"] = tf.constant([image_file(np.asarray(Image.open(io.BytesIO(content))))])
    jpeg, same = (signatures["serve_frames"](**asked[kind], landmarks=landmarks) for kind in ("JPEG", "PNG"))
    np.testing.assert_allclose(jpeg["probabilities"], same["probabilities"], atol=1e-5)


def test_unrelated_inputs_have_other_answers(answers):
    """By far more than any tolerance here: an answer that hangs on nothing would not pass."""
    for signature in ("serving_default", "serve_images", "serve_frames"):
        assert answers[f"{signature}.7.probabilities"].std(axis=0).min() > 0.05
        assert np.ptp(answers[f"{signature}.7.probabilities"], axis=0).max() > 0.3


@pytest.mark.parametrize("transport", ["rest", "grpc", "local"])
def test_a_clip_through_a_server(transport, export, server, pairs, answers):
    """Frames and landmarks of a recogniser reach the graph, and its answer comes back."""

    def ask(client):
        recognizer = RemoteRecognizer(client, landmarks="template")
        return recognizer.recognize_onset_apex(pairs[0], "mine", offset=40)

    if transport == "local":
        found = ask(LocalExport(export))
    else:
        with Client(getattr(server, f"{transport}_url"), timeout=60) as client:
            found = ask(client)
    assert (found.name, found.onset, found.apex, found.offset) == ("mine", pairs[0].onset, pairs[0].apex, 40)
    given = list(found.probabilities.values())
    np.testing.assert_allclose(given, answers["serve_frames.1.probabilities"][0], atol=1e-4)
    assert found.similarity == pytest.approx(answers["serve_frames.1.similarity"][0], abs=1e-3)
    assert found.clip is found.boxes is None


def test_a_local_export_refuses_as_a_server_does(export, tmp_path):
    local = LocalExport(export.parent)
    assert local.path == str(export)  # the newest version
    with pytest.raises(RequestRefused, match="serve_frames.*Received: 'other'"):
        local.predict({}, "other")
    with pytest.raises(RequestRefused, match="signature serve_images: .*PNG or JPEG"):
        local.predict({"entire_bytes": [b"x"], "puzzled_bytes": [b"x"]}, "serve_images")
    with pytest.raises(RequestRefused, match="entire_bytes, puzzled_bytes of .*Received: entire_bytes"):
        local.predict({"entire_bytes": [b"x"]}, "serve_images")
    with pytest.raises(DualATMEError, match="folder of an export"):
        LocalExport(tmp_path)
    shutil.copytree(export, tmp_path / "1")
    labels = tmp_path / "1" / "assets" / "labels.txt"
    whole = labels.read_bytes()
    labels.write_bytes(b"\xff\n")
    with pytest.raises(DualATMEError, match=r"labels.txt: Expected a UTF-8 text file"):
        LocalExport(tmp_path)
    labels.write_bytes(whole)
    (tmp_path / "1" / "saved_model.pb").write_bytes((export / "saved_model.pb").read_bytes()[:-100])
    with pytest.raises(DualATMEError, match="whole export. Received: .*Export it again"):
        LocalExport(tmp_path)


def test_what_a_version_tells_of_itself(export, model):
    assert export.name == "1"
    assert (export / "assets" / "labels.txt").read_text().split() == ["negative", "positive", "surprise"]
    assert read_settings(export / "assets" / "prepare.json") == SETTINGS
    assert json.loads((export / "assets" / "metrics.json").read_text()) == METRICS
    network = json.loads((export / "assets" / "network.json").read_text())
    rebuilt = DualATME.from_config(network)
    assert rebuilt.count_params() == model.count_params()
    assert export.stat().st_mode & 0o005 == 0o005  # another user's server reads it


def test_what_the_network_knows_goes_with_it(tmp_path):
    """Names of classes, preparation, and action units besides the class."""
    names, units = ("calm", "gerührt", "other", "überrascht"), (1, 4, 12)
    network = DualATME.from_preset(
        "tiny", backbone="convolution", class_names=names, preparation=SETTINGS, action_units=units
    )
    version = export_saved_model(network, tmp_path)
    assert (version / "assets" / "labels.txt").read_text(encoding="utf-8").split() == list(names)
    assert read_settings(version / "assets" / "prepare.json") == SETTINGS
    export = LocalExport(version)
    inputs = unrelated_inputs(network)
    wide = {name: np.asarray(images, "float64") for name, images in inputs.items()}  # as NumPy makes them
    answers, outputs = export.predict(wide), network(inputs, training=False)
    assert list(answers["label"]) == [names[index] for index in answers["probabilities"].argmax(axis=1)]
    assert answers["action_unit_numbers"].tolist() == [list(units)] * 32
    expected = tf.sigmoid(outputs["action_units"])
    assert np.ptp(expected) > 1e-3  # the next line could fail
    np.testing.assert_allclose(answers["action_units"], expected, atol=1e-5)

    recording = next(clip[1] for clip in synthetic_clips("smic", 20, 1, 1, 120))
    frames = [recording.frame(at) for at in (recording.timing.onset, recording.timing.apex)]
    answer = RemoteRecognizer(export, landmarks="template").recognize(frames)
    assert tuple(answer.probabilities) == names
    assert list(answer.action_units) == list(units)


def test_warm_up_requests_are_answered(export, signatures):
    """Parsed by the official messages, one for each signature, and replayed."""
    file = str(export / "assets.extra" / "tf_serving_warmup_requests")
    seen = []
    for record in tf.data.TFRecordDataset(file):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "dualatme"
        seen.append(request.model_spec.signature_name)
        inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        answers = signatures[request.model_spec.signature_name](**inputs)
        assert set(answers) == OUTPUTS
        np.testing.assert_allclose(answers["probabilities"].numpy().sum(axis=1), 1.0, atol=1e-5)
    assert sorted(seen) == ["serve_frames", "serve_images", "serving_default"]


def test_free_versions(tmp_path):
    assert free_version(tmp_path, None) == free_version(tmp_path, 1) == 1
    (tmp_path / "1").mkdir()
    assert (free_version(tmp_path, None), free_version(tmp_path, 3)) == (2, 3)
    for version in (0, 1):
        with pytest.raises(DualATMEError, match=f"1 or more.*Received: {version}.*next free one is 2"):
            free_version(tmp_path, version)


def test_versions_count_up_and_are_never_overwritten(model, tmp_path):
    (tmp_path / "7").mkdir()
    assert export_saved_model(model, tmp_path).name == "8"
    with pytest.raises(DualATMEError, match="Received: 8, which is there. The next free one is 9"):
        export_saved_model(model, tmp_path, version=8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8"]


def test_failed_export_leaves_nothing(model, tmp_path, monkeypatch):
    """Until the last step a server that watches sees no folder of a version."""
    seen = []

    def fail(*arguments, **options):
        seen.extend(path.name for path in tmp_path.iterdir())
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        export_saved_model(model, tmp_path)
    assert len(seen) == 1
    assert not seen[0].isdigit()
    assert list(tmp_path.iterdir()) == []


def test_single_branch_from_a_keras_file(tmp_path):
    model = DualATME.from_preset("tiny", backbone="convolution", branches="entire", similarity_weight=0.0)
    model.save(tmp_path / "model.keras")
    version = export_saved_model(tmp_path / "model.keras", tmp_path / "new" / "models")
    loaded = tf.saved_model.load(str(version))
    image = np.random.default_rng(1).uniform(-1, 1, (3, 28, 28, 3)).astype("float32")
    answers = loaded.signatures["serving_default"](entire=tf.constant(image))
    assert set(answers) == OUTPUTS - {"similarity"}
    probabilities = tf.nn.softmax(model({"entire": image}))
    np.testing.assert_allclose(answers["probabilities"], probabilities, atol=1e-5)
    assert set(loaded.signatures) == {"serving_default", "serve_images"}  # no settings, no raw frames
