"""UF1 and UAR as Keras metrics agree with scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from dualatme_keras.metrics import UAR, UF1

REFERENCES = [(UF1, f1_score), (UAR, recall_score)]


def expected(score, labels, predictions, num_classes=3, weights=None):
    return score(
        labels,
        predictions,
        labels=range(num_classes),
        average="macro",
        zero_division=0,
        sample_weight=weights,
    )


@pytest.mark.parametrize(("metric_class", "score"), REFERENCES)
@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_several_batches_score_as_one_set(metric_class, score, num_classes):
    rng = np.random.default_rng(num_classes)
    metric = metric_class(num_classes)
    labels = rng.integers(num_classes, size=50)
    logits = rng.normal(size=(50, num_classes))
    for rows in np.split(np.arange(50), [7, 8, 30]):
        metric.update_state(labels[rows], logits[rows])
    wanted = expected(score, labels, logits.argmax(1), num_classes)
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("metric_class", "score"), REFERENCES)
@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        ([0, 0, 1], [0, 1, 1]),  # surprise nowhere
        ([0, 0, 1], [0, 2, 2]),  # surprise predicted only
        ([0, 2, 2], [0, 0, 0]),  # surprise in the labels only
        ([1], [1]),
        ([1], [0]),
    ],
)
def test_an_absent_class_counts_as_scikit_learn_counts_it(metric_class, score, labels, predictions):
    metric = metric_class()
    metric.update_state(np.array(labels), np.eye(3)[predictions])
    assert float(metric.result()) == pytest.approx(expected(score, labels, predictions), abs=1e-6)


@pytest.mark.parametrize(("metric_class", "score"), REFERENCES)
@pytest.mark.parametrize("column", [False, True])
def test_sample_weights_and_label_columns(metric_class, score, column):
    rng = np.random.default_rng(5)
    labels, logits = rng.integers(3, size=40), rng.normal(size=(40, 3))
    weights = rng.uniform(size=40)
    shape = (40, 1) if column else (40,)
    metric = metric_class()
    metric.update_state(labels.reshape(shape), logits, sample_weight=weights.reshape(shape))
    wanted = expected(score, labels, logits.argmax(1), weights=weights)
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("metric_class", [UF1, UAR])
def test_before_any_update_and_after_reset_the_score_is_zero(metric_class):
    metric = metric_class()
    assert float(metric.result()) == 0
    metric.update_state([0, 1, 2], np.eye(3))
    assert float(metric.result()) == pytest.approx(1)
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state([0, 1, 2], np.eye(3)[[1, 2, 0]])
    assert float(metric.result()) == 0


def test_examples_of_the_docstrings():
    predictions = [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 3.0, 1.0]]
    for metric, value in ((UF1(), 5 / 9), (UAR(), 2 / 3)):
        metric.update_state([0, 1, 2], predictions)
        assert float(metric.result()) == pytest.approx(value)


@pytest.mark.parametrize("metric_class", [UF1, UAR])
def test_config_round_trip(metric_class):
    metric = metric_class(num_classes=4, name="mine", dtype="float64")
    clone = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(clone) is metric_class
    assert clone.get_config() == metric.get_config() == {"num_classes": 4, "name": "mine", "dtype": "float64"}
    assert (UF1().name, UAR().name) == ("uf1", "uar")


@pytest.mark.parametrize("metric_class", [UF1, UAR])
def test_one_class_is_refused(metric_class):
    with pytest.raises(ValueError, match="Received: num_classes=1"):
        metric_class(num_classes=1)


def test_evaluate_of_a_compiled_model_gives_the_score_of_all_batches():
    rng = np.random.default_rng(2)
    labels, logits = rng.integers(3, size=(30, 1)), rng.normal(size=(30, 3)).astype("float32")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[UF1(), UAR()])
    results = model.evaluate(logits, labels, batch_size=7, verbose=0, return_dict=True)
    for name, score in (("uf1", f1_score), ("uar", recall_score)):
        assert results[name] == pytest.approx(expected(score, labels[:, 0], logits.argmax(1)), abs=1e-6)
