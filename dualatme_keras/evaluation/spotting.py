"""Expressions spotted in long videos and named, against a coder's, as the Micro-Expression Grand Challenge
(MEGC) scores them: the Spot-Then-Recognize Score (STRS) of Liong, See and Chan (Signal Processing: Image
Communication 110, 2023)."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from dualatme_keras.data import LabelledInterval
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.tables import align_columns, format_score
from dualatme_keras.text import count, shorten

LEAST_OVERLAP = 0.5
"""Intersection over union from which a prediction has found a true interval."""

LONGEST_MICRO = 0.5
"""Seconds above which an expression is a macro-expression."""

KINDS = ("micro", "macro")


@dataclasses.dataclass(frozen=True)
class EmotionScores:
    """How an emotion was told among the intervals that were found.

    Attributes:
        emotion: its name.
        true_positives, false_positives, false_negatives: found intervals of it that have it, of others that
            have it, and of it that have another.
        precision, recall: in [0, 1], 0 where there is nothing to divide by.
    """

    emotion: str
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float


@dataclasses.dataclass(frozen=True)
class SpottingScores:
    """Scores of spotting, of the analysis of what was found, and of both.

    Attributes:
        true_positives, false_positives, false_negatives: intervals found, predicted where there is none,
            and missed.
        precision, recall, f1: of spotting, pooled over videos, in [0, 1], 0 where there is nothing to divide
            by.
        analysis_precision, analysis_recall: means over `emotions`.
        analysis_f1: harmonic mean of both; None where the organisers' script divides by zero.
        strs: product of `f1` and `analysis_f1`; None as that.
        emotions: each one's scores.
        without_truth: `SUBJECT/VIDEO` of predictions in videos that have no true interval.
        kinds: the same of `micro` and `macro` expressions alone, where the frame rate is known and there are
            any.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    analysis_precision: float
    analysis_recall: float
    analysis_f1: float | None
    strs: float | None
    emotions: tuple[EmotionScores, ...]
    without_truth: tuple[str, ...]
    kinds: Mapping[str, "SpottingScores"] = dataclasses.field(default_factory=dict)


def score_spotting(
    truth: Sequence[LabelledInterval],
    predictions: Sequence[LabelledInterval],
    frames_per_second: float | None = None,
    emotions: Sequence[str] | None = None,
    compatible: bool = False,
) -> SpottingScores:
    """Scores predictions as MEGC describes it, or as its script computes it.

    A prediction has found a true interval of its video where the intersection of their frames is at least
    half of their union. Each true interval and each prediction is used once: as many pairs are made as can
    be, and of all such ways the one with the largest sum of overlaps is taken. Emotions are compared in these
    pairs.

    The organisers' script differs (github.com/genbing99/STRS-Metric, commit eb86468):

    - subjects without predictions and videos without truth do not count;
    - a prediction finds all true intervals that it meets and no earlier one has found;
    - emotions are those of the truth, others are not averaged over;
    - an emotion that all pairs have, and are told to have, counts as not found;
    - where no emotion is told right it divides by zero, where nothing is found it ends with an error.

    Args:
        truth: all true intervals, one at least.
        predictions: what was found.
        frames_per_second: of the videos; tells expressions of up to half a second from longer ones. Each kind
            is then scored apart too: true ones of it against predictions of it.
        emotions: score the analysis of these alone, over pairs whose true emotion is one of them; all that
            occur by default.
        compatible: compute what the script does.

    Raises:
        DualATMEError: there is no truth, or the frame rate is not above 0.
    """
    if not truth:
        raise DualATMEError("Expected a true interval or more. Received: none. Score against a coder's file.")
    if frames_per_second is None:
        return _score(truth, predictions, emotions, compatible)
    if frames_per_second <= 0:
        raise DualATMEError(f"Expected `frames_per_second` above 0. Received: {frames_per_second}.")
    kinds = {}
    for kind in KINDS:
        parts = [
            [one for one in intervals if _kind(one, frames_per_second) == kind]
            for intervals in (truth, predictions)
        ]
        if any(parts):
            kinds[kind] = _score(*parts, emotions, compatible)
    return dataclasses.replace(_score(truth, predictions, emotions, compatible), kinds=kinds)


def _kind(interval, frames_per_second):
    return KINDS[interval.length > LONGEST_MICRO * frames_per_second]


def _score(truth, predictions, emotions, compatible):
    videos = {}
    for index, intervals in enumerate((truth, predictions)):
        for one in intervals:
            videos.setdefault((one.subject, one.video), ([], []))[index].append(one)
    counted, find_pairs, names = videos.values(), _pairs, {one.emotion for one in (*truth, *predictions)}
    if compatible:
        subjects = {one.subject for one in predictions}
        counted = [both for (subject, _), both in videos.items() if both[0] and subject in subjects]
        find_pairs, names = _pairs_of_script, {one.emotion for one in truth}
    told, wrong, missed = [], 0, 0
    for true, found in counted:
        pairs = find_pairs(true, found)
        told += [(true[row].emotion, found[column].emotion) for row, column in pairs]
        wrong += len(found) - len({column for _, column in pairs})
        missed += len(true) - len(pairs)
    right, names = len(told), sorted(names if emotions is None else set(emotions))
    told = [pair for pair in told if pair[0] in names]
    scores = tuple(_score_emotion(name, told, compatible) for name in names)
    precision, recall = _ratio(right, wrong), _ratio(right, missed)
    f1 = _harmonic_mean(precision, recall)
    means = np.mean([(one.precision, one.recall) for one in scores] or [(0.0, 0.0)], axis=0).tolist()
    analysis_f1 = None if compatible and not any(means) else _harmonic_mean(*means)
    strs = None if analysis_f1 is None else f1 * analysis_f1
    without_truth = tuple("/".join(video) for video, (true, _) in videos.items() if not true)
    return SpottingScores(
        right, wrong, missed, precision, recall, f1, *means, analysis_f1, strs, scores, without_truth
    )


def _pairs(truth, predictions):
    """Which of each are a pair in a video, each in one pair at most."""
    overlaps = np.array([[one.overlap(other) for other in predictions] for one in truth])
    overlaps = overlaps.reshape(len(truth), len(predictions))
    # Another pair is worth more than the overlaps of all pairs together.
    worth = np.where(overlaps >= LEAST_OVERLAP, overlaps + min(overlaps.shape), 0.0)
    chosen = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return [(int(row), int(column)) for row, column in chosen if worth[row, column]]


def _pairs_of_script(truth, predictions):
    """A prediction is in as many pairs as it can be."""
    pairs, left = [], set(range(len(truth)))
    for column, found in enumerate(predictions):
        met = {row for row in left if truth[row].overlap(found) >= LEAST_OVERLAP}
        pairs += [(row, column) for row in sorted(met)]
        left -= met
    return pairs


def _score_emotion(name, told, compatible):
    right = sum(true == found == name for true, found in told)
    wrong = sum(found == name != true for true, found in told)
    missed = sum(true == name != found for true, found in told)
    scores = [_ratio(right, wrong), _ratio(right, missed)]
    if compatible and right == len(told):  # its table of confusion has one cell then, and is thrown away
        scores = [0.0, 0.0]
    return EmotionScores(name, right, wrong, missed, *scores)


def _ratio(right, others):
    return right / (right + others) if right else 0.0


def _harmonic_mean(first, second):
    return 2 * first * second / (first + second) if first + second else 0.0


def format_spotting(scores: SpottingScores) -> str:
    """Scores as tables for a terminal; no newline at the end."""
    parts = {"all": scores, **scores.kinds}
    counts = ("TP", "FP", "FN")
    spotting = [("spotting", "precision", "recall", "F1", *counts)]
    analysis = [("analysis", "precision", "recall", "F1", "STRS")]
    emotions = [("emotion", "precision", "recall", *counts)]
    for name, one in parts.items():
        spotting.append((name, *_shown(one.precision, one.recall, one.f1), *_counts(one)))
        values = (one.analysis_precision, one.analysis_recall, one.analysis_f1, one.strs)
        analysis.append((name, *_shown(*values)))
    for one in scores.emotions:
        emotions.append((one.emotion, *_shown(one.precision, one.recall), *_counts(one)))
    lines = [*align_columns(spotting, counts=3), "", *align_columns(analysis), ""]
    lines += align_columns(emotions, counts=3)
    if scores.without_truth:
        what = count(len(scores.without_truth), "video")
        lines += ["", f"no true interval in {what} with predictions: {shorten(scores.without_truth)}"]
    return "\n".join(lines)


def _shown(*values):
    return ("undefined" if value is None else format_score(value) for value in values)


def _counts(scores):
    return map(str, (scores.true_positives, scores.false_positives, scores.false_negatives))
