"""Prepares a database: `dualatme-prepare --dataset=casme2 --root=... --annotations=... --output=data`."""

import functools
import sys

from dualatme_keras.commands import Flags, define_setting, define_workers, quiet_libraries, setting_values
from dualatme_keras.databases.comparison import format_comparison
from dualatme_keras.preparation import DATASETS, PrepareConfig, audit_database, prepare_database
from dualatme_keras.preprocessing import ENCODINGS, FACE_CHOICES, METHODS, PUZZLES, SOURCES
from dualatme_keras.text import count, shorten
from dualatme_keras.workers import compute_as_workers

flags = Flags(__doc__, continues=True)
_DEFAULTS = PrepareConfig(dataset="folder")


_define = functools.partial(define_setting, _DEFAULTS)

_SETTINGS = [
    flags.DEFINE_enum("dataset", None, DATASETS, "which database", required=True),
    _define(flags.DEFINE_string, "database", "name of the database that clips of --dataset=folder are of"),
    _define(flags.DEFINE_list, "class_names", "names of the labels 0, 1, ... of --dataset=folder"),
    _define(flags.DEFINE_string, "root", "folder of the frames"),
    _define(flags.DEFINE_string, "annotations", "annotation file, .xlsx or .csv"),
    _define(flags.DEFINE_string, "ground_truth", "the organisers' list: which clips, which labels"),
    _define(flags.DEFINE_string, "output", "folder of flow images, lists and manifest, for all databases"),
    _define(flags.DEFINE_list, "subjects", "subjects to prepare; default: all"),
    _define(flags.DEFINE_enum, "landmarks", "where the face is found", SOURCES),
    _define(flags.DEFINE_string, "landmarks_file", "the .task model of mediapipe, or the table of file"),
    _define(flags.DEFINE_enum, "face", "which of several faces is taken", FACE_CHOICES),
    _define(
        flags.DEFINE_integer, "face_size", "side of the aligned face in pixels, on which flow is computed"
    ),
    _define(flags.DEFINE_float, "margin", "what to leave around the face, as a fraction of its image"),
    _define(flags.DEFINE_enum, "flow", "TV-L1 as published, or DIS, which is faster", METHODS),
    _define(flags.DEFINE_enum, "puzzle", "cut the frames (the paper's way) or the flow", PUZZLES),
    _define(flags.DEFINE_enum, "encoding", "how flow becomes an image", ENCODINGS),
    _define(flags.DEFINE_float, "pixel_range", "of --encoding=fixed, in pixels of the aligned face"),
    _define(flags.DEFINE_boolean, "stabilize", "take the motion of the head out of the flow"),
    _define(flags.DEFINE_integer, "image_size", "side of the flow images in pixels"),
    _define(flags.DEFINE_boolean, "keep_flow", "also write the flow fields, flow_raw/NAME.npz"),
    *define_workers(flags, "clips are prepared"),
]
flags.DEFINE_alias("protocol_csv", "ground_truth")  # its name in earlier versions
_AUDIT = flags.DEFINE_boolean("audit", False, "compare annotations and list, and stop; needs no frames")


def main(_arguments):
    quiet_libraries()
    compute_as_workers()
    config = PrepareConfig(**setting_values(_SETTINGS))
    sys.exit(_audit(config) if _AUDIT.value else _prepare(config))


def _audit(config):
    comparison = audit_database(config)
    print(format_comparison(comparison))
    return 0 if comparison.agrees else 1


def _prepare(config):
    result, database = prepare_database(config), config.database or config.dataset
    print(f"\n{count(result.prepared, 'clip')} of {database} in {config.output}, {result.seconds:.0f} s")
    for names, what in (
        (result.relabelled, "have another label now"),
        (result.left_out, "take no part now"),
        (result.replaced, "are made anew, from frames at another place than before"),
    ):
        if names:
            print(f"clips that {what} ({len(names)}): {shorten(names)}")
    for name, doubts in result.doubtful.items():
        print(f"look at the face of {name}: {doubts}")
    if result.prepared:
        print(f"look at them: {config.output}/preview.html")
    print(f"lists of all databases there: {result.lists or 'none yet, they take two subjects'}")
    for warning in result.warnings:
        print(f"warning: {flags.in_flags(str(warning))}", file=sys.stderr)
    for row in result.missing:
        print(f"only in the list: {row.database} {row.subject} {row.clip} ({row.source})", file=sys.stderr)
    for name, reason in result.failed.items():
        print(f"failed: {name}: {flags.in_flags(reason)}", file=sys.stderr)
    return 1 if result.failed or result.missing else 0


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
