"""How fast training is, against the published network in PyTorch, measured in one run.

    pip install '.[bench]'
    python benchmarks/bench_train.py --lists=LISTS --data_root=IMAGES

Both sides train on one fold of the lists, an epoch each in turn, in processes of their own, so that what
else the machine does meets all of them. (a) is this package through `model.fit`; (b) the published network
in PyTorch with images in memory; (c) the same, decoding every image in every epoch in one loader process, as
the published script does. With --whole_run a whole run of train.py is timed too (15 minutes on 2 cores),
otherwise it is extrapolated. --output writes the table into a page between its two marks.
"""

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contestants
import numpy as np
from absl import app, flags

from dualatme_keras.data import make_folds, read_lists
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.runs import Predictions, write_predictions

_LISTS = flags.DEFINE_string("lists", None, "folder of subName.txt and the lists", required=True)
_DATA_ROOT = flags.DEFINE_string("data_root", None, "where the images lie")
_EPOCHS = flags.DEFINE_integer("epochs", 15, "epochs to measure of each", lower_bound=5)
_WHOLE_RUN = flags.DEFINE_boolean("whole_run", False, "time a whole run of 60 epochs per fold")
_OUTPUT = flags.DEFINE_string("output", None, "page to write the table into")

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- measured by benchmarks/bench_train.py -->", "<!-- end of measured -->")
RUN_EPOCHS = 60
SCORED_CLIPS, SCORED_SUBJECTS = 442, 68


def measure_epochs(settings) -> dict:
    """Medians and spreads of what both sides do in turn."""
    ours = contestants.Contestant(contestants.dualatme, settings)
    peer = contestants.Contestant(contestants.torch_peer, settings)
    rounds = {name: [] for name in ("ours", "memory", "decoding", "ours_inference", "memory_inference")}
    for _ in range(settings.epochs):
        rounds["ours"].append(ours.next()["epoch_seconds"])
        rounds["memory"].append(peer.next()["epoch_seconds"])
        rounds["decoding"].append(peer.next()["epoch_seconds"])
    for _ in range(settings.epochs):
        rounds["ours_inference"].append(ours.next()["clips_per_second"])
        rounds["memory_inference"].append(peer.next()["clips_per_second"])
    later_fold = ours.next()["later_fold_seconds"]
    ours.close()
    peer.close()
    return {**rounds, "start": ours.ready["start_seconds"], "later_fold": later_fold}


def measure_run(folder, arguments) -> tuple[float, float]:
    """Seconds and peak memory in GiB of a run of train.py."""
    command = [sys.executable, ROOT / "train.py", f"--workdir={folder}", "--preset=released", *arguments]
    start = time.perf_counter()
    with open(Path(folder).with_suffix(".log"), "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"train.py failed:\n{Path(folder).with_suffix('.log').read_text()}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def measure_scoring(folder) -> list[float]:
    """Seconds of `evaluate.py` on a run of as many clips and folds as the composite has."""
    rng = np.random.default_rng(0)
    subjects = np.array([f"{index % SCORED_SUBJECTS + 1:03d}" for index in range(SCORED_CLIPS)])
    labels = rng.integers(0, len(CLASS_NAMES), SCORED_CLIPS)
    probabilities = rng.dirichlet(np.ones(len(CLASS_NAMES)), SCORED_CLIPS).astype("float32")
    paths = np.array([f"samm/flow/{subject}_{index}.png" for index, subject in enumerate(subjects)])
    databases = np.array(["samm"] * SCORED_CLIPS)
    answers = probabilities.argmax(axis=1)
    run = Path(folder)
    for subject in set(subjects):
        fold = run / "folds" / subject
        fold.mkdir(parents=True)
        rows = [f"{epoch},{rng.uniform():.4f},{rng.uniform():.4f}" for epoch in range(1, RUN_EPOCHS + 1)]
        (fold / "history.csv").write_text("\n".join(["epoch,accuracy,loss", *rows]) + "\n")
    write_predictions(
        run / "predictions.csv", Predictions(paths, subjects, databases, labels, answers, probabilities)
    )
    return [_seconds_of("evaluate.py", f"--workdir={run}") for _ in range(5)]


def _seconds_of(script, *arguments):
    start = time.perf_counter()
    subprocess.run([sys.executable, ROOT / script, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def spread(values, digits=2) -> str:
    """Median and range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(found, run_seconds, run_memory, scoring, folds, clips) -> str:
    """The table in Markdown."""
    median = {name: statistics.median(values) for name, values in found.items() if isinstance(values, list)}
    decoding_run = median["decoding"] * RUN_EPOCHS * folds
    if run_seconds is None:
        kind, memory = "extrapolated", "not measured"
        fold_seconds = median["ours"] * RUN_EPOCHS + max(found["later_fold"], 0.0)
        run_seconds = found["start"] + folds * fold_seconds
    else:
        kind, memory = "measured", f"{run_memory:.2f} GiB"
    minutes = f"{run_seconds / 60:.1f} min {kind}"
    rows = [
        ("", "this package", "PyTorch, in memory (b)", "PyTorch, decoding (c)", "ours / (b)", "ours / (c)"),
        ("---",) * 6,
        (
            f"epoch of {clips} clips, s",
            *(spread(found[name]) for name in ("ours", "memory", "decoding")),
            f"**{median['ours'] / median['memory']:.2f}**",
            f"**{median['ours'] / median['decoding']:.2f}**",
        ),
        (
            f"run of {folds} folds, {RUN_EPOCHS} epochs, start to table",
            minutes,
            "",
            f"{decoding_run / 60:.1f} min extrapolated",
            "",
            f"**{run_seconds / decoding_run:.2f}**",
        ),
        (
            f"inference, clips per second at batch {contestants.INFERENCE_BATCH}",
            spread(found["ours_inference"], 0),
            spread(found["memory_inference"], 0),
            "",
            f"**{median['ours_inference'] / median['memory_inference']:.2f}**",
            "",
        ),
        ("start of the process to the first step, s", f"{found['start']:.1f}", "", "", "", ""),
        ("a later fold's start to its first step, beyond a step, s", f"{found['later_fold']:.2f}", *[""] * 4),
        (f"scoring {SCORED_CLIPS} clips of a saved run, s", spread(scoring, 1), "", "", "", ""),
        ("peak memory of the run", memory, "", "", "", ""),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def environment() -> str:
    """Machine and versions in a sentence."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        processor = names[0].split(":")[1].strip() if names else processor
    packages = ("tensorflow", "keras", "torch", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} CPU cores ({processor}), Python {platform.python_version()}, {versions}"


def main(_arguments):
    settings = contestants.Settings(_LISTS.value, _DATA_ROOT.value, _EPOCHS.value)
    folds = make_folds(read_lists(settings.lists))
    with tempfile.TemporaryDirectory() as folder:
        found = measure_epochs(settings)
        scoring = measure_scoring(Path(folder) / "scored")
        seconds = memory = None
        if _WHOLE_RUN.value:
            arguments = [f"--lists={settings.lists}", f"--epochs={RUN_EPOCHS}"]
            if settings.data_root:
                arguments.append(f"--data_root={settings.data_root}")
            seconds, memory = measure_run(Path(folder) / "run", arguments)
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} on {environment()}.",
        f"Medians of {settings.epochs} turns, with range; batches of {settings.batch_size}.",
        "",
        table(found, seconds, memory, scoring, len(folds), len(folds[0].train)),
    ]
    text = "\n".join(lines)
    print(text)
    if _OUTPUT.value:
        page = Path(_OUTPUT.value)
        before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        page.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    app.run(main)
