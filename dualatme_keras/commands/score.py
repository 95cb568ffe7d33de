"""Scores spotted expressions as the challenges do: `dualatme-score truth.csv predictions.csv`.

Both files have the columns subject, video, onset, offset and emotion, which dualatme-predict --spot
--intervals=predictions.csv writes. Prints precision, recall and F1 of spotting and of the analysis of what
was found, and the product of both F1, the Spot-Then-Recognize Score (STRS).
"""

import dataclasses

from dualatme_keras.commands import Flags
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_apart, check_file, write_json

flags = Flags(__doc__, takes_files=True)
_FPS = flags.DEFINE_float(
    "frames_per_second", None, "of the videos: scores macro-expressions, those above half a second, apart too"
)
flags.DEFINE_alias("fps", "frames_per_second")
_EMOTIONS = flags.DEFINE_list("emotions", None, "analyse these alone, e.g. negative,positive,surprise")
_COMPATIBLE = flags.DEFINE_boolean("compatible", False, "compute what the organisers' script computes")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for all of it")


def main(arguments):
    from dualatme_keras.data import read_intervals
    from dualatme_keras.evaluation import format_spotting, score_spotting

    if len(arguments) != 3:
        raise DualATMEError(f"Expected two files, truth and predictions. Received: {len(arguments) - 1}.")
    if _OUTPUT.value:
        check_file(_OUTPUT.value, "output")
        check_apart({"output": _OUTPUT.value}, arguments[1:])
    truth, predictions = map(read_intervals, arguments[1:])
    scores = score_spotting(truth, predictions, _FPS.value, _EMOTIONS.value, _COMPATIBLE.value)
    print(format_spotting(scores))
    if _OUTPUT.value:
        write_json(_OUTPUT.value, dataclasses.asdict(scores))
        print(f"\nall of it: {_OUTPUT.value}")


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
