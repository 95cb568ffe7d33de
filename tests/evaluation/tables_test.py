"""Scores as text."""

import numpy as np
import pytest

from dualatme_keras.evaluation import format_table
from dualatme_keras.evaluation.tables import format_interval, format_score
from dualatme_keras.metrics import pooled_scores


@pytest.mark.parametrize(
    ("value", "text"), [(0.69334, ".6933"), (1.0, "1.0000"), (0.0, ".0000"), (0.99999, "1.0000")]
)
def test_scores_have_four_digits_and_no_leading_zero(value, text):
    assert format_score(value) == text


def test_intervals():
    assert format_interval([0.617, 1.0]) == "[.62, 1.00]"
    assert format_interval(None) == ""


def test_table():
    def scores(value, interval, samples):
        names = ("uf1", "uar", "accuracy")
        intervals = dict.fromkeys(names, interval)
        return dict.fromkeys(names, value) | {"samples": samples, "subjects": 10, "intervals": intervals}

    metrics = {"full": scores(0.6933, [0.62, 0.75], 442), "smic": scores(1.0, None, 64)}
    assert format_table(metrics).splitlines() == [
        "      UF1               UAR               accuracy          clips  subjects",
        "Full  .6933 [.62, .75]  .6933 [.62, .75]  .6933 [.62, .75]    442        10",
        "SMIC  1.0000            1.0000            1.0000               64        10",
    ]


@pytest.mark.parametrize(("subjects", "told"), [(9, True), (10, False)])
def test_intervals_over_few_subjects_are_named(subjects, told):
    names = [f"s{index}" for index in range(subjects)] + ["007"]
    databases = ["smic"] * subjects + ["samm"]  # of one subject there is no interval
    labels = np.arange(subjects + 1) % 3
    lines = format_table(pooled_scores(labels, labels, names, databases, bootstrap=9)).splitlines()
    assert (lines[-1] == "Intervals over fewer than 10 subjects say little: SMIC") == told
    assert len(lines) == 4 + told
