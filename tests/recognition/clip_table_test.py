"""Many clips: a row and a picture for each, whatever happens to another; a line while one takes long."""

import csv
import dataclasses
import io
import os
import time

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import Interval, SpottingCourse
from dualatme_keras.progress import ClipProgress
from dualatme_keras.recognition import Recognizer, clip_recognizer, clip_table
from dualatme_keras.recognition.clip_table import predict_clips
from dualatme_keras.recognition.result import LostExpression, SpottedVideo
from dualatme_keras.recognition.timeline import timeline_figure


class Told:
    """A recognizer that knows the answer."""

    nbytes = 0

    def identity(self):
        return None

    def __init__(self, answer):
        self.answer, self.class_names = answer, tuple(answer.probabilities)

    def recognize(self, clip, frames_per_second=None):
        return dataclasses.replace(self.answer, name=str(clip))


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_clips_that_are_not_there_cost_no_table(answer, tmp_path):
    """As a glob that fits nothing is passed on."""
    (tmp_path / "table.csv").write_text("of hours")
    with pytest.raises(DualATMEError, match=r"folders of frames. Received: .*clps/\*.mp4, none of which"):
        predict_clips(Told(answer), [str(tmp_path / "clps/*.mp4")], tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "of hours"


def test_names_that_are_no_text(recognizer, tmp_path):
    """Of other systems: the clip has a row, and so have others."""
    clip = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    os.mkdir(clip)
    result = predict_clips(recognizer, [os.fsdecode(clip)], tmp_path / "table.csv", stream=io.StringIO())
    assert list(result.failed) == [str(tmp_path / "caf\\xe9")]
    assert "caf\\xe9" in (tmp_path / "table.csv").read_text()


@pytest.mark.parametrize(
    "clips",
    [
        ("a/x", "b/x", "c/x_1"),
        ("x_1", "x", "b/x", "X"),
        ("x", "b/x_onset3", "c/x_onset3_onset4"),
    ],
)
def test_each_clip_has_a_picture_of_its_own(clips, answer, tmp_path):
    predict_clips(Told(answer), clips, tmp_path / "out.csv", tmp_path / "pictures", stream=io.StringIO())
    pictures = [row["picture"].casefold() for row in table(tmp_path / "out.csv")]
    assert len(set(pictures)) == len(clips)
    assert {path.name.casefold() for path in (tmp_path / "pictures").iterdir()} == set(pictures)
    # Nor can the picture of an expression found in one of them be that of another one.
    assert not [name for name in pictures for other in pictures if name.startswith(f"{other[:-4]}_onset")]


def spotted(answer, count=3, lost=((30, 89),), length=300):
    """A video of that many expressions, a second apart, the last two nearer, without a face in between."""
    values = np.abs(np.sin(np.arange(length) / 7.0)) * 0.2
    values[30:90] = np.nan
    course = SpottingCourse(np.arange(length), values, 0.1, lost)
    apexes = [10 + 30 * number for number in range(count - 1)]
    apexes.append(apexes[-1] + 4)
    found = [
        dataclasses.replace(
            answer,
            onset_apex=dataclasses.replace(answer.onset_apex, onset=apex - 8, apex=apex),
            offset=apex + 8,
            onset_seconds=(apex - 8) / 30,
            apex_seconds=apex / 30,
            offset_seconds=(apex + 8) / 30,
        )
        for apex in apexes
    ]
    gone = LostExpression(100, 105, 110, "no face", 100 / 30, 105 / 30, 110 / 30)
    return SpottedVideo("long", found, course, 30.0, (gone,), tuple(range(length)))


def test_an_expression_without_a_face_does_not_cost_the_others(run, frames, tmp_path, monkeypatch):
    numbers = [(0, 5, 10), (10, 15, 18), (12, 17, 20)]
    course = SpottingCourse(np.arange(len(frames)), np.ones(len(frames)), 0.5, ())
    intervals = [Interval(*each, strength=1.0) for each in numbers]
    monkeypatch.setattr(clip_recognizer, "spot_intervals", lambda *_arguments: (intervals, course))
    recognizer = Recognizer(run[0])
    find = recognizer._locate

    def locate(frame, name):
        if np.array_equal(frame, frames[10]):
            raise DualATMEError("Expected a face in the onset frame. Received: none.")
        return find(frame, name)

    recognizer._locate = locate
    done = []
    video = recognizer.spot(frames, frames_per_second=30, answered=lambda *counts: done.append(counts))
    assert [found.onset for found in video.recognitions] == [0, 12]
    assert [(lost.onset, lost.offset, lost.onset_seconds) for lost in video.lost] == [(10, 18, 10 / 30)]
    assert done == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr(recognizer, "spot", lambda *_arguments, **_others: video)
    result = predict_clips(recognizer, ["v"], tmp_path / "out.csv", spot=True, stream=io.StringIO())
    rows = table(tmp_path / "out.csv")
    assert [(row["onset"], bool(row["label"]), bool(row["error"])) for row in rows] == [
        ("0", True, False),
        ("10", False, True),
        ("12", True, False),
    ]
    assert (rows[1]["apex_seconds"], rows[1]["picture"]) == ("0.500", "")
    assert list(result.failed) == ["v, frames 10 to 18"]


def test_frames_of_expressions_are_not_kept(run, frames, tmp_path, monkeypatch):
    """Their pictures are drawn as soon as there is an answer, and so is the time line from what is left."""
    intervals = [Interval(0, 5, 10, strength=1.0), Interval(12, 17, 20, strength=1.0)]
    course = SpottingCourse(np.arange(len(frames)), np.ones(len(frames)), 0.5, ())
    monkeypatch.setattr(clip_recognizer, "spot_intervals", lambda *_arguments: (intervals, course))
    recognizer, videos, there, drawn = Recognizer(run[0]), [], [], []
    spot, draw = recognizer.spot, clip_table.clip_figure
    monkeypatch.setattr(clip_table, "clip_figure", lambda found: drawn.append(found.onset) or draw(found))

    def watched(*_arguments, keep, **others):
        def keep_and_look(found):
            kept = keep(found)
            there.append((found.onset, list(drawn)))
            return kept

        videos.append(spot(frames, "v", frames_per_second=30, keep=keep_and_look))
        return videos[0]

    whole = spot(frames, "v", frames_per_second=30).recognitions
    monkeypatch.setattr(recognizer, "spot", watched)
    predict_clips(
        recognizer, ["v"], tmp_path / "out.csv", tmp_path / "pictures", spot=True, stream=io.StringIO()
    )
    assert there == [(0, [0]), (12, [0, 12])]
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"v.png", "v_onset0.png", "v_onset12.png"}
    for kept, found in zip(videos[0].recognitions, whole, strict=True):
        pair = kept.onset_apex
        assert (pair.onset_frame.size, pair.apex_frame.size, found.onset_apex.apex_frame.size > 0) == (
            0,
            0,
            True,
        )
        assert kept.row() == found.row()


def test_a_long_table_is_not_written_after_each_clip(answer, tmp_path, monkeypatch):
    written, now = [], [0.0]
    monkeypatch.setattr("dualatme_keras.recognition.clip_table.time.monotonic", lambda: now[0])

    def write(path, content):
        written.append(content.count(b"\n") - 1)
        now[0] += 1.0  # a second, in which nothing else is done

    monkeypatch.setattr("dualatme_keras.recognition.clip_table.replace_file", write)

    class Slow(Told):
        def recognize(self, clip, frames_per_second=None):
            now[0] += 6.0
            return super().recognize(clip)

    predict_clips(
        Slow(answer), [f"{number}" for number in range(10)], tmp_path / "out.csv", stream=io.StringIO()
    )
    assert written == [1, 5, 9, 10]


def test_labels_of_a_time_line_do_not_meet(answer):
    """Of twenty expressions, two of them at nearly the same time."""
    video = spotted(answer, count=20, length=600)
    figure = timeline_figure(video)
    figure.draw_without_rendering()
    texts = figure.findobj(lambda each: hasattr(each, "get_text"))
    boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    assert len([text for text in texts if text.get_text().isdigit() and text.get_weight() == "bold"]) == 20
    meeting = [(one, two) for number, one in enumerate(boxes) for two in boxes[:number] if one.overlaps(two)]
    assert not meeting


def test_seconds_without_a_face_are_no_stillness(answer):
    figure = timeline_figure(spotted(answer))
    hatched = [
        patch for patch in figure.findobj(lambda each: hasattr(each, "get_hatch")) if patch.get_hatch()
    ]
    (part,) = [patch.get_path().get_extents(patch.get_patch_transform()) for patch in hatched]
    assert (part.x0, part.x1) == pytest.approx((1.0, 89 / 30))
    texts = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]
    assert "no face" in texts
    assert "long: 4 expressions found, 1 without an answer" in texts


def test_a_long_clip_has_a_line_every_half_minute(monkeypatch):
    """Where output goes to a file, too; with the time that is left."""
    stream, clock = io.StringIO(), [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    progress = ClipProgress(2, 0, stream, task="recognise")
    for done in range(1, 101):
        progress.show_part("looked at", done, 100)
        clock[0] += 1.0
    lines = [line.rstrip() for line in stream.getvalue().splitlines()[1:]]
    assert lines == [
        "clip 1/2  31% looked at, 69 s left",
        "clip 1/2  61% looked at, 39 s left",
        "clip 1/2  91% looked at, 9 s left",
    ]
