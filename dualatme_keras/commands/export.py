"""Exports a run for servers: `dualatme-export --run=runs/mine --output=models/dualatme`."""

import os

from dualatme_keras.commands import Flags, quiet_libraries
from dualatme_keras.preprocessing import read_settings

flags = Flags(__doc__, model_name="model")
_RUN = flags.DEFINE_string(
    "run", "facs", "run of --final_model, file of weights, or facs, the weights of this package"
)
_OUTPUT = flags.DEFINE_string("output", None, "folder of all versions; default: RUN/export of a run")
_VERSION = flags.DEFINE_integer("version", None, "version number; default: the next free one")
_FORMATS = flags.DEFINE_list("formats", ["saved_model"], "out of saved_model, onnx, litert")
_SETTINGS = flags.DEFINE_string("settings", None, "prepare.json, or published, where the run does not say")
_MODEL = flags.DEFINE_string("model", "dualatme", "the server's name of the model")
_WARM_UP = flags.DEFINE_boolean("warm_up", True, "write requests with which a server warms itself up")


def main(_arguments):
    quiet_libraries()
    from dualatme_keras.serving import export_run

    result = export_run(
        _RUN.value,
        _OUTPUT.value or os.path.join(_RUN.value if os.path.isdir(_RUN.value) else "", "export"),
        version=_VERSION.value,
        formats=_FORMATS.value,
        settings=read_settings(_SETTINGS.value) if _SETTINGS.value else None,
        warm_up=_WARM_UP.value,
        model_name=_MODEL.value,
    )
    for name, path in result.paths.items():
        print(f"{name}: {path}")
    for path in result.kept:
        print(f"kept: {path}, which this command did not write; look whether it names --model={_MODEL.value}")
    if result.without_frames and "saved_model" in result.paths:
        print(f"without the signature serve_frames: {flags.in_flags(result.without_frames)}")


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
