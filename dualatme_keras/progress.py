"""The live line of a work on many clips: how many, how long still."""

import sys
import time

from dualatme_keras.text import count

_QUIET_SECONDS = 30.0
"""Longest time without a line about a long clip, where lines cannot change."""


class ClipProgress:
    """Prints how far a work on clips is.

    On a terminal that is one line, which changes; elsewhere a line for every tenth of the clips, and for
    every half minute of a long one.

    Args:
        clips: number of clips.
        done: how many of them an earlier call finished.
        stream: where to print; standard output by default.
        task: what is done to clips.
    """

    def __init__(self, clips: int, done: int, stream=None, task: str = "prepare"):
        self._clips, self._before, self._done = clips, done, done
        self._stream, self._failed = stream or sys.stdout, 0
        self._start, self._part, self._told = time.perf_counter(), None, None
        what = (
            f"{done} of {count(clips, 'clip')} finished before"
            if done
            else f"{count(clips, 'clip')} to {task}"
        )
        print(what, file=self._stream, flush=True)

    def show_part(self, task: str, done: int, parts: int) -> None:
        """Tells how far the present clip is: on a terminal always, elsewhere every half minute.

        Args:
            task: what is done to its parts.
            done: how many of them are done.
            parts: how many there are.
        """
        now, live = time.perf_counter(), self._stream.isatty()
        if done <= 1 or self._part is None:
            self._part = self._told = now
            return
        if not live and now - self._told < _QUIET_SECONDS:
            return
        self._told = now
        left = (now - self._part) / (done - 1) * (parts - done)
        line = f"clip {self._done + 1}/{self._clips}  {done / parts:.0%} {task}, {_duration(left)} left"
        print(f"{chr(13) if live else ''}{line:<60}", end="" if live else "\n", file=self._stream, flush=True)

    def finish_clip(self, failed: bool = False) -> None:
        """Counts a clip."""
        self._done += 1
        self._failed += failed
        live = self._stream.isatty()
        step = max(1, self._clips // 10)
        if not live and self._done % step and self._done != self._clips:
            return
        seconds = (time.perf_counter() - self._start) / (self._done - self._before)
        left = seconds * (self._clips - self._done)
        line = f"clip {self._done}/{self._clips}  {1 / seconds:.1f} clips/s, {_duration(left)} left"
        line += f", {self._failed} failed" if self._failed else ""
        end = "\n" if self._done == self._clips or not live else ""
        print(f"{chr(13) if live else ''}{line:<60}", end=end, file=self._stream, flush=True)


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
