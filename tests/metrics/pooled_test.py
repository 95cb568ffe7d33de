"""Pooled scores agree with scikit-learn, their intervals with a naive bootstrap."""

import json
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics

import dualatme_keras.metrics as metrics
from dualatme_keras.errors import DualATMEError


def make_run(seed=0, subjects=12, clips=8, databases=("smic", "casme2", "samm")):
    """Labels, predictions, subjects, databases of a run in which subjects differ in difficulty."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(subjects), clips)
    labels = rng.integers(3, size=len(person))
    right = rng.uniform(size=len(person)) < rng.uniform(0.3, 1, size=subjects)[person]
    predictions = np.where(right, labels, rng.integers(3, size=len(person)))
    return labels, predictions, person.astype(str), np.array(databases)[person % len(databases)]


def macro(score, labels, predictions):
    return score(labels, predictions, labels=range(3), average="macro", zero_division=0)


def test_scores_of_each_part_equal_scikit_learn():
    labels, predictions, subjects, databases = make_run()
    result = metrics.pooled_scores(labels, predictions, subjects, databases, bootstrap=10)
    assert list(result) == ["full", "casme2", "samm", "smic"]
    for part, scores in result.items():
        rows = np.ones(len(labels), bool) if part == "full" else databases == part
        y, z = labels[rows], predictions[rows]
        assert scores["uf1"] == pytest.approx(macro(sklearn.metrics.f1_score, y, z))
        assert scores["uar"] == pytest.approx(macro(sklearn.metrics.recall_score, y, z))
        assert scores["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(y, z))
        assert scores["confusion"] == sklearn.metrics.confusion_matrix(y, z, labels=range(3)).tolist()
        assert np.mean(scores["f1_per_class"]) == pytest.approx(scores["uf1"])
        assert np.mean(scores["recall_per_class"]) == pytest.approx(scores["uar"])
        assert scores["samples"] == rows.sum()
        assert scores["subjects"] == len(set(subjects[rows]))


@pytest.mark.parametrize(("labels", "predictions"), [([0, 1], [0, 1]), ([0, 2], [0, 0]), ([1, 1], [2, 1])])
def test_absent_classes_count_as_zero(labels, predictions):
    confusion = metrics.confusion_matrix(labels, predictions)
    assert metrics.uf1(confusion) == pytest.approx(macro(sklearn.metrics.f1_score, labels, predictions))
    assert metrics.uar(confusion) == pytest.approx(macro(sklearn.metrics.recall_score, labels, predictions))


def test_pooling_is_not_averaging_over_folds():
    """Two folds of one class each: every fold alone has UF1 1/3, together they are perfect."""
    result = metrics.pooled_scores([0, 1, 2], [0, 1, 2], ["a", "b", "c"], ["smic"] * 3, bootstrap=0)
    assert result["full"]["uf1"] == 1


def test_the_result_is_plain_json():
    result = metrics.pooled_scores(*make_run(), bootstrap=50)
    assert json.loads(json.dumps(result)) == result


def test_intervals_equal_a_naive_bootstrap_over_subjects():
    labels, predictions, subjects, databases = make_run(3, subjects=5, databases=("samm",))
    low_high = metrics.pooled_scores(labels, predictions, subjects, databases, 40, seed=9)["full"][
        "intervals"
    ]
    people = sorted(set(subjects))
    draws = np.random.default_rng(9).multinomial(len(people), [1 / len(people)] * len(people), size=40)
    naive = {"uf1": [], "uar": [], "accuracy": []}
    for draw in draws:
        clips = [
            clip
            for person, times in zip(people, draw, strict=True)
            for _ in range(times)
            for clip in np.flatnonzero(subjects == person)
        ]
        y, z = labels[clips], predictions[clips]
        naive["uf1"].append(macro(sklearn.metrics.f1_score, y, z))
        naive["uar"].append(macro(sklearn.metrics.recall_score, y, z))
        naive["accuracy"].append(np.mean(y == z))
    for name, values in naive.items():
        assert low_high[name] == pytest.approx(np.percentile(values, [2.5, 97.5]).tolist())


def test_intervals_bracket_the_score_and_follow_the_seed():
    run = make_run(subjects=30)
    first, again, other = (metrics.pooled_scores(*run, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["full"]["intervals"] != other["full"]["intervals"]
    for scores in first.values():
        for name, (low, high) in scores["intervals"].items():
            assert 0 <= low < scores[name] < high <= 1


def test_the_interval_of_a_database_does_not_depend_on_the_others():
    labels, predictions, subjects, databases = run = make_run()
    rows = databases == "smic"
    alone = metrics.pooled_scores(labels[rows], predictions[rows], subjects[rows], databases[rows])
    assert list(alone) == ["full", "smic"]
    assert metrics.pooled_scores(*run)["smic"] == alone["smic"] == alone["full"]


def test_one_subject_or_no_bootstrap_gives_no_interval():
    none = {"uf1": None, "uar": None, "accuracy": None}
    one = metrics.pooled_scores([0, 1], [0, 2], ["a", "a"], ["samm", "samm"])
    assert one["full"]["intervals"] == one["samm"]["intervals"] == none
    assert metrics.pooled_scores(*make_run(), bootstrap=0)["full"]["intervals"] == none
    two = metrics.pooled_scores([0, 1], [0, 2], ["a", "b"], ["samm", "samm"], bootstrap=1)["full"][
        "intervals"
    ]
    assert all(0 <= low == high <= 1 for low, high in two.values())  # of one draw


def test_the_same_name_in_two_databases_is_two_people():
    result = metrics.pooled_scores([0, 1], [0, 1], ["01", "01"], ["samm", "smic"])
    assert result["full"]["subjects"] == 2


def test_other_databases_follow_megc2019s_in_order_of_appearance():
    names = ["lab", "smic", "home", "lab", "casme2"]
    result = metrics.pooled_scores([0, 1, 2, 0, 1], [0, 1, 2, 1, 1], list("abcde"), names)
    assert list(result) == ["full", "casme2", "smic", "lab", "home"]
    assert (result["lab"]["samples"], result["lab"]["accuracy"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [], []), "Received: 0 labels"),
        (([0, 1], [0], ["a", "a"], ["smic", "smic"]), "2 labels, 1 predictions"),
        (([0], [0], ["a", "b"], ["smic"]), "1 labels, 2 subjects, 1 databases"),
        (([3], [0], ["a"], ["smic"]), "`labels` to be a list of integers from 0 to 2"),
        (([0], [-1], ["a"], ["smic"]), "`predictions` to be a list of integers"),
        (([0.5], [0], ["a"], ["smic"]), r"Received: \[0.5\]"),
        (([0], [0], ["a"], ["full"]), r"'full' is all of them. Received: \['full'\]"),
        (([0], [0], ["a"], [""]), r"Received: \[''\]"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(DualATMEError, match=message):
        metrics.pooled_scores(*arguments)


def test_pooled_scores_need_no_keras():
    code = (
        "import sys, dualatme_keras.metrics as m;"
        "m.pooled_scores([0, 1], [0, 1], ['a', 'b'], ['smic', 'smic']);"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_exported_name_is_there_and_no_other():
    for name in metrics.__all__:
        assert callable(getattr(metrics, name))
    with pytest.raises(AttributeError, match="UF2"):
        _ = metrics.UF2
