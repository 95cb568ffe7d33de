"""What a run costs by the number of workers: measured, beside a model of it, and the model's forecast.

    python benchmarks/scaling.py --lists=LISTS --data_root=IMAGES --preset=facs --clips=309 --epochs=2,42 \
        --subjects=sub01,sub02,s01,s04

The model: a run takes its start, that of its workers where it has any beside itself, and then its folds in
rounds of as many as there are workers, each so many epochs. Start and seconds of an epoch come from runs by
one worker of few and of many epochs, the start of workers from runs of few epochs by two workers, and on one
Ray node. Runs of many epochs by two workers, and on a Ray cluster of one and of two nodes with a processor
each, on this machine, are held to it. The forecast is for a cluster. It takes an epoch to last as its clips
are many. It knows of no network between machines, and of no wait for files: it is a bound from below.
"""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags

_LISTS = flags.DEFINE_string("lists", None, "folder of lists", required=True)
_DATA_ROOT = flags.DEFINE_string("data_root", None, "where their images lie", required=True)
_PRESET = flags.DEFINE_string("preset", "tiny", "the network")
_SUBJECTS = flags.DEFINE_list("subjects", None, "folds that are trained", required=True)
_CLIPS = flags.DEFINE_integer("clips", None, "clips on the lists", required=True)
_EPOCHS = flags.DEFINE_list("epochs", ["2", "12"], "of short and of long runs")
_RUNS = flags.DEFINE_integer("runs", 3, "runs of each kind, in turn", lower_bound=1)
_FORECAST_EPOCHS = flags.DEFINE_integer("forecast_epochs", 60, "of the forecast's folds")
_FORECAST_FOLDS = flags.DEFINE_integer("forecast_folds", 68, "of the forecast's runs")


def _seconds(epochs, *options):
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "dualatme_keras.commands.train", f"--lists={_LISTS.value}"),
            *(f"--data_root={_DATA_ROOT.value}", f"--preset={_PRESET.value}", f"--workdir={folder}/run"),
            *(f"--subjects={','.join(_SUBJECTS.value)}", f"--epochs={epochs}", "--threads=1", *options),
        ]
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begun


def _on_ray(nodes, epochs):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        return _seconds(epochs, "--executor=ray", f"--ray_address={cluster.address}")
    finally:
        cluster.shutdown()


def modelled(start: float, epoch: float, jobs: int, epochs: int, workers: int) -> float:
    """Seconds of a run of so many folds, of all seeds and networks together.

    Args:
        start: of the run and of its workers, seconds.
        epoch: of a fold, seconds.
        jobs: folds.
        epochs: of each.
        workers: side by side.
    """
    return start + math.ceil(jobs / workers) * epochs * epoch


def main(_arguments):
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    few, many = map(int, _EPOCHS.value)
    kinds = {
        "1 worker, few epochs": (few, 1, lambda: _seconds(few, "--workers=1")),
        "1 worker": (many, 1, lambda: _seconds(many, "--workers=1")),
        "2 workers, few epochs": (few, 2, lambda: _seconds(few, "--workers=2")),
        "2 workers": (many, 2, lambda: _seconds(many, "--workers=2")),
        "1 Ray node, few epochs": (few, 1, lambda: _on_ray(1, few)),
        "1 Ray node": (many, 1, lambda: _on_ray(1, many)),
        "2 Ray nodes": (many, 2, lambda: _on_ray(2, many)),
    }
    measured = {name: [] for name in kinds}
    for number in range(_RUNS.value):
        for name, (_epochs, _workers, measure) in kinds.items():
            measured[name].append(measure())
            print(f"round {number + 1}, {name}: {measured[name][-1]:.1f} s", flush=True)
    medians = {name: statistics.median(values) for name, values in measured.items()}
    folds = len(_SUBJECTS.value)
    epoch = (medians["1 worker"] - medians["1 worker, few epochs"]) / ((many - few) * folds)
    starts = {
        kind: medians[f"{kind}, few epochs"] - modelled(0, epoch, folds, few, workers)
        for kind, workers in (("1 worker", 1), ("2 workers", 2), ("1 Ray node", 1))
    }
    starts["2 Ray nodes"] = starts["1 Ray node"]
    told = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in starts.items())
    print(f"\nan epoch of a fold {epoch:.3f} s; start: {told}\n")
    print("| run | epochs | measured, s: median (range) | model, s |\n| --- | --- | --- | --- |")
    for name, (epochs, workers, _measure) in kinds.items():
        values = measured[name]
        model = modelled(starts[name.removesuffix(", few epochs")], epoch, folds, epochs, workers)
        fitted = " (fitted)" if name == "1 worker" or "few" in name else ""
        told = f"{medians[name]:.1f} ({min(values):.1f} to {max(values):.1f})"
        print(f"| {name} | {epochs} | {told} | {model:.1f}{fitted} |")
    print("\nForecast, not measured, hours:\n\n| what | 1 worker | 8 | 64 |\n| --- | --- | --- | --- |")
    sizes = {
        f"10,000 clips, {_FORECAST_FOLDS.value} folds": (_FORECAST_FOLDS.value, 10_000 / _CLIPS.value),
        "100 seeds x 10 networks like this one": (100 * 10 * _FORECAST_FOLDS.value, 1.0),
    }
    for name, (jobs, larger) in sizes.items():
        hours = (
            modelled(starts["1 Ray node"], epoch * larger, jobs, _FORECAST_EPOCHS.value, workers) / 3600
            for workers in (1, 8, 64)
        )
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in hours)} |")


if __name__ == "__main__":
    app.run(main)
