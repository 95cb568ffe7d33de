"""Recognises clips: `dualatme-predict clip.mp4 folder_of_frames --output=out.csv`.

The weights that come with this package answer, which have seen no database; `--run=runs/mine` asks your own.
"""

import os
import sys
from pathlib import Path

from dualatme_keras.commands import (
    Flags,
    define_faces,
    define_run,
    define_workers,
    quiet_libraries,
    setting_values,
)
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_apart, check_file, check_folder
from dualatme_keras.preprocessing import read_settings
from dualatme_keras.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dualatme_keras.workers import compute_as_workers

flags = Flags(__doc__, continues=True, takes_files=True, frames_per_second="fps")
_PRESET = "facs"
_RUN = define_run(flags)
_SERVER = flags.DEFINE_string("server", None, "instead of --run: http://HOST:8501 or grpc://HOST:8500")
_EXPORT = flags.DEFINE_string(
    "export", None, "instead of --run: folder of an export, or of one of its versions"
)
_MODEL = flags.DEFINE_string("model", "dualatme", "name of the model on --server")
_OUTPUT = flags.DEFINE_string("output", "recognised.csv", "table to write, a row per clip")
_FIGURES = flags.DEFINE_string("figures", None, "folder for a picture per clip")
_SPOT = flags.DEFINE_boolean("spot", False, "find the expressions of longer videos first")
_INTERVALS = flags.DEFINE_string(
    "intervals", None, "with --spot: CSV of subject, video, onset, offset and emotion, as challenges ask for"
)
_FPS = flags.DEFINE_float(
    "fps", None, "frames per second, which folders do not tell: for --spot and for seconds", lower_bound=1.0
)
_NETWORKS = flags.DEFINE_enum(
    "networks", "auto", ["auto", "final", "folds"], "of a run: the one trained on all clips, or all folds'"
)
_UNFINISHED = flags.DEFINE_boolean("unfinished", False, "take a run's folds although some are missing")
_SETTINGS = flags.DEFINE_string(
    "settings", None, "prepare.json, or published, where a run, file or server has none"
)
_FACES = define_faces(flags)
_WORKERS = define_workers(flags, "clips are answered")


@flags.multi_flags_validator(["run", "export", "server"], "give one of --run, --export and --server at most")
def _one_who_answers(values):
    return sum(map(bool, values.values())) <= 1


_ONLY_WITH = (
    (_NETWORKS, ("run",)),
    (_UNFINISHED, ("run",)),
    (_SETTINGS, ("run", "server")),
    (_MODEL, ("server",)),
)
"""Flags that say something to some of those who answer only."""


def _check_flags(clips):
    """Raises `DualATMEError` where a flag was given that would have no effect, or one is missing."""
    folder = next(filter(os.path.isdir, clips), None)
    if _SPOT.value and _FPS.value is None and folder:
        raise DualATMEError(
            "Expected --fps with --spot, which tells short motions from long ones. Received: none for "
            f"{folder}, a folder, whose images do not tell it."
        )
    if _INTERVALS.value and not _SPOT.value:
        raise DualATMEError("Expected --intervals with --spot. Received: it alone. Leave it out, or spot.")
    asked = next((flag.name for flag in (_RUN, _EXPORT, _SERVER) if flag.value), None)
    for flag, who in _ONLY_WITH:
        if flag.present and asked not in who:
            raise DualATMEError(
                f"Expected --{flag.name} with {' or '.join(f'--{one}' for one in who)}. Received: it "
                f"{f'with --{asked}' if asked else 'alone'}, where it has no effect. Leave it out."
            )


def main(arguments):
    quiet_libraries()
    if not (_EXPORT.value or _SERVER.value):
        compute_as_workers()
    flags.continues = not _SERVER.value  # nobody knows whether it has the same network then
    _check_flags(arguments[1:])
    if len(arguments) < 2:
        raise DualATMEError("Expected videos or folders of frames. Received: none.")
    sys.exit(_predict(arguments[1:]))


def _predict(clips):
    from dualatme_keras.data import write_intervals
    from dualatme_keras.recognition.clip_table import predict_clips
    from dualatme_keras.recognition.intervals import intervals_of_rows, name_videos

    check_file(_OUTPUT.value, "output")
    if _FIGURES.value:
        check_folder(_FIGURES.value, "figures")
    if _INTERVALS.value:
        check_file(_INTERVALS.value, "intervals")
    if Path(_OUTPUT.value).suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
        raise DualATMEError(f"Expected --output to be a table. Received: {_OUTPUT.value}.")
    check_apart({"output": _OUTPUT.value, "intervals": _INTERVALS.value}, clips)
    videos = name_videos(clips) if _INTERVALS.value else {}
    recognizer = _recognizer()
    result = predict_clips(
        recognizer,
        clips,
        _OUTPUT.value,
        _FIGURES.value,
        _SPOT.value,
        _FPS.value,
        **setting_values(_WORKERS),
    )
    if _INTERVALS.value:
        write_intervals(_INTERVALS.value, intervals_of_rows(result.rows, videos))
    answered = [row for row in result.rows if not row["error"]]
    width = max((len(row["clip"]) for row in answered), default=0)
    for row in answered:
        shares = "  ".join(f"{name} {float(row[f'p_{name}']):.2f}" for name in recognizer.class_names)
        units = f"  AU {row['action_units']}" if row["action_units"] else ""
        motion = f"  motion {row['motion']}%" if row["motion"] else ""
        apex = f"apex {row['apex']}{_at(row)}"
        print(f"{row['clip']:<{width}}  {row['label']:<8}  {shares}  {apex}{motion}{units}")
        if row["doubts"]:
            print(f"{'':<{width}}  look at it: {row['doubts']}")
    networks = f"{len(recognizer)} network" + "s that answer together" * (len(recognizer) > 1)
    asked = _RUN.value or [_EXPORT.value or _SERVER.value or _PRESET]
    if answered:
        print(f"\nanswered by: {networks}, of {', '.join(asked)}")
    print(f"table: {_OUTPUT.value}" + (f"\npictures: {_FIGURES.value}" if _FIGURES.value else ""))
    if _INTERVALS.value:
        print(f"intervals: {_INTERVALS.value}")
    for clip, reason in result.failed.items():
        print(f"failed: {clip}: {flags.in_flags(reason)}", file=sys.stderr)
    return 1 if result.failed else 0


def _at(row):
    return f" ({float(row['apex_seconds']):.2f} s)" if row["apex_seconds"] else ""


def _recognizer():
    from dualatme_keras.recognition import Recognizer, RemoteRecognizer

    landmarks, file, face = (flag.value for flag in _FACES)
    settings = read_settings(_SETTINGS.value) if _SETTINGS.value else None
    if not (_EXPORT.value or _SERVER.value):
        return Recognizer(
            _RUN.value or [_PRESET], settings, _NETWORKS.value, landmarks, file, face, _UNFINISHED.value
        )
    from dualatme_keras.serving import Client, LocalExport

    asked = LocalExport(_EXPORT.value) if _EXPORT.value else Client(_SERVER.value, _MODEL.value)
    return RemoteRecognizer(asked, landmarks, file, face, settings)


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
