"""Subjects and videos of clips, and what a challenge gets of a table."""

import pytest

from dualatme_keras.data import LabelledInterval
from dualatme_keras.errors import DualATMEError
from dualatme_keras.recognition.intervals import intervals_of_rows, name_videos


def test_a_video_is_of_the_subject_that_its_folder_names(tmp_path, monkeypatch):
    (tmp_path / "s1" / "talk.1").mkdir(parents=True)
    (tmp_path / "s2").mkdir()
    (tmp_path / "s2" / "talk.1.mp4").touch()
    monkeypatch.chdir(tmp_path / "s2")
    clips = [tmp_path / "s1" / "talk.1", "talk.1.mp4", f"{tmp_path}/s1/"]
    assert list(name_videos(clips).values()) == [("s1", "talk.1"), ("s2", "talk.1"), (tmp_path.name, "s1")]


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (["a/s1/v.mp4", "b/s1/v.mp4"], "Received: a/s1/v.mp4 and b/s1/v.mp4, both v.mp4 of s1"),
        (["/v.mp4"], "Expected clips in folders .* Received: /v.mp4"),
    ],
)
def test_videos_that_names_do_not_tell_apart_are_refused(clips, message):
    with pytest.raises(DualATMEError, match=message):
        name_videos(clips)


def test_rows_without_an_emotion_are_left_out():
    row = {"clip": "s1/v", "label": "surprise", "onset": 3, "offset": 9, "error": ""}
    failed = [{"clip": "s1/v", "error": "no face"}, row | {"label": "", "error": "no face"}]
    found = intervals_of_rows([row, row | {"label": "none"}, *failed], {"s1/v": ("s1", "v")})
    assert found == [LabelledInterval("s1", "v", 3, 9, "surprise")]
