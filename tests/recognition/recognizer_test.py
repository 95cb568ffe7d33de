"""A clip in, an answer out: the networks' own, on images prepared as for training."""

import csv
import dataclasses
import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from small_runs import SETTINGS, write_run

import dualatme_keras
from dualatme_keras.data import Clip, ImageTable
from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.models import DualATME
from dualatme_keras.preprocessing import (
    LANDMARK_COLUMNS,
    PrepareSettings,
    landmark_source,
    prepare_clip,
    read_settings,
)
from dualatme_keras.recognition.clip_table import predict_clips
from dualatme_keras.recognition.figures import clip_figure

TEMPLATE = landmark_source("template")


def test_answers_as_the_network_on_images_from_disk(run, frames, answer, tmp_path):
    """Preparation, image files, loader and network of training, step by step."""
    locate = landmark_source("template")
    clip = prepare_clip(range(len(frames)), frames.__getitem__, locate, SETTINGS)
    for folder, image in (("flow", clip.entire), ("flow_puzzle", clip.puzzled)):
        (tmp_path / folder).mkdir()
        Image.fromarray(image).save(tmp_path / folder / f"x_{folder}.png")
    listed = Clip(str(tmp_path / "flow" / "x_flow.png"), "sub01", "casme2", 0)
    images = ImageTable([listed]).dataset([listed], 1)
    expected = run[1][0].predict_probabilities(images)[0]
    assert answer.apex == clip.apex
    np.testing.assert_allclose([answer.probabilities[name] for name in CLASS_NAMES], expected, atol=1e-5)
    np.testing.assert_array_equal(answer.clip.entire, clip.entire)
    np.testing.assert_array_equal(answer.boxes, clip.boxes)


def test_says_how_it_came_about(answer, frames):
    assert answer.name == "mine"
    assert answer.label == CLASS_NAMES[int(np.argmax(list(answer.probabilities.values())))]
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert -1 <= answer.similarity <= 1
    assert answer.onset == 0
    assert 0 < answer.apex < len(frames)
    assert answer.onset_apex.apex_found == "spotted"
    assert len(answer.onset_apex.course) == len(frames)
    assert answer.clip.flow.shape == (64, 64, 2)
    assert answer.attention.shape == (7, 7)
    assert 0 < answer.attention.min() < answer.attention.max() < 1
    row = answer.row()
    assert (row["clip"], row["label"], row["apex"]) == ("mine", answer.label, answer.apex)


def test_attention_is_the_networks(run, answer):
    """What multiplies the features inside the network."""
    import keras

    model = run[1][0]
    before, after = (
        keras.Model(model.inputs, output)
        for output in (model.get_layer("entire_cbam").input, model.get_layer("entire_cbam").output[0])
    )
    images = {
        name: getattr(answer.clip, name)[None] / np.float32(127.5) - 1 for name in ("entire", "puzzled")
    }
    features = before(images)
    channels = np.asarray(model.get_layer("entire_cbam").channel_attention(features))
    (attended,), (given,) = np.asarray(after(images)), np.asarray(features) * channels
    np.testing.assert_allclose(given * answer.attention[..., None], attended, rtol=1e-4)
    assert (np.abs(attended).max(axis=-1) > 0).mean() > 0.5


def test_doubts_about_the_face_stand_in_the_table(run, frames, answer, tmp_path):
    assert answer.row()["doubts"] == ""
    points = answer.onset_apex.landmarks + np.array([(0, -12), (0, 12), (0, 0), (0, 0), (0, 0)])
    table = tmp_path / "landmarks.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["name", *LANDMARK_COLUMNS], ["mine", *points.ravel()]])
    rolled = dualatme_keras.Recognizer(run[0], landmarks="file", landmarks_file=table)
    found = rolled.recognize(frames, name="mine", apex=answer.apex)
    assert "degrees off the level" in found.row()["doubts"]


def test_forms_of_a_clip(recognizer, frames, answer, tmp_path):
    """Folder, pair of files and pair in memory hold the same frames; a video is compressed."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number, frame in enumerate(frames, start=100):
        Image.fromarray(frame).save(folder / f"img{number}.png")
    found = recognizer.recognize(folder)
    assert (found.name, found.onset, found.apex) == ("clip", 100, 100 + answer.apex)
    assert found.probabilities == pytest.approx(answer.probabilities, abs=1e-6)
    pair = (frames[0], frames[answer.apex])
    files = (folder / "img100.png", folder / f"img{100 + answer.apex}.png")
    for given in (pair, files):
        found = recognizer.recognize(given)
        assert (found.onset, found.apex, found.onset_apex.apex_found) == (0, 1, "given")
        assert found.probabilities == pytest.approx(answer.probabilities, abs=1e-6)
    found = recognizer.recognize(frames, apex=answer.apex)
    assert found.probabilities == pytest.approx(answer.probabilities, abs=1e-6)
    later = recognizer.recognize(folder, onset=103, offset=120)
    assert (later.onset, later.offset) == (103, 120)
    video = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (96, 96))
    for frame in frames:
        video.write(np.ascontiguousarray(frame[..., ::-1]))
    video.release()
    found = recognizer.recognize(tmp_path / "clip.mp4")
    assert found.name == "clip"
    assert abs(found.apex - answer.apex) <= 3


def test_grey_frames(recognizer, frames, answer):
    found = recognizer.recognize([frame[..., 1] for frame in frames], apex=answer.apex)
    assert found.clip.onset_face.shape == (64, 64, 3)
    assert found.label in CLASS_NAMES


def test_folds_answer_together(run, frames, answer, tmp_path):
    path, (_final, *folds) = run
    together = dualatme_keras.Recognizer(path, networks="folds")
    assert len(together) == 2
    found = together.recognize(frames, apex=answer.apex)
    images = {
        name: getattr(answer.clip, name)[None] / np.float32(127.5) - 1 for name in ("entire", "puzzled")
    }
    expected = [model.predict_probabilities(images)[0] for model in folds]
    np.testing.assert_allclose(found.members, expected, atol=1e-5)
    np.testing.assert_allclose(list(found.probabilities.values()), np.mean(expected, axis=0), atol=1e-5)
    agree = [one.argmax() == np.mean(expected, axis=0).argmax() for one in expected]
    assert found.agreement == np.mean(agree)
    one = path / "folds" / "s01" / "model.keras"
    both = dualatme_keras.Recognizer([path, one], unfinished=True)
    members = both.recognize(frames, apex=answer.apex).members
    np.testing.assert_allclose(members[1], expected[0], atol=1e-5)
    with pytest.raises(DualATMEError, match="a run with `unfinished=True`. Received: model.keras, a file"):
        dualatme_keras.Recognizer(one, unfinished=True)
    other = tmp_path / "other"
    write_run(other, folds=0, attention="none")
    with pytest.raises(DualATMEError, match="one architecture"):
        dualatme_keras.Recognizer([path, other])


def test_single_branch(frames, answer, tmp_path):
    write_run(
        tmp_path / "run", folds=0, branches="puzzled", attention="none", similarity_weight=0.0, image_size=20
    )
    found = dualatme_keras.Recognizer(tmp_path / "run").recognize(frames, apex=answer.apex)
    assert found.similarity is None
    assert found.attention is None
    assert found.row()["similarity"] == ""


def test_other_settings_are_refused(run, tmp_path):
    with pytest.raises(DualATMEError, match="face_size 64 -> 112"):
        dualatme_keras.Recognizer(run[0], settings=PrepareSettings(flow="dis"))
    with pytest.raises(DualATMEError, match="does not store them"):
        dualatme_keras.Recognizer(run[0] / "final" / "model.keras")
    given = dualatme_keras.Recognizer(run[0] / "final" / "model.keras", settings=SETTINGS)
    assert given.settings == SETTINGS


def test_a_file_that_knows_its_preparation_needs_nothing_else(run, answer, frames, tmp_path):
    """As training saves it; a file and settings that differ are refused."""
    known = DualATME.from_config({**run[1][0].get_config(), "preparation": SETTINGS})
    known.set_weights(run[1][0].get_weights())
    file = tmp_path / "model.keras"
    known.save(file)
    recognizer = dualatme_keras.Recognizer.from_preset(file)
    assert recognizer.settings == SETTINGS
    assert recognizer.recognize(frames).row() == {**answer.row(), "clip": "clip"}
    with pytest.raises(DualATMEError, match="model.keras was trained with.*face_size 64 -> 112"):
        dualatme_keras.Recognizer(file, settings=PrepareSettings(flow="dis"))
    other = DualATME.from_config({**known.get_config(), "preparation": PrepareSettings()})
    other.save(tmp_path / "other.keras")
    with pytest.raises(DualATMEError, match="other.keras was trained with"):
        dualatme_keras.Recognizer([file, tmp_path / "other.keras"])


def test_other_classes_are_the_networks(frames, tmp_path):
    """From the file to the table and the picture."""
    names = ("calm", "moved", "other", "stirred")
    write_run(tmp_path / "run", folds=0, class_names=names)
    recognizer = dualatme_keras.Recognizer(tmp_path / "run", landmarks="template")
    found = recognizer.recognize((frames[0], frames[12]))
    assert recognizer.class_names == tuple(found.probabilities) == names
    assert found.label == names[int(np.argmax(found.members[0]))] == names[found.class_id]
    assert found.agreement == 1.0
    ticks = [axes.get_yticklabels() for axes in clip_figure(found).axes]
    assert list(names) in [[tick.get_text() for tick in labels] for labels in ticks]
    for number in (0, 12):
        (tmp_path / "clip").mkdir(exist_ok=True)
        Image.fromarray(frames[number]).save(tmp_path / "clip" / f"{number}.png")
    result = predict_clips(recognizer, [tmp_path / "clip"], tmp_path / "out.csv", stream=io.StringIO())
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert result.failed == {}
    assert [name for name in row if name.startswith("p_")] == [f"p_{name}" for name in names]
    assert sum(float(row[f"p_{name}"]) for name in names) == pytest.approx(1, abs=1e-3)


def test_recognizers_by_name(run):
    assert len(dualatme_keras.Recognizer.from_preset(run[0], networks="folds")) == 2
    with pytest.raises(DualATMEError, match="comes with weights: facs. Received: 'paper'.*--preset=paper"):
        dualatme_keras.Recognizer.from_preset("paper")
    with pytest.raises(DualATMEError, match="folder of a run.*papre, which is not there"):
        dualatme_keras.Recognizer.from_preset("papre")


def test_a_run_on_published_images_has_named_settings(frames, tmp_path):
    """It stores none; the message names those that come near, and they give an answer."""
    write_run(tmp_path / "run", settings=None, folds=0)
    with pytest.raises(DualATMEError, match="not store them. Give `settings`: .*or published"):
        dualatme_keras.Recognizer(tmp_path / "run")
    settings = read_settings("published")
    assert (settings.flow, settings.encoding, settings.image_size) == ("tvl1", "minmax", 28)
    given = dualatme_keras.Recognizer(tmp_path / "run", settings, landmarks="template")
    answer = given.recognize((frames[0], frames[12]))
    # Cut close, as published: the eyes lie where those of the template do, without a margin.
    expected = prepare_clip((0, 1), [frames[0], frames[12]].__getitem__, TEMPLATE, settings, apex=1)
    np.testing.assert_array_equal(answer.clip.entire, expected.entire)
    eyes = answer.clip.landmarks[:2] @ answer.clip.transform[:, :2].T + answer.clip.transform[:, 2]
    np.testing.assert_allclose((eyes + 0.5) / settings.face_size, TEMPLATE_LANDMARKS[:2])
    with pytest.raises(DualATMEError, match="a file such as prepare.json, or published.*nothing.json"):
        read_settings("nothing.json")


def test_a_run_with_landmarks_of_a_file_takes_a_detector(frames, tmp_path):
    settings = dataclasses.replace(SETTINGS, landmarks="file")
    write_run(tmp_path / "run", settings=settings, folds=0)
    with pytest.raises(DualATMEError, match="`landmarks='file'`, a table of their own.*`landmarks='mtcnn'`"):
        dualatme_keras.Recognizer(tmp_path / "run")
    found = dualatme_keras.Recognizer(tmp_path / "run", landmarks="template").recognize(frames[:2])
    assert found.label in CLASS_NAMES
    with pytest.raises(DualATMEError, match="`landmarks_file` with.*it with template, which takes none"):
        dualatme_keras.Recognizer(tmp_path / "run", landmarks="template", landmarks_file=__file__)


def test_spotting_takes_the_frame_rate(recognizer, frames):
    with pytest.raises(DualATMEError, match="frame rate of clip.*Give `frames_per_second`"):
        recognizer.spot(frames)


def test_a_clip_too_long_for_one_expression_is_refused(recognizer, frames):
    """A minute takes hundreds of megabytes and has many apexes. A known apex is not looked for."""
    long = [frames[0], frames[1]] * 152
    with pytest.raises(DualATMEError, match="10 seconds at most. Received: clip of 10.1 seconds.*`spot`"):
        recognizer.recognize(long, frames_per_second=30)
    with pytest.raises(DualATMEError, match="2000 frames at most. Received: clip of 2128 frames.*`spot`"):
        recognizer.recognize(long * 7)
    found = recognizer.recognize(long, apex=303, frames_per_second=30)
    assert (found.apex, found.apex_seconds) == (303, pytest.approx(303 / 30))
    with pytest.raises(DualATMEError, match="motion"):  # ten seconds from the first frame to the last
        recognizer.recognize(long[:1] * 301, frames_per_second=30)


def test_an_onset_after_the_offset_is_refused(recognizer, frames):
    with pytest.raises(DualATMEError, match="the onset before the offset. Received: 3 and 1"):
        recognizer.recognize(frames, onset=3, offset=1)


HUGE = np.broadcast_to(np.uint8(0), (10000, 10000, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frames: frames[:1], "at least two frames.*Received: 1"),
        (lambda frames: [frames[0], frames[1][:50]], "onset's size, 96 x 96.*frame 1 of 96 x 50"),
        (lambda frames: [np.zeros((1, 1, 3), "uint8")] * 2, "at least 32 x 32.*frame 0 of 1 x 1"),
        (lambda frames: [HUGE, HUGE], "at most 34 million.*frame 0 of 10000 x 10000"),
        (lambda frames: frames / 255.0, "uint8.*frame 0 of shape .96, 96, 3., float64"),
        (lambda frames: frames[[0] * 9], "Expected motion. Received: frames 0 and ., which are the same"),
        (lambda frames: "", "Received: '', which is not there"),
        (lambda frames: None, "a video file, a folder of frames, or at least two frames. Received: None"),
        (lambda frames: 7, "Received: 7 of type int"),
        (lambda frames: [], "at least two frames. Received: none"),
        (lambda frames: frames[:0], "at least two frames. Received: none"),
        (lambda frames: [None, None], "uint8. Received: frame 0 of shape .., object"),
        (lambda frames: [[[1, 2], [3]], frames[0]], "images. Received: frame 0"),
        (lambda frames: [frames[0][:0]] * 2, "at least 32 x 32.*frame 0 of 96 x 0"),
        (lambda frames: "nowhere.mp4", "'nowhere.mp4', which is not there"),
        (lambda frames: __file__, "recognizer_test.py, which does not begin as one"),
    ],
)
def test_what_is_no_clip(change, message, recognizer, frames):
    with pytest.raises(DualATMEError, match=message):
        recognizer.recognize(change(frames))


def test_images_that_are_none(recognizer, frames, tmp_path):
    good, bad, huge = (tmp_path / name for name in ("good.png", "bad.png", "huge.png"))
    Image.fromarray(frames[0]).save(good)
    bad.write_bytes(b"no image")
    Image.new("1", (10000, 10000)).save(huge)
    with pytest.raises(DualATMEError, match="Expected an image.*bad.png"):
        recognizer.recognize((good, bad))
    with pytest.raises(DualATMEError, match="at most 34 million.*huge.png of 10000 x 10000"):
        recognizer.recognize((huge, good))
    with pytest.raises(DualATMEError, match="good.png, a single image"):
        recognizer.recognize(good)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DualATMEError, match="numbered frames.*empty, without any"):
        recognizer.recognize(tmp_path / "empty")


def test_numbers_that_are_no_frames(recognizer, frames):
    with pytest.raises(DualATMEError, match="onset to be a frame of clip, 0 to"):
        recognizer.recognize(frames, onset=1000)
    with pytest.raises(DualATMEError, match="apex after the onset 5"):
        recognizer.recognize(frames, onset=5, apex=5)


def test_no_face(run):
    recognizer = dualatme_keras.Recognizer(run[0], landmarks="mtcnn")
    noise = np.random.default_rng(0).integers(0, 255, (2, 96, 96, 3), dtype="uint8")
    with pytest.raises(DualATMEError, match="Expected a face in the onset frame"):
        recognizer.recognize(noise)
