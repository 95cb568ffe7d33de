"""Scores as text."""

import pytest

from dualatme_keras.evaluation import format_table
from dualatme_keras.evaluation.tables import format_interval, format_score


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
        return dict.fromkeys(names, value) | {"samples": samples, "subjects": 9, "intervals": intervals}

    metrics = {"full": scores(0.6933, [0.62, 0.75], 442), "smic": scores(1.0, None, 64)}
    assert format_table(metrics).splitlines() == [
        "      UF1               UAR               accuracy          clips  subjects",
        "Full  .6933 [.62, .75]  .6933 [.62, .75]  .6933 [.62, .75]    442         9",
        "SMIC  1.0000            1.0000            1.0000               64         9",
    ]
