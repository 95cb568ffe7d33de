"""Opens a page in the browser: a clip, what the network saw in it, and its answer: `dualatme-app`.

The weights that come with this package answer; `--run=runs/mine` asks your own.
"""

import contextlib
import signal
import sys
import threading
import webbrowser
from pathlib import Path

from dualatme_keras.commands import Flags, define_run, quiet_libraries
from dualatme_keras.commands.interrupts import ending_on_signals
from dualatme_keras.errors import DualATMEError

flags = Flags(__doc__)
_RUN = define_run(flags)
_RUNS = flags.DEFINE_string("runs", "runs", "folder of runs that the second tab offers")
_HOST = flags.DEFINE_string("host", "127.0.0.1", "address to serve at; the default is this machine alone")
_PORT = flags.DEFINE_integer("port", 7860, "port to serve at", lower_bound=1, upper_bound=65535)
_BROWSER = flags.DEFINE_boolean("browser", True, "open it in the browser")


def main(_arguments):
    quiet_libraries()
    with ending_on_signals():
        serve_page = _page()
        from dualatme_keras.recognition import Recognizer

        recognizer = Recognizer(_RUN.value or "facs")
    # From here on there are clips of others to be deleted before the end.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serve_page(recognizer, _finished_runs(), _HOST.value, _PORT.value) as address:
        print(f"{address}  (end with Ctrl-C)", flush=True)
        if _BROWSER.value:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(address)
        while not ended.wait(0.5):  # without a limit Windows lets no Ctrl-C in
            pass


def _page():
    try:
        from dualatme_keras.app import serve_page
    except ModuleNotFoundError as error:
        raise DualATMEError(
            f"Expected the page's packages. Received: no {error.name}. Install `dualatme-keras[app]`."
        ) from error
    return serve_page


def _finished_runs():
    folders = [Path(run) for run in _RUN.value or () if (Path(run) / "predictions.csv").is_file()]
    below = sorted(
        file.parent
        for file in Path(_RUNS.value).glob("**/predictions.csv")
        if "folds" not in file.relative_to(_RUNS.value).parts
    )
    return list(dict.fromkeys([*folders, *below]))


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments or sys.argv)


if __name__ == "__main__":
    run()
