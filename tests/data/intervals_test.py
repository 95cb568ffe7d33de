"""Intervals of frames, and the CSV that challenges take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualatme_keras.data import LabelledInterval, read_intervals, write_intervals
from dualatme_keras.errors import DualATMEError

NAMES = st.text("aZ09 _-,;'\"/äé", min_size=1).filter(lambda name: name == name.strip())
FRAMES = st.integers(-20, 20)


def interval(onset, offset):
    return LabelledInterval("s1", "v1", onset, offset, "happiness")


@given(FRAMES, FRAMES, st.integers(0, 20), st.integers(0, 20))
def test_overlap_is_that_of_the_sets_of_frames(one, other, more, others):
    first, second = set(range(one, one + more + 1)), set(range(other, other + others + 1))
    overlap = interval(one, one + more).overlap(interval(other, other + others))
    assert overlap == len(first & second) / len(first | second)
    assert overlap == interval(other, other + others).overlap(interval(one, one + more))


@given(st.lists(st.builds(LabelledInterval, NAMES, NAMES, FRAMES, st.integers(20, 40), NAMES)))
def test_what_is_written_is_read(tmp_path_factory, intervals):
    path = tmp_path_factory.getbasetemp() / "intervals.csv"
    write_intervals(path, intervals)
    assert read_intervals(path) == tuple(intervals)


def test_columns_stand_in_any_order_beside_others(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("emotion,type,onset,offset,video,subject\nsad,micro, 3 ,7,v,01\n", encoding="utf-8-sig")
    assert read_intervals(path) == (LabelledInterval("01", "v", 3, 7, "sad"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,video,onset\n", "truth.csv:1: Expected the columns subject, .* Missing: offset, emotion"),
        ("", "truth.csv:1: Expected the columns"),
        ("subject,video,onset,offset,emotion\ns,v,1,2,sad\ns,v,3,,sad\n", "truth.csv:3: Expected onset and"),
        ("subject,video,onset,offset,emotion\ns,v,1.5,3,sad\n", "numbers of frames. Received: '1.5', '3'"),
        ("subject,video,onset,offset,emotion\ns,v,4,3,sad\n", "truth.csv:2: Expected the onset up to the o"),
        ("subject,video,onset,offset,emotion\ns,,1,3,sad\n", "truth.csv:2: Expected subject, video and emo"),
        ("subject,video,onset,offset,emotion\ns,v,1,3\n", "truth.csv:2: Expected subject, video and emotio"),
        ("subject,video,onset,offset,emotion\nsé,v,1,3,sad\n".encode("latin-1"), "Expected a CSV in UTF-8"),
    ],
)
def test_what_is_no_interval_is_refused_by_line(text, message, tmp_path):
    path = tmp_path / "truth.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DualATMEError, match=message):
        read_intervals(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DualATMEError, match="Expected a CSV of intervals. Received: .*none.csv: No such"):
        read_intervals(tmp_path / "none.csv")
