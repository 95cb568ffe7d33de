"""Opens a page in the browser: a clip, what the network saw in it, and its answer: `dualatme-app`.

The weights that come with this package answer; `--run=runs/mine` asks your own.
"""

import contextlib
import signal
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.commands import Flags, define_faces, define_run, quiet_libraries, setting_values
from dualatme_keras.commands.interrupts import ending_on_signals
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import read_settings
from dualatme_keras.runs import RunDirectory

flags = Flags(__doc__)
_RUN = define_run(flags)
_SETTINGS = flags.DEFINE_string("settings", None, "prepare.json, or published, where a run or file has none")
_FACES = define_faces(flags)
_RUNS = flags.DEFINE_string("runs", "runs", "folder of runs that the second tab offers")
_HOST = flags.DEFINE_string("host", "127.0.0.1", "address to serve at; the default is this machine alone")
_PORT = flags.DEFINE_integer("port", 7860, "port to serve at", lower_bound=1, upper_bound=65535)
_BROWSER = flags.DEFINE_boolean("browser", True, "open it in the browser")


def main(_arguments):
    quiet_libraries()
    with ending_on_signals():
        serve_page = _page()
        from dualatme_keras.recognition import Recognizer

        settings = read_settings(_SETTINGS.value) if _SETTINGS.value else None
        faces = setting_values(_FACES)
        recognizer = Recognizer(_RUN.value or "facs", settings, **faces)
        if recognizer.settings.landmarks == "template" and faces["landmarks"] is None:
            raise DualATMEError(
                "Expected to be told where faces are found. Received: images that were prepared with "
                "`landmarks='template'`, of faces that were aligned already. Name a detector, "
                "`landmarks='mtcnn'`, or say that the clips are such faces too, `landmarks='template'`."
            )
    # From here on there are clips of others to be deleted before the end.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serve_page(
        recognizer, finished_runs(_RUN.value or (), _RUNS.value), _HOST.value, _PORT.value
    ) as address:
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


def finished_runs(asked: Sequence[str], below: str) -> list[Path]:
    """Folders of the finished runs that answer, and of those below a folder, each once; seeds one by one."""
    asked = [RunDirectory(run) for run in asked]
    folders = [one.path for run in asked for one in (run, *run.seeds().values()) if one.predictions.is_file()]
    others = sorted(
        file.parent
        for file in Path(below).glob("**/predictions.csv")
        if "folds" not in file.relative_to(below).parts
    )
    return list({folder.resolve(): folder for folder in [*folders, *others]}.values())


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments or sys.argv)


if __name__ == "__main__":
    run()
