"""The expressions of a longer video as one picture."""

import math

import numpy as np
from matplotlib.figure import Figure

from dualatme_keras.plots.style import DASHED, MUTED, NOTE, PALE
from dualatme_keras.preprocessing import SPOTTING_EYES
from dualatme_keras.recognition.figures import (
    class_colour,
    clean,
    label_and_share,
    label_beside,
    set_figure_title,
    show,
)
from dualatme_keras.recognition.result import SpottedVideo

_COLUMNS = 8
"""Apex frames side by side."""

_NUMBER_WIDTH = 0.016
"""What a number above the course takes of the width; nearer ones go into another row."""

_NUMBER_ROWS = 3


def timeline_figure(video: SpottedVideo) -> Figure:
    """Draws the motion over the length of a video, the expressions found in it and their apex frames.

    Seconds without a face are hatched; an expression without an answer is grey.
    """
    found, lost = video.recognitions, len(video.lost)
    rows = math.ceil(len(found) / _COLUMNS)
    figure = Figure(figsize=(11.6, 2.8 + 1.75 * rows), layout="constrained")
    title = f"{video.name}: {len(found) + lost} expression{'s' * (len(found) + lost != 1)} found"
    set_figure_title(figure, title + (f", {lost} without an answer" if lost else ""))
    if not rows:
        _draw_course(figure.subplots(), video)
        return figure
    above, below = figure.subfigures(2, 1, height_ratios=(2.5, 1.75 * rows))
    _draw_course(above.subplots(), video)
    _draw_apexes(below, video, rows)
    return figure


def _draw_course(axes, video):
    course = video.course
    seconds = np.array([video.seconds(frame) for frame in course.frames])
    values, threshold = (100.0 * value / SPOTTING_EYES for value in (course.values, course.threshold))
    axes.plot(seconds, values, color=MUTED, linewidth=1.2)
    axes.axhline(threshold, color=MUTED, linewidth=0.8, linestyle=DASHED)
    label_beside(axes, threshold, "threshold")
    length = max(float(seconds[-1]), 1e-3)
    for first, last in course.lost:
        _draw_lost(axes, video.seconds(first), video.seconds(last), length)
    for each in video.lost:
        axes.axvspan(each.onset_seconds, each.offset_seconds, color=MUTED, alpha=0.25, linewidth=0)
    _draw_found(axes, video.recognitions, length)
    axes.set_xlim(0, length)
    axes.set_ylim(0, 1.15 * max(float(np.nanmax(values)), threshold))
    axes.set_xlabel("seconds", **NOTE)
    axes.set_ylabel("motion that comes and goes\n(% of eye distance)", **NOTE)
    clean(axes)
    axes.tick_params(axis="x", pad=8)


def _draw_lost(axes, first, last, length):
    """Seconds in which there is no face to be measured."""
    axes.axvspan(first, last, facecolor="white", edgecolor=PALE, hatch="////", linewidth=0)
    if last - first > 0.05 * length:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        place = {"xy": ((first + last) / 2, 0.5), "xycoords": ("data", "axes fraction")}
        axes.annotate("no face", **place, ha="center", **NOTE, bbox=box)


def _draw_found(axes, found, length):
    """Expressions as bands, their numbers above the course where they do not meet."""
    taken = [-1.0] * _NUMBER_ROWS
    for number, recognition in enumerate(found, start=1):
        colour, apex = class_colour(recognition), recognition.apex_seconds
        axes.axvspan(
            recognition.onset_seconds, recognition.offset_seconds, color=colour, alpha=0.22, linewidth=0
        )
        axes.axvline(apex, color=colour, linewidth=1.2)
        row = next((row for row, end in enumerate(taken) if apex / length > end + _NUMBER_WIDTH), None)
        row = int(np.argmin(taken)) if row is None else row
        taken[row] = apex / length
        axes.annotate(
            str(number),
            (apex, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2 + 11 * row),
            textcoords="offset points",
            ha="center",
            fontsize=10,
            weight="bold",
            color=colour,
        )


def _draw_apexes(figure, video, rows):
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in panels:
        axes.set_visible(False)
    for number, (recognition, axes) in enumerate(zip(video.recognitions, panels, strict=False), start=1):
        clip = recognition.clip
        image = recognition.onset_apex.apex_frame if clip is None else clip.apex_face
        axes.set_visible(True)
        show(axes, image, f"{number}  {label_and_share(recognition)}\n{recognition.apex_seconds:.2f} s")
        axes.title.set_color(class_colour(recognition))
