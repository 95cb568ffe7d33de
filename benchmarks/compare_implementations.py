"""Whether both implementations of the network train to the same answers, and what rounding alone changes.

    python benchmarks/compare_implementations.py --lists=LISTS --data_root=IMAGES

Trains a few folds with the published settings and one seed: in each precision the plain implementation and
the fast, and in float32 the plain one once more with one thread, which differs by rounding alone. Prints a
Markdown table. In float64, training on two CPU cores takes the better part of an hour.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

from dualatme_keras.runs import read_predictions

_LISTS = flags.DEFINE_string("lists", None, "folder of subName.txt and the lists", required=True)
_DATA_ROOT = flags.DEFINE_string("data_root", None, "where the images lie", required=True)
_SUBJECTS = flags.DEFINE_list("subjects", ["s03", "s08", "sub02", "sub17", "sub26"], "folds to train")
_PRECISIONS = flags.DEFINE_list("precisions", ["float32", "float64"], "number formats to compare in")

ROOT = Path(__file__).resolve().parents[1]


def train(folder, precision, implementation, threads=0):
    """Predictions of a run of train.py."""
    workdir = Path(folder) / f"{precision}_{implementation}_{threads}"
    settings = [
        f"--precision={precision}",
        f"--implementation={implementation}",
        f"--threads={threads}",
        "--preset=released",
    ]
    data = [f"--lists={_LISTS.value}", f"--data_root={_DATA_ROOT.value}", f"--workdir={workdir}"]
    subjects = f"--subjects={','.join(_SUBJECTS.value)}"
    subprocess.run([sys.executable, ROOT / "train.py", *data, *settings, subjects], check=True)
    return read_predictions(workdir / "predictions.csv")


def row(name, first, second):
    """A row of the table: how two runs agree."""
    same = int((first.predictions == second.predictions).sum())
    distance = np.abs(first.probabilities - second.probabilities).max(axis=1)
    return (
        f"| {name} | {same} of {len(first)} ({same / len(first):.1%}) "
        f"| {np.median(distance):.1e} | {distance.max():.1e} |"
    )


def main(_arguments):
    lines = [
        "| runs of the same seed | same class | difference of probabilities, median | largest |",
        "| --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for precision in _PRECISIONS.value:
            plain = train(folder, precision, "plain")
            lines.append(row(f"{precision}: plain and fast", plain, train(folder, precision, "fast")))
            if precision == "float32":
                lines.append(
                    row("float32: plain, two threads and one", plain, train(folder, precision, "plain", 1))
                )
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
