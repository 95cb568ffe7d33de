"""Compares runs of the same clips: `dualatme-compare runs/first runs/second`.

Each run, or folder of several seeds, is compared with the first: scores side by side, the difference with its
interval over subjects, a permutation test over subjects, and McNemar's test over clips.
"""

from dualatme_keras.commands import Flags
from dualatme_keras.files import check_file, write_json

flags = Flags(__doc__, takes_files=True)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for all of it, with the share right of every person")


def main(arguments):
    # Draws on figures' libraries, which --help can do without.
    from dualatme_keras.evaluation import compare_runs, format_comparison

    if _OUTPUT.value:
        check_file(_OUTPUT.value, "output")
    result = compare_runs(arguments[1:])
    print(format_comparison(result))
    if _OUTPUT.value:
        write_json(_OUTPUT.value, result)
        print(f"\nall of it: {_OUTPUT.value}")


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
