"""The tab of clips: files, a webcam and made-up examples go in, an answer comes out."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files as files_of_package
from pathlib import Path

import gradio as gr

from dualatme_keras.app.answer import answer_piece, video_piece
from dualatme_keras.app.examples import EXAMPLES, Example
from dualatme_keras.app.uploads import MOST_BYTES, MOST_FRAMES, Upload
from dualatme_keras.errors import DualATMEError
from dualatme_keras.plots.page import Html, text
from dualatme_keras.recognition import Recognition, Recognizer
from dualatme_keras.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES

ONE, SEVERAL = "A clip of one expression", "A longer video: find its expressions"

_LOG = logging.getLogger(__name__)

_POLL_SECONDS = 0.25

_AT_ONCE = 32
"""Clips that are taken at once, and wait here for the one that is being answered; more wait in the queue."""


def add_clip_tab(recognizer: Recognizer, folder: Path) -> None:
    """Adds the tab's components to the page that is being built.

    Args:
        recognizer: who answers, one clip at a time.
        folder: for uploads.
    """
    answers = ClipAnswers(recognizer, folder)
    with gr.Row():
        kind = gr.Radio([ONE, SEVERAL], value=ONE, label="What is it?", scale=3)
        rate = gr.Textbox(
            label="Frames per second",
            placeholder="as the file tells",
            scale=1,
            min_width=200,
            max_lines=1,
            elem_id="rate",
        )
    with gr.Tabs():
        with gr.Tab("Files"):
            files = gr.File(
                label=f"A video, or onset and apex. Up to {MOST_BYTES >> 20} MB, answered at once.",
                file_count="multiple",
                file_types=[*VIDEO_SUFFIXES, *IMAGE_SUFFIXES],
                height=190,
                elem_id="files",
            )
            folder_of_frames = gr.UploadButton(
                f"A folder of numbered frames, up to {MOST_FRAMES}", file_count="directory", elem_id="folder"
            )
        with gr.Tab("Webcam"):
            gr.HTML(_WEBCAM, elem_classes="dualatme", js_on_load=_own_file("webcam.js"))
            frames = gr.File(
                label="Frames of the webcam", file_count="multiple", visible="hidden", elem_id="frames"
            )
            # A box of its own: what stands in the other one is that of the next file.
            webcam_rate = gr.Textbox(label="Its frames per second", visible="hidden", elem_id="webcam_rate")
        with gr.Tab("Made-up examples"):
            gr.HTML(
                "<p>Painted faces, no person's. The button says what is painted.</p>", elem_classes="dualatme"
            )
            with gr.Row(equal_height=True):
                buttons = [gr.Button(example.title, min_width=140) for example in EXAMPLES]
    status = gr.HTML(
        _status("Ready."),
        elem_classes="dualatme progress",
        elem_id="progress",
        # On what stays, so that screen readers tell what comes into it.
        js_on_load="element.setAttribute('role', 'status')",
    )
    answer = gr.HTML("", elem_classes="dualatme", elem_id="answer", apply_default_css=False)
    event = {"show_progress": "hidden", "concurrency_limit": _AT_ONCE, "api_visibility": "private"}
    for source, its_rate in ((files, rate), (folder_of_frames, rate), (frames, webcam_rate)):
        source.upload(answers.of_files, [source, kind, its_rate], [status, answer, source], **event)
    for button, example in zip(buttons, EXAMPLES, strict=True):
        button.click(functools.partial(answers.of_example, example), None, [status, answer], **event)


_WEBCAM = """<p>Frames are recorded on this page, answered, and deleted. Look into the camera without
expression first: the clip begins there.</p>
<p class="downloads"><button type="button">Record</button>
<label>Seconds <select><option>2</option><option selected>3</option><option>5</option><option>10</option>
</select></label></p><div role="status"></div>
<video hidden muted playsinline aria-label="What the camera sees"></video>"""


def _own_file(name):
    return files_of_package("dualatme_keras.app").joinpath(name).read_text(encoding="utf-8")


class ClipAnswers:
    """What the tab's events do. Nothing of one visitor is kept for another, and nothing after the answer."""

    def __init__(self, recognizer: Recognizer, folder: Path):
        self._recognizer, self._folder = recognizer, folder
        self._turn = threading.Lock()

    def of_files(self, files: str | list[str] | None, kind: str, rate: str) -> Iterator[tuple]:
        """Status, answer and empty input, as they come about.

        Args:
            files: that the server has stored; they are gone afterwards.
            kind: `ONE` or `SEVERAL`.
            rate: frames per second as typed; empty for what the file tells.
        """
        try:
            upload = Upload([files] if isinstance(files, str) else files or [], self._folder)
        except DualATMEError as error:
            yield _failed(str(error)), "", None
            return
        yield _status("Files received."), "", None

        def work(tell):
            with upload:
                try:
                    frames_per_second = _number(rate)
                    clip, name = upload.clip()
                    return self._answer(clip, name, kind == SEVERAL, frames_per_second, tell)
                except DualATMEError as error:
                    return DualATMEError(upload.words(error))

        for status, answer in _with_progress(work):
            yield status, answer, None

    def of_example(self, example: Example) -> Iterator[tuple]:
        """Status and answer, as they come about."""

        def work(tell):
            tell("Painting the example")
            frames, rate = example.frames()
            try:
                return self._answer(frames, example.title, example.spot, rate, tell)
            except DualATMEError as error:
                return error

        yield from _with_progress(work)

    def _answer(self, clip, name, spot, rate, tell) -> Html:
        if self._turn.locked():
            tell("Waiting for the clips of others")
        with self._turn:
            if not spot:
                tell("Looking for face and apex, measuring motion")
                found = self._recognizer.recognize(clip, name, frames_per_second=rate)
            else:
                tell("Looking for a face")
                found = self._recognizer.spot(
                    clip,
                    name,
                    rate,
                    progress=lambda done, of: tell(f"Looked at {done} of {of} frames"),
                    answered=lambda done, of: tell(f"Recognised {done} of {of} expressions"),
                    keep=Recognition.without_frames,
                )
        tell("Drawing")
        return video_piece(found) if spot else answer_piece(found)


def _number(typed):
    """Frames per second as somebody typed them; None where nothing stands there."""
    try:
        return float(typed.replace(",", ".")) if typed.strip() else None
    except ValueError:
        raise DualATMEError(f"Expected a number of frames per second. Received: {typed!r}.") from None


def _with_progress(work: Callable) -> Iterator[tuple[str, str]]:
    """Does work in a thread; gives status and answer until it is done.

    Args:
        work: called with a function that takes a line of progress; returns a piece of the page, or the error
            that the visitor is to read.
    """
    begun, line, gone = time.monotonic(), ["Beginning"], threading.Event()

    def tell(words):
        if gone.is_set():
            raise DualATMEError("Nobody waits for this answer.")
        line[0] = words

    thread = ThreadPoolExecutor(1)
    future = thread.submit(work, tell)
    # Nobody waits for the work of a visitor who left: Gradio closes this generator where all are served.
    thread.shutdown(wait=False)
    try:
        while not future.done():
            # Screen readers tell each line once, not the seconds.
            seconds = f'<span aria-hidden="true">… {time.monotonic() - begun:.0f} s</span>'
            yield _status(Html(f"{text(line[0])}{seconds}")), ""
            time.sleep(_POLL_SECONDS)
    finally:
        gone.set()
    try:
        result = future.result()
    except Exception:  # whatever libraries raise: a page that stands still would tell nobody
        _LOG.exception("a clip was not answered")
        result = DualATMEError("The program has a fault, or too little memory; its log says more.")
    if isinstance(result, DualATMEError):
        yield _failed(str(result)), ""
    else:
        yield _status(f"Answered in {time.monotonic() - begun:.1f} s. The clip is deleted."), result


_WORDS = {
    "`spot`": f"“{SEVERAL}”",
    "`frames_per_second`": "“Frames per second”",
}
"""What the page calls arguments of the library."""


def _failed(message):
    for argument, words in _WORDS.items():
        message = message.replace(argument, words)
    return f'<div class="error">No answer. {text(message)}</div>'


def _status(message):
    return f"<div>{text(message)}</div>"
