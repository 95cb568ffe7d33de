"""Writes made-up databases in the manner of the real ones: `dualatme-demo --output=data/demo/raw`."""

from dualatme_keras.commands import Flags
from dualatme_keras.synthetic import write_synthetic
from dualatme_keras.synthetic.databases import ANNOTATIONS, FRAMES
from dualatme_keras.text import count

flags = Flags(__doc__, directory="output", subjects_per_database="subjects", clips_per_subject="clips")
_OUTPUT = flags.DEFINE_string("output", "data/demo/raw", "folder to write, new or empty")
_SEED = flags.DEFINE_integer("seed", 0, "of faces, expressions and noise")
_SUBJECTS = flags.DEFINE_integer("subjects", 3, "subjects of each of the three databases")
_CLIPS = flags.DEFINE_integer("clips", 16, "clips of each subject")


def main(_arguments):
    clips = write_synthetic(
        _OUTPUT.value,
        seed=_SEED.value,
        subjects_per_database=_SUBJECTS.value,
        clips_per_subject=_CLIPS.value,
    )
    print(
        f"{count(len(clips), 'made-up clip')} of {3 * _SUBJECTS.value} subjects in {_OUTPUT.value}; "
        "prepare them with"
    )
    for database, root in FRAMES.items():
        print(
            f"  dualatme-prepare --dataset={database} --root={_OUTPUT.value}/{root} "
            f"--annotations={_OUTPUT.value}/{ANNOTATIONS[database]} --output=..."
        )


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
