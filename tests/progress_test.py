"""The live line of a work on many clips."""

import io
import time

import pytest

from dualatme_keras.progress import ClipProgress


@pytest.fixture
def clock(monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: seconds[0])
    return seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines_of(stream):
    return [line.rstrip() for line in stream.getvalue().split("\n")]


def test_a_file_gets_a_line_for_every_tenth_of_the_clips(clock):
    stream = io.StringIO()
    progress = ClipProgress(25, 4, stream)
    for clip in range(5, 26):
        clock[0] += 4.0
        progress.finish_clip(failed=clip == 11)
    assert lines_of(stream) == [
        "4 of 25 clips finished before",
        "clip 6/25  0.2 clips/s, 76 s left",
        "clip 8/25  0.2 clips/s, 68 s left",
        "clip 10/25  0.2 clips/s, 60 s left",
        *(f"clip {clip}/25  0.2 clips/s, {4 * (25 - clip)} s left, 1 failed" for clip in range(12, 25, 2)),
        "clip 25/25  0.2 clips/s, 0 s left, 1 failed",
        "",
    ]


def test_few_clips_have_a_line_each_and_long_times_are_minutes(clock):
    stream = io.StringIO()
    progress = ClipProgress(3, 0, stream, task="recognise")
    for seconds in (90.0, 88.0):
        clock[0] += seconds
        progress.finish_clip()
    assert lines_of(stream) == [
        "3 clips to recognise",
        "clip 1/3  0.0 clips/s, 3 min left",
        "clip 2/3  0.0 clips/s, 89 s left",
        "",
    ]


def test_a_terminal_has_one_line_that_changes(clock):
    stream = Terminal()
    progress = ClipProgress(2, 0, stream)
    for done in (1, 2, 3):
        progress.show_part("looked at", done, 4)
        clock[0] += 90.0
    progress.finish_clip()
    progress.finish_clip()
    first, last, end = stream.getvalue().split("\n")
    assert (first, end) == ("2 clips to prepare", "")
    assert [line.rstrip() for line in last.split("\r")] == [
        "",
        "clip 1/2  50% looked at, 3 min left",
        "clip 1/2  75% looked at, 2 min left",
        "clip 1/2  0.0 clips/s, 4 min left",
        "clip 2/2  0.0 clips/s, 0 s left",
    ]
    assert {len(line) for line in last.split("\r")[1:]} == {60}


def test_parts_of_the_next_clip_are_timed_anew(clock):
    """A clip that begins with its second part has no time yet."""
    stream = Terminal()
    progress = ClipProgress(2, 0, stream)
    progress.show_part("looked at", 2, 4)
    clock[0] += 10.0
    progress.show_part("looked at", 3, 4)
    assert "75% looked at, 5 s left" in stream.getvalue()
    progress.show_part("looked at", 1, 4)
    clock[0] += 20.0
    progress.show_part("looked at", 2, 4)
    assert "50% looked at, 40 s left" in stream.getvalue()
