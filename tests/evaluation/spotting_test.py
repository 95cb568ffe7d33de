"""Scores of spotting and analysis, computed by hand here: as MEGC describes them, and as its script computes.

The expected numbers of `compatible=True` were compared with those of the script itself on random files.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from dualatme_keras.data import LabelledInterval
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import EmotionScores, format_spotting, score_spotting

INTERVALS = st.lists(
    st.builds(
        lambda subject, video, onset, more, emotion: LabelledInterval(
            subject, video, onset, onset + more, emotion
        ),
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(["v1", "v2"]),
        st.integers(0, 20),
        st.integers(0, 15),
        st.sampled_from(["happiness", "disgust", "others"]),
    ),
    min_size=1,
    max_size=8,
)


def rows(*texts):
    """`s1 v1 10 19 happiness` as an interval."""
    parts = (text.split() for text in texts)
    return [LabelledInterval(who, where, int(on), int(off), what) for who, where, on, off, what in parts]


def counts(scores):
    return scores.true_positives, scores.false_positives, scores.false_negatives


TRUTH = rows(
    "s1 v1 10 19 happiness",
    "s1 v1 40 49 sadness",
    "s1 v2 0 9 happiness",
    "s2 v1 5 14 fear",  # of a subject without predictions
)
PREDICTIONS = rows(
    "s1 v1 10 19 happiness",  # found, told right
    "s1 v1 45 54 sadness",  # 5 frames of 15: not found
    "s1 v2 0 19 sadness",  # 10 frames of 20: found, told wrong
    "s1 v3 0 9 sadness",  # in a video without truth
)


def test_scores_as_described():
    scores = score_spotting(TRUTH, PREDICTIONS)
    assert counts(scores) == (2, 2, 2)
    assert (scores.precision, scores.recall, scores.f1) == (0.5, 0.5, 0.5)
    assert scores.emotions == (
        EmotionScores("fear", 0, 0, 0, 0.0, 0.0),
        EmotionScores("happiness", 1, 0, 1, 1.0, 0.5),
        EmotionScores("sadness", 0, 1, 0, 0.0, 0.0),
    )
    analysis = (scores.analysis_precision, scores.analysis_recall, scores.analysis_f1, scores.strs)
    assert analysis == pytest.approx((1 / 3, 1 / 6, 2 / 9, 1 / 9))
    assert scores.without_truth == ("s1/v3",)
    assert not scores.kinds


def test_the_script_passes_over_subjects_without_predictions_and_videos_without_truth():
    scores = score_spotting(TRUTH, PREDICTIONS, compatible=True)
    assert counts(scores) == (2, 1, 1)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (scores.analysis_f1, scores.strs) == pytest.approx((2 / 9, 4 / 27))


def test_the_script_counts_a_prediction_twice():
    truth, one = rows("s v 0 9 happiness", "s v 10 19 sadness"), rows("s v 0 19 happiness")
    assert counts(score_spotting(truth, one)) == (1, 0, 1)
    scores = score_spotting(truth, one, compatible=True)
    assert counts(scores) == (2, 0, 0)
    # Happiness has precision 1/2 and recall 1, sadness none of both.
    assert (scores.f1, scores.analysis_f1, scores.strs) == pytest.approx((1, 1 / 3, 1 / 3))


def test_as_many_pairs_as_can_be():
    """The first prediction meets both, the second the first one alone."""
    truth, both = rows("s v 0 9 a", "s v 4 13 a"), rows("s v 2 11 a", "s v 0 9 a")
    assert counts(score_spotting(truth, both)) == (2, 0, 0)
    assert counts(score_spotting(truth, both, compatible=True)) == (2, 1, 0)


def test_of_two_predictions_the_nearer_one_is_the_pair():
    truth, both = rows("s v 0 9 happiness"), rows("s v 1 10 sadness", "s v 0 9 happiness")
    for predictions in (both, both[::-1]):
        scores = score_spotting(truth, predictions)
        assert counts(scores) == (1, 1, 0)
        assert [one.true_positives for one in scores.emotions] == [1, 0]
    # The script takes the first of the file.
    assert score_spotting(truth, both, compatible=True).emotions[0].true_positives == 0


@pytest.mark.parametrize(
    ("truth", "predictions", "described", "script"),
    [
        # Nothing is found: the script ends with an error.
        (rows("s v 0 9 a"), rows("s v 50 59 a"), (0.0, 0.0), (0.0, None)),
        # Nothing is told right: it divides by zero.
        (rows("s v 0 9 a", "s v 20 29 b"), rows("s v 0 9 b", "s v 20 29 a"), (1.0, 0.0), (1.0, None)),
        # All have one emotion and are told so: it throws that emotion away, and divides by zero.
        (rows("s v 0 9 a"), rows("s v 0 9 a"), (1.0, 1.0), (1.0, None)),
        (rows("s v 0 9 a"), [], (0.0, 0.0), (0.0, None)),
    ],
)
def test_where_the_script_has_no_number(truth, predictions, described, script):
    scores = score_spotting(truth, predictions)
    assert (scores.f1, scores.strs) == described
    scores = score_spotting(truth, predictions, compatible=True)
    assert (scores.f1, scores.strs) == script
    assert "undefined" in format_spotting(scores)


def test_emotions_of_either_file_count_and_those_of_the_truth_in_the_script():
    truth = rows("s v 0 9 a", "s v 20 29 b")
    predictions = rows("s v 0 9 a", "s v 20 29 b", "s v 50 59 c")
    scores = score_spotting(truth, predictions)
    assert (scores.f1, scores.analysis_f1, scores.strs) == pytest.approx((4 / 5, 2 / 3, 8 / 15))
    scores = score_spotting(truth, predictions, compatible=True)
    assert (scores.f1, scores.analysis_f1, scores.strs) == pytest.approx((4 / 5, 1, 4 / 5))


@pytest.mark.parametrize("compatible", [False, True])
def test_chosen_emotions_are_analysed_alone(compatible):
    """The others are spotted all the same."""
    truth = rows("s v 0 9 a", "s v 20 29 b", "s v 40 49 others")
    predictions = rows("s v 0 9 a", "s v 20 29 others", "s v 40 49 b")
    scores = score_spotting(truth, predictions, emotions=["a", "b"], compatible=compatible)
    assert scores.f1 == 1
    assert scores.emotions == (EmotionScores("a", 1, 0, 0, 1.0, 1.0), EmotionScores("b", 0, 0, 1, 0.0, 0.0))
    assert scores.strs == pytest.approx(0.5)


def test_expressions_above_half_a_second_are_scored_apart():
    truth = rows("s v 0 14 a", "s v 100 130 b")  # 15 frames are half a second
    predictions = rows("s v 0 15 a", "s v 100 130 b")
    scores = score_spotting(truth, predictions, frames_per_second=30)
    assert counts(scores) == (2, 0, 0)
    assert {kind: counts(one) for kind, one in scores.kinds.items()} == {
        "micro": (0, 0, 1),
        "macro": (1, 1, 0),
    }
    assert dataclasses.replace(scores, kinds={}) == score_spotting(truth, predictions)
    assert list(score_spotting(truth, predictions, frames_per_second=200).kinds) == ["micro"]


@pytest.mark.parametrize(
    ("truth", "rate", "message"),
    [([], None, "Expected a true interval"), (TRUTH, 0, "Expected `frames_per_second` above 0")],
)
def test_what_cannot_be_scored_is_refused(truth, rate, message):
    with pytest.raises(DualATMEError, match=message):
        score_spotting(truth, PREDICTIONS, frames_per_second=rate)


def test_tables():
    lines = format_spotting(score_spotting(TRUTH, PREDICTIONS, frames_per_second=20)).splitlines()
    assert lines == [
        "spotting  precision  recall  F1     TP  FP  FN",
        "all       .5000      .5000   .5000   2   2   2",
        "micro     .3333      .2500   .2857   1   2   3",
        "macro     .0000      .0000   .0000   0   1   0",
        "",
        "analysis  precision  recall  F1     STRS",
        "all       .3333      .1667   .2222  .1111",
        "micro     .3333      .3333   .3333  .0952",
        "macro     .0000      .0000   .0000  .0000",
        "",
        "emotion    precision  recall  TP  FP  FN",
        "fear       .0000      .0000    0   0   0",
        "happiness  1.0000     .5000    1   0   1",
        "sadness    .0000      .0000    0   1   0",
        "",
        "no true interval in 1 video with predictions: s1/v3",
    ]


@given(INTERVALS)
def test_a_perfect_prediction_scores_one_and_a_second_copy_is_wrong(truth):
    scores = score_spotting(truth, truth[::-1])
    assert counts(scores) == (len(truth), 0, 0)
    assert scores.f1 == 1
    assert counts(score_spotting(truth, truth + truth)) == (len(truth), len(truth), 0)
    alike = [dataclasses.replace(one, emotion="happiness") for one in truth]
    assert score_spotting(alike, alike).strs == 1


@given(INTERVALS, INTERVALS)
def test_truth_and_predictions_change_places(truth, predictions):
    there, back = score_spotting(truth, predictions), score_spotting(predictions, truth)
    assert counts(there) == (back.true_positives, back.false_negatives, back.false_positives)
    assert (there.precision, there.recall) == (back.recall, back.precision)


@given(INTERVALS, INTERVALS)
def test_no_way_to_pair_finds_more(truth, predictions):
    meet = [
        [
            (one.subject, one.video) == (other.subject, other.video) and one.overlap(other) >= 0.5
            for other in predictions
        ]
        for one in truth
    ]
    most = np.sum(maximum_bipartite_matching(csr_array(np.array(meet, int))) >= 0)
    scores = score_spotting(truth, predictions)
    assert counts(scores) == (most, len(predictions) - most, len(truth) - most)
    found = score_spotting(truth, predictions, compatible=True).true_positives
    assert found == np.any(meet, axis=1).sum()
