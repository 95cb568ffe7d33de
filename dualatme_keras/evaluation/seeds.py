"""Scores over several seeds: mean and spread."""

import dataclasses
import os
import statistics
from collections.abc import Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.run import evaluate_run, score_run
from dualatme_keras.evaluation.tables import (
    PART_OF_PROTOCOL,
    SCORES,
    align_columns,
    format_score,
    missing_folds,
)
from dualatme_keras.files import write_json
from dualatme_keras.megc2019 import ALL_DATABASES, database_title
from dualatme_keras.runs import Predictions, RunDirectory, read_run_folds, score_predictions


def find_seeds(workdir: str | os.PathLike) -> list[int]:
    """Seeds of the finished runs below a folder, in order; empty where it is a single run or nothing."""
    return [seed for seed, run in RunDirectory(workdir).seeds().items() if run.predictions.exists()]


def score_seeds(workdir: str | os.PathLike, report: bool = False) -> dict:
    """Scores each seed's run from its predictions.csv alone; writes `seeds.json`.

    Args:
        workdir: folder of the runs, `seed_1/` and so on.
        report: whether to leave each run's figures and report too, see `evaluate_run`.

    Returns:
        `{"seeds": [...], "scores": {part: {score: {"mean", "deviation", "values"}}}, "together": {part:
        {score: value}}, "missing_folds": None}`: parts as in metrics.json; the standard deviation is that of
        a sample, None for a single seed. A fold that is missing in a seed counts in none. `together` is what
        the seeds answer by the mean of their probabilities; where folds are missing `missing_folds` says how
        many are there.

    Raises:
        DualATMEError: there is no run, or the runs are not of the same clips.
    """
    seeds = find_seeds(workdir)
    if not seeds:
        raise DualATMEError(f"Expected folders seed_N with finished runs. Received: {workdir} without any.")
    runs = [RunDirectory(workdir).seed(seed).path for seed in seeds]
    predictions, metrics = zip(*map(score_run, runs), strict=True)
    shared = set.intersection(*(set(one.paths.tolist()) for one in predictions))
    if any(len(one) > len(shared) for one in predictions):
        # A fold that diverged in one of them counts in none.
        folds = [read_run_folds(run) for run in runs]
        if not shared or None in folds or any(one.clips != folds[0].clips for one in folds):
            counts = ", ".join(f"{len(one)} of seed {k}" for k, one in zip(seeds, predictions, strict=True))
            raise DualATMEError(
                f"Expected the same clips from every seed in {workdir}, or runs of the same folds. "
                f"Received: {counts}; all have {len(shared)}. Is a run not finished yet?"
            )
        predictions = [one.of_paths([path for path in one.paths if path in shared]) for one in predictions]
        metrics = [
            of_run.add_counts(score_predictions(one), one)
            for of_run, one in zip(folds, predictions, strict=True)
        ]
    if report:
        for run in runs:
            evaluate_run(run)
    scores = {
        part: {key: _spread([one[part][key] for one in metrics]) for key in SCORES} for part in metrics[0]
    }
    together = score_predictions(mean_answer(predictions))
    result = {
        "seeds": seeds,
        "scores": scores,
        "together": {part: {key: together[part][key] for key in SCORES} for part in metrics[0]},
        "missing_folds": missing_folds(metrics[0]),
    }
    write_json(RunDirectory(workdir).seeds_table, result)
    return result


def format_seeds(result: dict) -> str:
    """The result of `score_seeds` as a table for a terminal: mean and standard deviation, and on all clips
    what the seeds answer together."""
    seeds = result["seeds"]
    rows = [("", *SCORES.values())]
    for part, scores in result["scores"].items():
        rows.append((database_title(part), *(_format_spread(scores[key]) for key in SCORES)))
    if len(seeds) > 1:
        together = result["together"][ALL_DATABASES]
        rows.append(("together", *(format_score(together[key]) for key in SCORES)))
    title = f"mean and standard deviation over {len(seeds)} seeds ({', '.join(map(str, seeds))})"
    lines = [title, *align_columns(rows)]
    if result["missing_folds"]:
        lines.append(PART_OF_PROTOCOL.format(result["missing_folds"]))
    return "\n".join(lines)


def mean_answer(predictions: Sequence[Predictions]) -> Predictions:
    """What several seeds say of the same clips, in whichever order: the mean of their probabilities."""
    first = predictions[0]
    mean = np.mean([one.of_paths(first.paths).probabilities for one in predictions], axis=0)
    return dataclasses.replace(first, predictions=mean.argmax(axis=1), probabilities=mean)


def _spread(values: Sequence[float]) -> dict:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "deviation": deviation, "values": values}


def _format_spread(score):
    mean = format_score(score["mean"])
    return mean if score["deviation"] is None else f"{mean} +- {format_score(score['deviation'])}"
