"""Runs side by side: is one better than another, or is it the people, or chance?"""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.run import score_run
from dualatme_keras.evaluation.seeds import find_seeds, mean_answer
from dualatme_keras.evaluation.tables import (
    PART_OF_PROTOCOL,
    SCORES,
    align_columns,
    few_subjects,
    format_score,
    missing_folds,
)
from dualatme_keras.megc2019 import ALL_DATABASES, database_title, order_databases
from dualatme_keras.metrics.pooled import SCORE_FUNCTIONS
from dualatme_keras.runs import Predictions, RunDirectory, score_predictions
from dualatme_keras.text import count

_RESAMPLES = 10_000
_SEED = 0


@dataclasses.dataclass(frozen=True)
class _Answers:
    """What one run, or several seeds of it, answered for n clips in the order of the first run.

    Attributes:
        name: of the run.
        told: `(seeds, n)` classes.
        together: `(n,)` classes by the mean of the seeds' probabilities.
    """

    name: str
    told: np.ndarray
    together: np.ndarray


def compare_runs(runs: Sequence[str | os.PathLike]) -> dict:
    """Compares each run with the first, clip by clip and person by person.

    A run may be a folder of several seeds. Scores are then means over seeds. Tests take a person's answers of
    all seeds together, and McNemar's test the answer by the mean of the seeds' probabilities.

    Args:
        runs: folders of two runs or more, or of their seeds, of the same clips.

    Returns:
        `runs`: for each run `name`, `seeds` (how many) and `scores`, by part (`full` and the databases) and
        score (`uf1`, `uar`, `accuracy`) the mean and the `values` of the seeds.
        `against_first`: for each further run `name`; `parts`, by part and score `difference` (run minus
        first, of the confusion summed over seeds), its 95% `interval` over resampled subjects, and `p`, that
        of a two-sided permutation test which exchanges both runs' answers person by person; `mcnemar`, the
        clips that only one of both got right (`run`, `first`) and the exact two-sided `p`; and `subjects`, by
        `database/subject` the share of clips right, `[first, run]`.
        `samples` and `subjects`, how many there are; `missing_folds`, how many of the protocol's folds they
        are where some are missing, as in seeds.json; `few_subjects`, what to say of intervals then.

    Raises:
        DualATMEError: fewer than two runs, or one twice, a folder without predictions, or other clips than in
            the first.
    """
    predictions, missing, names = {}, None, Counter(Path(run).name for run in runs)
    for run in runs:
        seeds = [RunDirectory(run).seed(seed).path for seed in find_seeds(run)] or [Path(run)]
        name = Path(run).name if names[Path(run).name] == 1 else str(run)
        if name in predictions:
            raise DualATMEError(f"Expected each run once. Received: {name} twice.")
        predictions[name], metrics = zip(*map(score_run, seeds), strict=True)
        missing = missing or missing_folds(metrics[0])
    return compare_predictions(predictions) | {"missing_folds": missing}


def compare_predictions(runs: Mapping[str, Sequence[Predictions]]) -> dict:
    """As `compare_runs`, of answers that are read already.

    Args:
        runs: the answers of each run's seeds, by the run's name; the first is compared with.

    Returns:
        The same; whether folds are missing is not known, `missing_folds` is None.
    """
    if len(runs) < 2:
        raise DualATMEError(f"Expected two runs or more to compare. Received: {len(runs)}.")
    clips, answers, scores = next(iter(runs.values()))[0], [], []
    for name, seeds in runs.items():
        ordered = [_in_order(clips, one, name) for one in seeds]
        metrics = [score_predictions(one) for one in ordered]
        told = np.stack([one.predictions for one in ordered])
        answers.append(_Answers(name, told, mean_answer(ordered).predictions))
        scores.append(
            {
                part: {
                    key: {
                        "mean": float(np.mean([one[part][key] for one in metrics])),
                        "values": [one[part][key] for one in metrics],
                    }
                    for key in SCORES
                }
                for part in metrics[0]
            }
        )
    first, *others = answers
    return {
        "runs": [
            {"name": one.name, "seeds": len(one.told), "scores": score}
            for one, score in zip(answers, scores, strict=True)
        ],
        "against_first": [_compare(clips, first, other) for other in others],
        "samples": metrics[0][ALL_DATABASES]["samples"],
        "subjects": metrics[0][ALL_DATABASES]["subjects"],
        "few_subjects": few_subjects(metrics[0]),
        "missing_folds": None,
    }


def _in_order(clips, predictions, run):
    """Another run's predictions, in the order of the first run's."""
    common = len({*clips.paths} & {*predictions.paths})
    same = predictions.class_names == clips.class_names and common == len(clips) == len(predictions)
    ordered = predictions.of_paths(clips.paths) if same else None
    if not same or not np.array_equal(ordered.labels, clips.labels):
        raise DualATMEError(
            f"Expected runs of the same clips, labels and classes. Received: {run} with {len(predictions)} "
            f"clips, where the first has {len(clips)} ({common} in both)."
        )
    return ordered


def _compare(clips, first, other):
    people = np.array([f"{d}/{s}" for d, s in zip(clips.databases, clips.subjects, strict=True)])
    parts = {ALL_DATABASES: np.ones(len(clips), bool)}
    parts |= {name: clips.databases == name for name in order_databases(clips.databases.tolist())}
    right = [one.together == clips.labels for one in (first, other)]
    only_first, only_other = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    differing = only_first + only_other
    rights = [one.told == clips.labels for one in (first, other)]
    return {
        "name": other.name,
        "parts": {
            part: _test(clips, people, rows, first.told[:, rows], other.told[:, rows])
            for part, rows in parts.items()
        },
        "mcnemar": {
            "first": only_first,
            "run": only_other,
            "p": float(binomtest(only_other, differing).pvalue) if differing else 1.0,
        },
        "subjects": {
            str(person): [float(right[:, people == person].mean()) for right in rights]
            for person in dict.fromkeys(people.tolist())
        },
    }


def _test(clips, people, rows, *told):
    """Difference, interval and p of each score, in one part."""
    names, person = np.unique(people[rows], return_inverse=True)
    classes, labels = len(clips.class_names), clips.labels[rows]
    first, other = (_by_person(person, len(names), labels, one, classes) for one in told)
    rng = np.random.default_rng(_SEED)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    sign = rng.choice([-1.0, 1.0], size=(_RESAMPLES, len(names)))  # -1 where a person is exchanged
    flat = (len(names), classes * classes)
    first, other = first.reshape(flat), other.reshape(flat)
    half = sign @ (other - first) / 2
    middle = (other + first).sum(axis=0) / 2
    pairs = {  # matrices of both runs, (..., classes, classes)
        "as it is": (first.sum(axis=0), other.sum(axis=0)),
        "resampled": (draws @ first, draws @ other),
        "permuted": (middle - half, middle + half),
    }
    result = {}
    for name, score in SCORE_FUNCTIONS.items():
        difference, resampled, permuted = (
            np.subtract(*(score(one.reshape(-1, classes, classes)) for one in reversed(pair)))
            for pair in pairs.values()
        )
        difference = float(difference[0])
        # As it is counts as one of the permutations; what differs by rounding is as large.
        extreme = (np.abs(permuted) >= abs(difference) - 1e-12).sum()
        result[name] = {
            "difference": difference,
            "interval": np.percentile(resampled, [2.5, 97.5]).tolist() if len(names) > 1 else None,
            "p": float((extreme + 1) / (_RESAMPLES + 1)),
        }
    return result


def _by_person(person, people, labels, told, classes):
    """Confusion of each person, `(people, classes, classes)`, mean over seeds."""
    confusion = np.zeros((people, classes, classes))
    for one in told:
        np.add.at(confusion, (person, labels, one), 1.0)
    return confusion / len(told)


def format_comparison(result: dict) -> str:
    """The result of `compare_runs` for a terminal: scores of each run, then each against the first."""
    runs = result["runs"]
    rows = [("", *SCORES.values(), "seeds")]
    rows += [
        (
            run["name"],
            *(format_score(run["scores"][ALL_DATABASES][key]["mean"]) for key in SCORES),
            str(run["seeds"]),
        )
        for run in runs
    ]
    lines = align_columns(rows, counts=1)
    lines.append(f"{count(result['samples'], 'clip')} of {count(result['subjects'], 'subject')}")
    missing = result["missing_folds"]
    lines += filter(None, (missing and PART_OF_PROTOCOL.format(missing), result["few_subjects"]))
    together = ", the seeds' joint answer" if max(run["seeds"] for run in runs) > 1 else ""
    for one in result["against_first"]:
        lines += ["", f"{one['name']} against {runs[0]['name']}: difference [95% over subjects], p"]
        rows = [("", *SCORES.values())]
        for part, scores in one["parts"].items():
            rows.append((database_title(part), *(_format_difference(scores[key]) for key in SCORES)))
        lines += align_columns(rows)
        mcnemar = one["mcnemar"]
        lines.append(
            f"only {one['name']} right: {count(mcnemar['run'], 'clip')}; only {runs[0]['name']}: "
            f"{mcnemar['first']} (McNemar p {_format_p(mcnemar['p'])}{together})"
        )
        changes = {name: after - before for name, (before, after) in one["subjects"].items()}
        better, worse = (sum(sign * change > 0 for change in changes.values()) for sign in (1, -1))
        lines.append(f"people told better: {better}, worse: {worse}, alike: {len(changes) - better - worse}")
    return "\n".join(lines)


def _format_difference(score):
    interval = ", ".join(_signed(end, 2) for end in score["interval"] or ())
    return (
        f"{_signed(score['difference'], 3)} {f'[{interval}] ' if interval else ''}p {_format_p(score['p'])}"
    )


def _signed(value, digits):
    return f"{'-' if value < 0 else '+'}{format_score(abs(value), digits)}"


def _format_p(p):
    return "<.001" if p < 0.001 else format_score(p, 3)
