"""The tab of runs: scores, confusion, curves, people and mistakes of one run, or of two side by side."""

import functools
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path

import anyio
import gradio as gr

from dualatme_keras.app.answer import clip_piece
from dualatme_keras.data.paths import find_image
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import compare_runs, format_comparison
from dualatme_keras.evaluation.challenge_log import clip_name
from dualatme_keras.evaluation.flow_pictures import clip_pictures
from dualatme_keras.evaluation.report import report_sections, surest_mistakes
from dualatme_keras.evaluation.run import RunResults, read_results
from dualatme_keras.evaluation.tables import format_score
from dualatme_keras.plots.page import Html, captioned_image, section, table, text
from dualatme_keras.preparation.output import prepare_again, record_of
from dualatme_keras.runs import RunDirectory, read_config, read_predictions
from dualatme_keras.text import count

_SECTIONS = ("scores", "confusion", "classes", "curves", "reliability", "branches", "subjects")
_MISTAKES = 12
"""Mistakes that can be opened."""

_NONE = "no second run"


def add_run_tab(runs: Sequence[Path]) -> None:
    """Adds the tab's components to the page that is being built; `runs` can be opened, no other folder."""
    if not runs:
        gr.HTML(
            "<p>There is no finished run here. Train one (dualatme-train), then start dualatme-app with "
            "--runs=FOLDER, the folder in which it lies.</p>",
            elem_classes="dualatme",
        )
        return
    names = [run.name for run in runs]
    choices = [(run.name if names.count(run.name) == 1 else str(run), str(run)) for run in runs]
    with gr.Row():
        first = gr.Dropdown(choices, value=str(runs[0]), label="Run", filterable=False)
        second = gr.Dropdown([_NONE, *choices], value=_NONE, label="Side by side with", filterable=False)
    button = gr.Button("Open", variant="primary")
    known = frozenset(map(str, runs))
    one = anyio.CapacityLimiter(1)  # clips of all visitors, one after another

    async def show_clip(which):
        return await anyio.to_thread.run_sync(clip_of_run, known, which, limiter=one)

    shown = gr.HTML(
        "",
        elem_classes="dualatme",
        elem_id="run",
        apply_default_css=False,
        js_on_load=files("dualatme_keras.app").joinpath("mistakes.js").read_text(encoding="utf-8"),
        server_functions=[show_clip],
    )
    button.click(functools.partial(_open, known), [first, second], shown, api_visibility="private")


def _open(names, first, second):
    chosen = [run for run in (first, second) if run in names]
    try:
        pieces = [run_piece(run) for run in chosen]
    except DualATMEError as error:
        return _told(error)
    if len(pieces) == 1:
        return pieces[0]
    try:
        compared = Html(f'<pre tabindex="0">{text(format_comparison(compare_runs(chosen)))}</pre>')
    except DualATMEError as error:  # of other clips: there is still something to see
        compared = Html(f"<p>Not compared clip by clip. {text(error)}</p>")
    both = "".join(f"<div>{piece}</div>" for piece in pieces)
    return f'{section("Compared", compared)}<div class="two">{both}</div>'


def _told(error):
    return f'<p role="alert" class="error">{text(error)}</p>'


def run_piece(run: str) -> Html:
    """Everything about a run: the sections of its report, and its surest mistakes, which open to a clip."""
    results = read_results(run)
    sections = report_sections(results.predictions, results.metrics, results.figures, results.settings)
    shown = [sections[name] for name in _SECTIONS if name in sections]
    return Html(
        "\n".join([f"<h2>{text(Path(run).name)}</h2>", shown[0], _mistakes(run, results), *shown[1:]])
    )


def clip_of_run(runs: Collection[str], which: Sequence[str]) -> str:
    """A clip of a run, from its frames.

    Args:
        runs: that may be opened; a browser may ask for any.
        which: run, and path of the clip's flow image as the run has it.
    """
    try:
        match which:
            case [str(run), str(path)] if run in runs:
                directory = RunDirectory(run)
                if path in read_predictions(directory.predictions).paths:
                    root = read_config(directory).get("data_root")
                    return clip_piece(prepare_again(find_image(path, root)))
    except (DualATMEError, OSError) as error:
        return _told(error)
    return _told("Expected a clip of a run that this page shows. Open the run again.")


def _mistakes(run, results: RunResults):
    wrong = surest_mistakes(results.predictions)
    if not len(wrong):
        return section("Mistakes", "None.")
    clips = count(len(results.predictions), "clip")
    note = f"{len(wrong)} of {clips}, the surest first. Open one to see its clip."
    return section("Mistakes", note, *(_mistake(run, results, row) for row in wrong[:_MISTAKES]))


def _mistake(run, results, row):
    told = results.predictions
    names = told.class_names
    label, answer = names[told.labels[row]], names[told.predictions[row]]
    clip = f"{told.subjects[row]} {clip_name(told.paths[row], told.databases[row])}"
    share = format_score(told.probabilities[row].max(), 2)
    shares = [
        (name, format_score(value, 2)) for name, value in zip(names, told.probabilities[row], strict=True)
    ]
    return Html(
        f"<details><summary>{text(clip)}: {text(label)}, told {text(answer)} {share}</summary>"
        f"{table(('class', 'probability'), shares, 'lr')}{_clip(run, results, row, clip)}</details>"
    )


def _clip(run, results, row, clip):
    root, known = results.data_root
    if not known:
        return "<p>No config.json says where its images lie.</p>"
    path = str(results.predictions.paths[row])
    try:
        image = find_image(path, root)
        pictures = clip_pictures(image)
    except (DualATMEError, OSError) as error:
        return f"<p>Its images are not here. {text(error)}</p>"
    shown = "".join(
        captioned_image(content, f"{clip}: {words}", Html(text(words)), kind)
        for words, (kind, content) in pictures.items()
    )
    frames = ""
    if record_of(image).is_file():
        # Its frames, aligned and with their motion, take seconds: mistakes.js asks when it is opened.
        frames = f'<div data-run="{text(run)}" data-path="{text(path)}"></div>'
    return f'<div class="clip">{shown}</div>{frames}'
