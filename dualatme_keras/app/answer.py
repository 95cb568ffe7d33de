"""An answer as a piece of a page: the pictures and words of `recognition`, arranged."""

import base64

import numpy as np

from dualatme_keras.choices import ACTION_UNITS
from dualatme_keras.plots.page import Html, bar, captioned_image, score_range, section, table, text
from dualatme_keras.plots.style import figure_png
from dualatme_keras.preprocessing import PreparedClip
from dualatme_keras.recognition import Recognition, SpottedVideo
from dualatme_keras.recognition.answer_files import json_file, table_file
from dualatme_keras.recognition.figures import clip_figure, course_figure, label_and_share
from dualatme_keras.recognition.pictures import (
    arrows_picture,
    attention_picture,
    colour_picture,
    enlarged,
    largest_motion,
    magnified_face,
    regions_picture,
    strain_picture,
    units_figure,
    wheel_picture,
)
from dualatme_keras.recognition.result import NO_EXPRESSION, units_in_words
from dualatme_keras.recognition.timeline import timeline_figure
from dualatme_keras.text import count
from dualatme_keras.video import image_file

_FACTORS = range(11)
"""How many times the motion is shown, a picture for each."""


def answer_piece(recognition: Recognition) -> Html:
    """Everything about an answer, with downloads."""
    files = _downloads([recognition], recognition.name, clip_figure(recognition))
    return Html(f"{_headline(recognition, files)}\n{_evidence(recognition)}")


def video_piece(video: SpottedVideo) -> Html:
    """Everything about a longer video: its time line, then an answer for each expression, to be opened."""
    found, lost = video.recognitions, video.lost
    words = [f"{count(len(found) + len(lost), 'expression')} found in {_length(video)} seconds."]
    words += [f"Frames {one.onset} to {one.offset} have no answer. {one.reason}" for one in lost]
    timeline = timeline_figure(video)
    spans = "; ".join(
        f"{number}: {label_and_share(one)}, {one.onset_seconds:.2f} to {one.offset_seconds:.2f} s"
        for number, one in enumerate(found, start=1)
    )
    head = section(
        video.name,
        *words,
        chart(
            figure_png(timeline, 110, (0.08, 0.06)), f"Motion over time and the expressions found. {spans}"
        ),
        _downloads(found, video.name, timeline),
    )
    answers = [
        Html(
            f"<details{' open' if number == 1 else ''}><summary>{number}. {text(label_and_share(one))}, "
            f"{one.onset_seconds:.2f} to {one.offset_seconds:.2f} s</summary>"
            f"{_headline(one, Html(''))}{_evidence(one)}</details>"
        )
        for number, one in enumerate(found, start=1)
    ]
    return Html("\n".join([head, *answers]))


def clip_piece(clip: PreparedClip, attention: np.ndarray | None = None) -> Html:
    """A clip's faces and its motion, as the networks see them."""
    return Html(f"{_faces(clip)}\n{_motion(clip, attention)}")


def _length(video):
    return f"{len(video.numbers) / video.frames_per_second:.0f}"


def _headline(recognition, files):
    label = recognition.label
    told = "No sure expression" if label == NO_EXPRESSION else label.capitalize()
    pieces = [Html(f'<p class="label {text(label)}">{text(told)}</p>'), _summary(recognition)]
    if recognition.doubts:
        doubts = "".join(f"<li>{text(doubt)}</li>" for doubt in recognition.doubts)
        pieces.append(Html(f'<div class="doubts"><b>Look at it:</b><ul>{doubts}</ul></div>'))
    rows = []
    for place, (name, value) in enumerate(recognition.probabilities.items()):
        members = recognition.members[:, place]
        interval = (float(members.min()), float(members.max()))
        rows.append(
            (name, Html(f'<span class="share">{score_range(value, interval, f"{value:.2f}")}</span>'))
        )
    note = "One network answers, so there is no spread."
    if len(recognition.members) > 1:
        note = (
            f"Line: mean of {len(recognition.members)} networks. Band: from the least to the most of them. "
            f"{recognition.agreement:.0%} agree with the class."
        )
    pieces += [table(("class", "probability"), rows, "ll"), note, files]
    return section(recognition.name, *pieces)


def _summary(recognition):
    """The answer in a sentence or three, which a screen reader reads first."""
    words = []
    if recognition.shown_units:
        units = ", ".join(f"{unit} {ACTION_UNITS.get(unit, '')}".strip() for unit in recognition.shown_units)
        words.append(f"Action units told: {units} ({units_in_words(recognition)}).")
    if recognition.motion is not None:
        words.append(
            f"The face moved by {recognition.motion:.1f}% of the distance between the eyes from the onset, "
            f"{_frame(recognition.onset, recognition.onset_seconds)}, to the apex, "
            f"{_frame(recognition.apex, recognition.apex_seconds)}."
        )
    if recognition.similarity is not None:
        words.append(
            f"Similarity of the two branches, face and puzzle: {recognition.similarity:.2f} (from -1 to 1)."
        )
    return " ".join(words)


def _frame(number, seconds):
    return f"frame {number}" + ("" if seconds is None else f" ({seconds:.2f} s)")


def _evidence(recognition):
    clip = recognition.clip
    pieces = [] if clip is None else [clip_piece(clip, recognition.attention)]
    if recognition.action_units:
        pieces.append(_units(recognition))
    if len(recognition.onset_apex.course):
        figure = figure_png(course_figure(recognition), 110, (0.08, 0.06))
        words = "Motion since the onset, in per cent of the distance between the eyes, and the apex."
        pieces.append(section("Course of the motion", chart(figure, words)))
    return Html("\n".join(pieces))


def _faces(clip):
    onset, apex = enlarged(clip.onset_face), enlarged(clip.apex_face)
    pictures = _grid(
        _picture(onset, "Aligned face at the onset", f"onset, frame {clip.onset}"),
        _picture(
            regions_picture(clip.apex_face, clip.boxes),
            "Aligned face at the apex with the three regions: both brows and the mouth",
            f"apex, frame {clip.apex}, {clip.apex_found}; regions of the puzzle",
        ),
        _comparison(onset, apex),
        _magnifier(clip),
    )
    return section("Onset and apex", pictures)


def _comparison(onset, apex):
    """Onset and apex on one place, and a slider that shows more of one or the other."""
    move = "this.closest('figure').style.setProperty('--at', this.value + '%')"
    return Html(
        f'<figure class="compare"><div class="stack"><img alt="Face at the onset" src="{_source(onset)}">'
        f'<img alt="Face at the apex, over the onset" src="{_source(apex)}"></div>'
        f'<label>left of the line apex, right onset<input type="range" min="0" max="100" value="50" '
        f'aria-label="Share of the apex shown" oninput="{move}"></label></figure>'
    )


def _magnifier(clip):
    """The motion more or fewer times, by a slider over a strip of pictures."""
    faces = [enlarged(magnified_face(clip.apex_face, clip.flow, factor)) for factor in _FACTORS]
    move = (
        "this.closest('figure').style.setProperty('--n', this.value);"
        "this.closest('figure').querySelector('output').value = this.value + ' times'"
    )
    return Html(
        f'<figure class="magnify" style="--count: {len(faces)}; --n: 1"><div class="window">'
        f'<img alt="The apex with its motion magnified" src="{_source(np.concatenate(faces, axis=1))}"></div>'
        f"<label><span>apex, its motion <output>1 times</output></span>"
        f'<input type="range" min="0" max="{_FACTORS[-1]}" value="1" '
        f'aria-label="How many times the motion is shown" oninput="{move}"></label></figure>'
    )


def _motion(clip, attention):
    eyes = 0.01 * clip.eye_distance
    most, puzzle = (largest_motion(flow) for flow in (clip.flow, clip.puzzle_flow))
    puzzle_face = clip.puzzle_face
    pictures = [
        _picture(
            colour_picture(clip.flow),
            "Flow of the entire face as colours",
            f"face: direction as colour, full at {most / eyes:.1f}% of the eye distance",
        ),
        _picture(arrows_picture(clip.onset_face, clip.flow), "Flow of the face as arrows", "face: arrows"),
        _picture(strain_picture(clip.flow), "Strain of the face", "face: strain, bright is stretched"),
        *_attention(clip, attention),
        _picture(
            colour_picture(clip.puzzle_flow),
            "Flow of the puzzle as colours",
            f"puzzle: direction as colour, full at {puzzle:.1f} pixels",
        ),
        _picture(
            arrows_picture(puzzle_face, clip.puzzle_flow), "Flow of the puzzle as arrows", "puzzle: arrows"
        ),
        _picture(strain_picture(clip.puzzle_flow), "Strain of the puzzle", "puzzle: strain"),
    ]
    wheel = _picture(
        wheel_picture(), "Colour wheel of directions", "red right, green up, blue left, violet down"
    )
    note = "What the network saw: motion from onset to apex, of the face and of the puzzle of its regions."
    return section("Motion", note, _grid(*pictures, Html(f'<div class="wheel">{wheel}</div>')))


def _attention(clip, attention):
    if attention is None:
        return []
    words = f"where it looks: spatial attention (CBAM), {attention.min():.2f} to {attention.max():.2f}"
    return [_picture(attention_picture(clip.onset_face, attention), "Attention over the face", words)]


def _units(recognition):
    rows = [
        (str(unit), ACTION_UNITS.get(unit, ""), *(bar(side, f"{side:.2f}") for side in sides))
        for unit, sides in recognition.action_units.items()
    ]
    told = ", ".join(map(str, recognition.shown_units)) or "none"
    figure = figure_png(units_figure(recognition.action_units), 110, (0.02, 0.02))
    words = f"A face with the action units that are told: {told}. Arrows show where the muscles pull."
    listed = table(("unit", "name", "image-left", "image-right"), rows, "llrr")
    return section(
        "Action units",
        "Told from a probability of 0.5. Image-left is the right side of somebody who looks into the camera.",
        Html(f'<div class="pair units">{chart(figure, words)}{listed}</div>'),
    )


def _downloads(recognitions, name, figure):
    rows = [one.row() for one in recognitions]
    classes = list(recognitions[0].probabilities) if recognitions else []
    files = {
        "csv": ("text/csv", table_file(rows, classes)),
        "json": ("application/json", json_file(recognitions)),
        "png": ("image/png", figure_png(figure, 130, (0.08, 0.06))),
    }
    links = "".join(
        f'<a download="{text(name)}.{suffix}" href="{_address(kind, content)}">{suffix.upper()}</a>'
        for suffix, (kind, content) in files.items()
    )
    return Html(f'<p class="downloads"><span>Download</span> {links}</p>')


def chart(png: bytes, description: str) -> Html:
    """A drawing on white, which dark pages show inverted; it scrolls sideways where it is too wide."""
    source = _address("image/png", png)
    return Html(
        f'<div class="scroll chart" tabindex="0" role="group" aria-label="chart">'
        f'<img alt="{text(description)}" src="{source}"></div>'
    )


def _picture(image, description, caption):
    return captioned_image(_jpeg(image), description, Html(text(caption)), "jpeg")


def _grid(*pictures):
    return Html(f'<div class="faces">{"".join(pictures)}</div>')


def _jpeg(image):
    return image_file(image, "JPEG", quality=88)


def _source(image):
    return _address("image/jpeg", _jpeg(image))


def _address(kind, content):
    """The content of a file as an address: nothing has to be kept on the server."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
