"""Pictures of answers, drawn without pyplot: no window, no global state."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dualatme_keras.choices import ACTION_UNITS
from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.plots.style import (
    ACCENT,
    CAPTION,
    DASHED,
    GRID,
    INK,
    MUTED,
    NOTE,
    PALE,
    REGION_COLOURS,
    TITLE,
    clean_axes,
    draw_grid,
)
from dualatme_keras.preprocessing import LITTLE_MOTION, PreparedClip, to_grey
from dualatme_keras.recognition.pictures import largest_motion
from dualatme_keras.recognition.result import NO_EXPRESSION, TOLD_FROM, Recognition, units_in_words

CLASS_COLOURS = ("#b2182b", "#1a7f37", "#b97700", "#2166ac", "#762a83", "#01665e", "#8c510a", "#c51b7d")


def class_colour(recognition: Recognition) -> str:
    """The colour of the answer's class, grey where there is no expression."""
    if recognition.label == NO_EXPRESSION:
        return MUTED
    return CLASS_COLOURS[recognition.class_id % len(CLASS_COLOURS)]


def clip_figure(recognition: Recognition) -> Figure:
    """Draws an answer: faces, regions, flow, attention, probabilities of classes and action units, motion.

    Motion is in per cent of the distance between the eyes, as in the table. Where a server prepared the clip
    there are the two frames, the probabilities and the motion.
    """
    served = recognition.clip is None
    heights = {"above": 2.9} if served else {"above": 2.75, "below": 2.15}
    if recognition.action_units:
        heights["units"] = 1.9
    figure = Figure(figsize=(11.6, sum(heights.values())), layout="constrained")
    set_figure_title(figure, _title(recognition))
    rows = figure.subfigures(len(heights), 1, height_ratios=list(heights.values()), squeeze=False)[:, 0]
    if recognition.action_units:
        _draw_units(rows[-1].subplots(), recognition)
    if served:
        onset, apex, bars, course = rows[0].subplots(1, 4, width_ratios=(1, 1, 1.3, 1.3))
        _draw_frames(onset, apex, recognition.onset_apex)
    else:
        above, below = rows[:2]
        _draw_faces(above.subplots(1, 5), recognition.clip, recognition)
        bars, course, wheel = below.subplots(1, 3, width_ratios=(2.2, 2.2, 1.0))
        _draw_wheel(wheel)
    _draw_bars(bars, recognition)
    _draw_course(course, recognition.onset_apex)
    return figure


def course_figure(recognition: Recognition) -> Figure:
    """Draws the motion since the onset over the frames in which the apex was spotted."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    _draw_course(figure.subplots(), recognition.onset_apex)
    return figure


def set_figure_title(figure, text):
    figure.suptitle(text, **TITLE, x=0.012, ha="left")


def label_and_share(recognition: Recognition) -> str:
    """`positive, 87%`, or that no expression is sure."""
    share = recognition.probabilities.get(recognition.label)
    return "no sure expression" if share is None else f"{recognition.label}, {share:.0%}"


def _title(recognition):
    title = f"{recognition.name}: {label_and_share(recognition)}"
    if recognition.shown_units and recognition.label != NO_EXPRESSION:
        title += f", AU {units_in_words(recognition)}"
    networks = len(recognition.members)
    if networks > 1:
        title += f" (mean of {networks} networks, {recognition.agreement:.0%} of which agree)"
    return title


def _draw_faces(axes, clip: PreparedClip, recognition):
    size = clip.onset_face.shape[0]
    show(axes[0], clip.onset_face, f"onset, frame {clip.onset}")
    show(axes[1], clip.apex_face, f"apex, frame {clip.apex} {clip.apex_found}")
    for (top, left, bottom, right), colour in zip(clip.boxes * size, REGION_COLOURS, strict=True):
        box = Rectangle(
            (left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.6
        )
        axes[1].add_patch(box)
    most = 100 * largest_motion(clip.flow) / clip.eye_distance
    for panel, flow, title in (
        (axes[2], clip.flow, f"flow of the entire face\nfull colour {most:.1f}%"),
        (axes[3], clip.puzzle_flow, "flow of the puzzle\nregions enlarged"),
    ):
        show(panel, flow_colours(flow, largest_motion(flow)), title)
    if recognition.attention is None:
        axes[4].set_visible(False)
        return
    attention = recognition.attention
    span = f"{attention.min():.2f} to {attention.max():.2f}"
    show(axes[4], to_grey(clip.onset_face), f"spatial attention (CBAM)\n{span}")
    extent = (-0.5, size - 0.5, size - 0.5, -0.5)
    axes[4].imshow(attention, cmap="inferno", alpha=0.55, extent=extent, interpolation="bicubic")


def _draw_frames(onset, apex, onset_apex):
    show(onset, onset_apex.onset_frame, f"onset, frame {onset_apex.onset}")
    show(apex, onset_apex.apex_frame, f"apex, frame {onset_apex.apex} {onset_apex.apex_found}")
    onset.plot(*onset_apex.landmarks.T, ".", color=REGION_COLOURS[0], markersize=4)


def _draw_bars(axes, recognition):
    names, values = list(recognition.probabilities), list(recognition.probabilities.values())
    places = range(len(names))
    colours = [class_colour(recognition) if name == recognition.label else PALE for name in names]
    axes.barh(places, values, color=colours, height=0.62)
    if len(recognition.members) > 1:
        jitter = np.linspace(-0.2, 0.2, len(recognition.members))
        for place in places:
            axes.plot(
                recognition.members[:, place], place + jitter, ".", color=INK, markersize=2.5, alpha=0.5
            )
    several = len(recognition.members) > 1  # whose dots would lie under the number
    for place, value in zip(places, values, strict=True):
        axes.text(
            1.02 if several else value + 0.015, place, f"{value:.2f}", va="center", fontsize=10, color=INK
        )
    axes.set_yticks(places, names, fontsize=10)
    axes.set_xlim(0, 1.12)
    axes.set_xticks([])
    axes.invert_yaxis()
    told, motion = [], recognition.motion
    if motion is not None:
        told.append(f"motion {motion:.2f}%{' (little)' if motion < LITTLE_MOTION else ''}")
    if recognition.similarity is not None:
        told.append(f"similarity of the branches {recognition.similarity:.2f}")
    axes.set_xlabel(", ".join(told), **NOTE, loc="left")
    clean(axes)


def _draw_units(axes, recognition):
    """Bars of each action unit, of the image-left side upwards and of the image-right side downwards."""
    units = recognition.action_units
    places = np.arange(len(units))
    for side, sign in ((0, 1), (1, -1)):
        values = np.array([sides[side] for sides in units.values()])
        colours = [ACCENT if value >= TOLD_FROM else PALE for value in values]
        axes.bar(places, sign * values, color=colours, width=0.62)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    names = [f"{unit}\n{ACTION_UNITS.get(unit, '').replace(' ', chr(10))}" for unit in units]
    axes.set_xticks(places, names, fontsize=8)
    for label, unit in zip(axes.get_xticklabels(), units, strict=True):
        label.set_fontweight("bold" if unit in recognition.shown_units else "normal")
    axes.set_ylim(-1.0, 1.0)
    axes.set_yticks([-0.5, 0.5], ["image-right", "image-left"])
    axes.set_title(
        "action units, probability on each side (told from 0.5, lines; sure from 0.65)", **CAPTION, loc="left"
    )
    clean_axes(axes, labelsize=8)
    draw_grid(axes, "y")
    axes.set_axisbelow(True)


def _draw_course(axes, onset_apex):
    """The motion since the onset, where the apex was spotted in it."""
    if not len(onset_apex.course):
        axes.set_visible(False)
        return
    axes.plot(onset_apex.course_frames, onset_apex.course, color=MUTED, linewidth=1.4)
    axes.axvline(onset_apex.apex, color=INK, linewidth=1.0, linestyle=DASHED)
    top = 1.2 * max(float(onset_apex.course.max()), LITTLE_MOTION)
    axes.axhspan(0, LITTLE_MOTION, color=GRID, alpha=0.6, linewidth=0)
    axes.set_xlim(onset_apex.course_frames[0], onset_apex.course_frames[-1])
    axes.set_ylim(0, top)
    label_beside(axes, LITTLE_MOTION / 2, "little")
    apex = {"xy": (onset_apex.apex, 1.0), "xycoords": ("data", "axes fraction")}
    axes.annotate("apex", **apex, ha="center", va="bottom", **CAPTION)
    axes.set_xlabel("frame", **NOTE)
    title = "motion since the onset\n(% of the distance between the eyes)"
    axes.set_title(title, **CAPTION, loc="left", pad=14)
    clean(axes)


def _draw_wheel(axes):
    y, x = np.mgrid[-1:1:181j, -1:1:181j]
    colours = flow_colours(np.stack([x, y], axis=-1), 1.0)
    colours = np.dstack([colours, np.hypot(x, y) <= 1.0])  # transparent outside the disc
    show(axes, colours, "direction of motion")


def show(axes, image, title):
    axes.imshow(
        image,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest" if image.shape[0] < 64 else "antialiased",
    )
    axes.set_title(title, **CAPTION)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def label_beside(axes, value, text):
    """Names a value of the vertical axis, to the right of it."""
    place = {"xycoords": ("axes fraction", "data"), "xytext": (4, 0), "textcoords": "offset points"}
    axes.annotate(text, (1.0, value), va="center", fontsize=8, color=MUTED, **place)


def clean(axes):
    clean_axes(axes, labelsize=9)
    draw_grid(axes, "y" if axes.get_yticks().size > 3 else "x")
    axes.set_axisbelow(True)
