"""The page and its server: a tab for clips, a tab for runs."""

import contextlib
import errno
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import gradio as gr
from fastapi.middleware import Middleware

from dualatme_keras.app.clip_tab import add_clip_tab
from dualatme_keras.app.headers import OwnMachineOnly
from dualatme_keras.app.run_tab import add_run_tab
from dualatme_keras.app.uploads import MOST_BYTES
from dualatme_keras.errors import DualATMEError
from dualatme_keras.plots.page import PIECES_STYLE
from dualatme_keras.recognition import Recognizer

OLDEST_SECONDS = 600
"""After which an upload is deleted that nobody asked about."""

_MOST_WAITING = 32

_INTRODUCTION = """<h1>Dual-ATME: micro-expressions</h1>
<p>A clip, what the network saw in it, and its answer. All of it stays on this machine, and clips are
deleted after their answer. The network can be wrong: look at its doubts.</p>"""


def new_page(
    recognizer: Recognizer, folder: str | os.PathLike, runs: Sequence[str | os.PathLike] = ()
) -> gr.Blocks:
    """The page, without a server.

    Args:
        recognizer: who answers.
        folder: where uploads are kept until they are answered; nobody else should be able to read it.
        runs: folders of runs that can be opened.
    """
    os.environ["GRADIO_TEMP_DIR"] = os.fspath(folder)
    with gr.Blocks(
        title="Dual-ATME", analytics_enabled=False, delete_cache=(OLDEST_SECONDS // 2, OLDEST_SECONDS)
    ) as page:
        gr.HTML(_INTRODUCTION, elem_classes="dualatme")
        with gr.Tabs():
            with gr.Tab("A clip"):
                add_clip_tab(recognizer, Path(folder))
            with gr.Tab("A run"):
                add_run_tab([Path(run) for run in runs])
    page.queue(max_size=_MOST_WAITING)
    return page


@contextlib.contextmanager
def serve_page(
    recognizer: Recognizer,
    runs: Sequence[str | os.PathLike] = (),
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[str]:
    """Serves the page while the context lasts; gives its address.

    Uploads lie in a temporary folder that only this user can read, and that ends with the context.

    Args:
        recognizer, runs: see `new_page`.
        host: address at which it is reached; the default is this machine alone. There is no password.
        port: a free one from 7860 on by default.

    Raises:
        DualATMEError: the port is in use, or the host no address of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="dualatme_app_") as folder:
        page = new_page(recognizer, folder, runs)
        _check_free(host, port)
        _pass_proxy_by(host)
        _app, address, _shared = page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            show_error=False,
            run_history=False,
            max_file_size=MOST_BYTES,
            ssr_mode=False,
            footer_links=[],
            theme=_theme(),
            head=f"<style>{_style()}</style>",
            app_kwargs={"middleware": [Middleware(OwnMachineOnly)]},
        )
        try:
            yield address
        finally:
            page.close(verbose=False)


def _check_free(host, port):
    """Raises `DualATMEError` where somebody listens already; Gradio would name neither flag nor reason."""
    try:
        socket.create_server((host, port or 0)).close()
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise DualATMEError(
                f"Expected `host` to be an IPv4 address of this machine. Received: {host} "
                f"({error.strerror or error})."
            ) from error
        raise DualATMEError(
            f"Expected a free `port`. Received: {port} at {host} ({error.strerror}). Give another `port`."
        ) from error


def _pass_proxy_by(host):
    """Gradio asks its own server whether it is there, which a proxy of this machine cannot reach."""
    told = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if told != "*":  # which passes by all, and is no name in a list
        names = [*filter(None, told.split(",")), "localhost", "127.0.0.1", host]
        os.environ["no_proxy"] = ",".join(dict.fromkeys(names))


def _theme():
    fonts = ("system-ui", "sans-serif")
    return gr.themes.Base(
        primary_hue="blue", neutral_hue="slate", font=fonts, font_mono=("ui-monospace", "monospace")
    )


def _style():
    pieces = f".dualatme {{ {PIECES_STYLE} }}"
    return pieces + files("dualatme_keras.app").joinpath("style.css").read_text(encoding="utf-8")
