"""Networks that answer together: each as it would alone, whoever else asks."""

import concurrent.futures

import keras
import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME, Ensemble, prediction_model


def new_images(seed, clips=2):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, (clips, 28, 28, 3)).astype("float32") for name in ("entire", "puzzled")}


def new_network(seed, **parts):
    """A small one with `parts`, all its weights away from fresh ones; the same of each seed."""
    keras.utils.set_random_seed(seed)
    model, rng = DualATME.from_preset("tiny", backbone="convolution", **parts), np.random.default_rng(seed)
    model.set_weights([w + rng.uniform(-0.1, 0.1, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Three networks and their files."""
    folder, members = tmp_path_factory.mktemp("networks"), {}
    for seed in range(3):
        model = new_network(seed)
        members[folder / f"{seed}.keras"] = model
        model.save(folder / f"{seed}.keras")
    return members


@pytest.fixture(scope="module")
def ensemble(members):
    return Ensemble(list(members))


def test_answers_are_those_of_each_network(members, ensemble):
    images = new_images(0)
    answers = ensemble.predict({**images, "other": None})
    assert len(ensemble) == 3
    assert answers.probabilities.shape == (3, 2, 3)
    attention = []
    for member, model in enumerate(members.values()):
        alone = prediction_model(model, attention=True).predict_on_batch(images)
        np.testing.assert_array_equal(answers.probabilities[member], alone["probabilities"])
        np.testing.assert_array_equal(answers.similarity[member], alone["similarity"])
        attention.append(alone["attention"])
    np.testing.assert_array_equal(answers.attention, np.mean(attention, axis=0))
    assert len({answers.probabilities[member].tobytes() for member in range(3)}) == 3


def test_every_output_has_its_own_variables(tmp_path):
    """A linear path and action units: other outputs put layers in another order than in the file."""
    parts = {"linear_path": ("flow", "branches"), "action_units": (1, 12)}
    model = new_network(3, **parts)
    model.save(tmp_path / "model.keras")
    images, ensemble = new_images(1), Ensemble([tmp_path / "model.keras"] * 2)
    answers, outputs = ensemble.predict(images), model(images, training=False)
    wanted = keras.ops.convert_to_numpy(keras.ops.softmax(outputs["logits"]))
    for member in range(2):
        np.testing.assert_allclose(answers.probabilities[member], wanted, atol=1e-6)
    units = keras.ops.convert_to_numpy(keras.ops.sigmoid(outputs["action_units"]))
    np.testing.assert_allclose(answers.action_units, units, atol=1e-6)
    assert np.abs(units - units.mean()).max() > 1e-3


def test_threads_do_not_mix_their_answers(ensemble):
    asked = [new_images(seed) for seed in range(4)]
    expected = [ensemble.predict(images).probabilities for images in asked]
    assert len({answer.tobytes() for answer in expected}) == 4

    def ask(number):
        return [ensemble.predict(asked[number]).probabilities for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for number, answers in enumerate(threads.map(ask, range(4))):
            for answer in answers:
                np.testing.assert_array_equal(answer, expected[number])


def test_networks_of_another_architecture_are_refused(members, tmp_path):
    first = next(iter(members))
    DualATME.from_preset("tiny", backbone="convolution", attention="none").save(tmp_path / "other.keras")
    with pytest.raises(DualATMEError, match="one architecture.*0.keras and .*other.keras"):
        Ensemble([first, tmp_path / "other.keras"])


def test_number_format_of_the_networks_is_kept(tmp_path):
    model = new_network(0, dtype="float64")
    model.save(tmp_path / "model.keras")
    images = new_images(0)
    expected = keras.ops.softmax(model.predict_on_batch(images).astype("float32"), axis=-1)
    found = Ensemble([tmp_path / "model.keras"]).predict(images).probabilities[0]
    np.testing.assert_array_equal(found, expected)
