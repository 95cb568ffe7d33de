"""How much motion there was: one quantity, one unit, in table and picture, and a word where it was little."""

import cv2
import numpy as np
import pytest
from PIL import Image

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS
from dualatme_keras.preprocessing import LITTLE_MOTION
from dualatme_keras.preprocessing.apex import motion_size
from dualatme_keras.recognition import RemoteRecognizer
from dualatme_keras.recognition.figures import clip_figure


class Server:
    """Answers as an exported graph."""

    def predict(self, inputs, signature):
        return {"probabilities": np.array([[0.2, 0.5, 0.3]], "float32"), "label": np.array(["positive"])}


def test_what_moves_most_in_per_cent_of_the_distance_between_the_eyes():
    """Eyes of the template are 40 pixels apart in a face of 100; a twentieth of the pixels moves further."""
    motion = np.zeros((200, 2))
    motion[:20] = (3.0, -4.0)
    assert motion_size(motion, TEMPLATE_LANDMARKS, 100) == pytest.approx(12.5)
    motion[9:] = 0.0
    assert motion_size(motion, TEMPLATE_LANDMARKS, 100) == 0.0


def test_motion_is_the_same_however_the_apex_was_found_and_whoever_answers(recognizer, frames, answer):
    apex = answer.apex
    assert answer.onset_apex.course_frames[apex] == apex
    assert answer.motion == answer.onset_apex.course[apex] > LITTLE_MOTION
    assert recognizer.recognize(frames, apex=apex).motion == answer.motion
    assert recognizer.recognize((frames[0], frames[apex])).motion == answer.motion
    served = RemoteRecognizer(Server(), "template").recognize((frames[0], frames[apex]))
    assert served.motion == pytest.approx(answer.motion, rel=0.3)  # aligned with another margin
    assert served.row()["motion"] == f"{served.motion:.2f}"


def test_motion_does_not_depend_on_the_size_of_the_frames(recognizer, frames, answer):
    pair = [cv2.resize(frames[at], (240, 240), interpolation=cv2.INTER_CUBIC) for at in (0, answer.apex)]
    assert recognizer.recognize(pair).motion == pytest.approx(answer.motion, rel=0.1)


def test_the_picture_shows_the_motion_of_the_table(answer):
    figure = clip_figure(answer)
    lines = [
        line for axes in figure.findobj(lambda each: hasattr(each, "get_lines")) for line in axes.get_lines()
    ]
    (course,) = [line for line in lines if len(line.get_xdata()) == len(answer.onset_apex.course)]
    at = list(course.get_xdata()).index(answer.apex)
    assert f"{course.get_ydata()[at]:.2f}" == answer.row()["motion"]
    texts = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]
    assert any(f"motion {answer.row()['motion']}%" in text for text in texts)


def test_noise_is_little_motion(recognizer, frames, answer):
    """A face that does nothing has an answer, and a word against it."""
    noise = np.random.default_rng(0).normal(scale=1.0, size=(2, *frames[0].shape))
    still = np.clip(np.rint(frames[0] + noise), 0, 255).astype("uint8")
    found = recognizer.recognize(still)
    assert found.motion < LITTLE_MOTION
    assert "little motion" in found.row()["doubts"]
    assert "little motion" not in answer.row()["doubts"]


def test_frames_have_numbers_and_seconds(recognizer, frames, answer, tmp_path):
    """Files numbered in steps of five from 100 on are as far apart in time as others."""
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"img{100 + 5 * number}.png")
    found = recognizer.recognize(tmp_path, offset=100 + 5 * 20, frames_per_second=50)
    row = found.row()
    place = (int(row["apex"]) - 100) // 5
    assert (row["onset"], row["offset"]) == (100, 200)
    assert [row[f"{name}_seconds"] for name in ("onset", "apex", "offset")] == [
        "0.000",
        f"{place / 50:.3f}",
        "0.400",
    ]
    assert found.onset_apex.course_frames == tuple(range(100, 201, 5))
    whole = recognizer.recognize(tmp_path)
    assert [whole.row()[f"{name}_seconds"] for name in ("onset", "apex", "offset")] == ["", "", ""]
    for line in clip_figure(whole).findobj(lambda each: hasattr(each, "get_xdata")):
        if len(line.get_xdata()) == len(whole.onset_apex.course):
            assert list(line.get_xdata()) == list(range(100, 100 + 5 * len(frames), 5))
            break
    else:
        pytest.fail("Expected a line of the course.")


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf")])
def test_frame_rates_that_are_none(rate, recognizer, frames):
    with pytest.raises(DualATMEError, match="positive number of frames per second"):
        recognizer.recognize(frames, frames_per_second=rate)
