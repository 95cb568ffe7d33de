"""Writes the demo database: `dualatme-demo --output=data/demo`."""

import sys

from absl import app, flags

from dualatme_keras.databases.synthetic import LISTS, make_demo
from dualatme_keras.errors import DualATMEError

_OUTPUT = flags.DEFINE_string("output", "data/demo", "folder to write, best one of its own")
_SEED = flags.DEFINE_integer("seed", 0, "of faces, expressions and noise")
_SUBJECTS = flags.DEFINE_integer("subjects", 3, "subjects of each of the three databases")
_CLIPS = flags.DEFINE_integer("clips", 16, "clips of each subject")
_OVERWRITE = flags.DEFINE_boolean("overwrite", False, "replace an older demo database")


def main(_arguments):
    try:
        clips = make_demo(
            _OUTPUT.value,
            seed=_SEED.value,
            subjects_per_database=_SUBJECTS.value,
            clips_per_subject=_CLIPS.value,
            overwrite=_OVERWRITE.value,
        )
    except DualATMEError as error:
        sys.exit(f"dualatme-demo: {error}")
    print(f"{len(clips)} generated clips of {3 * _SUBJECTS.value} subjects; lists in {_OUTPUT.value}/{LISTS}")


def run():
    """Entry point of the console command."""
    app.run(main)


if __name__ == "__main__":
    run()
