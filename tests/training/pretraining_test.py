"""Networks that learn from drawn motion, and runs that start from what they learnt."""

import dataclasses
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls
from colour_runs import SETTINGS, rerun, write_settings

import dualatme_keras
from dualatme_keras.data import ImageTable, make_folds, read_lists
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import mirror_flow_image
from dualatme_keras.models import OTHER_MODELS, DualATME, load_model
from dualatme_keras.synthetic import DrawnFlow, MotionSettings
from dualatme_keras.training import (
    DrawnDataset,
    PretrainConfig,
    checkpoints,
    initial_weights,
    pretrain,
    pretraining,
    write_pretrained,
)

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "pretrain.py"
SMALL = PretrainConfig(images=6400, batch_size=32, epochs=2, average=0.9)


@pytest.fixture(scope="module")
def learned():
    return pretrain(SMALL, verbose=0)


def drawn(count=600, seed=99):
    batch = DrawnFlow(MotionSettings(), count, seed=seed).batch(0)
    return batch, batch.images


def test_learns_classes_and_action_units(learned):
    batch, images = drawn()
    answers = learned.predict(images, verbose=0)
    clips = batch.labels >= 0
    assert (answers["logits"].argmax(axis=1) == batch.labels)[clips].mean() > 0.7
    brows = list(learned.action_units).index(2)
    shown = batch.action_units[:, brows] > 0.25
    assert (
        answers["action_units"][:, brows][shown].mean() > 2 + answers["action_units"][:, brows][~shown].mean()
    )
    assert not learned.compiled


@pytest.mark.parametrize("preset", ["convolution", pytest.param("facs", marks=pytest.mark.long)])
def test_a_stopped_call_goes_on_at_its_last_saved_epoch(preset, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SHARE", 0)  # every epoch is saved
    config, saved, ends = dataclasses.replace(SMALL, images=640, epochs=4), [], [3]
    save = checkpoints.Checkpoint.save

    def save_and_stop(self, model, epochs, history):
        save(self, model, epochs, history)
        saved.append(epochs)
        if epochs in ends:
            ends.remove(epochs)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoint, "save", save_and_stop)
    output, other = tmp_path / "parts.keras", tmp_path / "other.keras"
    with pytest.raises(KeyboardInterrupt):
        write_pretrained(output, config, preset, verbose=0)
    assert not output.exists()
    shutil.copytree(tmp_path / ".parts.keras.unfinished", tmp_path / ".other.keras.unfinished")
    write_pretrained(output, config, preset, verbose=0)
    assert saved == [1, 2, 3]  # the fourth, which ends it, alone was left
    # Other settings begin anew.
    real, begun = pretraining._pretrain, []

    def watched(config, preset, verbose, state):
        begun.append((config.seed, state.exists()))
        return DualATME.from_preset(preset)

    monkeypatch.setattr(pretraining, "_pretrain", watched)
    assert (tmp_path / ".other.keras.unfinished" / "state").exists()
    write_pretrained(other, dataclasses.replace(config, seed=2), preset, verbose=0)
    assert begun == [(2, False)]
    monkeypatch.setattr(pretraining, "_pretrain", real)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.keras", "parts.keras"]
    steps, train_step = [], DualATME.train_step
    monkeypatch.setattr(
        DualATME, "train_step", lambda model, batch: steps.append(batch) or train_step(model, batch)
    )
    whole = pretrain(config, preset, verbose=0)
    assert len(steps) == 1  # traced once, which takes longer than the steps
    for parts, undisturbed in zip(load_model(output).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(parts, undisturbed)


@pytest.mark.long
def test_without_action_units():
    config = dataclasses.replace(SMALL, images=640)
    model = pretrain(config, verbose=0, action_units=(), flow_normalization=True)
    assert model.output.shape == (None, 3)


def test_epochs_do_not_repeat_clips_and_no_class_is_not_learned():
    flow = DrawnFlow(MotionSettings(no_expression=0.5, any_units=0.0), 32)
    dataset = DrawnDataset(flow, 2, action_units=True)
    assert len(dataset) == 2
    seen = []
    for _epoch in range(2):
        for index in range(2):
            images, truth, weights = dataset[index]
            seen.append(images["entire"].tobytes())
            assert np.abs(images["entire"]).max() <= 1
            nothing = (truth["action_units"] == 0).all(axis=(1, 2))
            np.testing.assert_array_equal(weights["logits"], ~nothing)
            assert (truth["logits"] >= 0).all()
            assert (weights["action_units"] == 1).all()
        dataset.on_epoch_end()
    assert len(set(seen)) == 4
    _images, labels, weights = DrawnDataset(flow, 2)[0]
    assert labels.shape == weights.shape == (32,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": 0}, "`images` to be a positive integer. Received: 0"),
        ({"epochs": 1.5}, "`epochs` to be a positive integer. Received: 1.5"),
        (
            {"images": 100, "epochs": 4},
            "one batch in each epoch. Received: 100 images, 4 epochs, batches of 32",
        ),
    ],
)
def test_settings_that_are_none(changes, message):
    with pytest.raises(DualATMEError, match=message):
        dataclasses.replace(SMALL, **changes)


STAYS = {"learning_rate": 1e-12, "epochs": 1, "subjects": ("sub01",)}


def of_fold(run, name="sub01"):
    return load_model(run / "folds" / name / "model.keras")


def test_folds_start_from_given_weights(base, tmp_path):
    keras.utils.set_random_seed(5)
    start = DualATME.from_preset("convolution")
    start.save(tmp_path / "start.keras")
    rerun(base, tmp_path / "run", initial_weights=str(tmp_path / "start.keras"), **STAYS)
    rerun(base, tmp_path / "fresh", **STAYS)
    for weight, kept, fresh in zip(
        start.trainable_variables,
        of_fold(tmp_path / "run").trainable_variables,
        of_fold(tmp_path / "fresh").trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(kept, weight, atol=1e-6)
        assert weight.ndim < 2 or np.abs(np.asarray(fresh) - weight).max() > 0.01
    # The same content under another name goes on; another content does not.
    (tmp_path / "start.keras").rename(tmp_path / "same.keras")
    rerun(base, tmp_path / "run", initial_weights=str(tmp_path / "same.keras"), **STAYS)
    DualATME.from_preset("convolution").save(tmp_path / "other.keras")
    for other in (str(tmp_path / "other.keras"), None):
        with pytest.raises(DualATMEError, match="initial_weights_sha256"):
            rerun(base, tmp_path / "run", initial_weights=other, **STAYS)


def test_weights_may_be_sent_to_where_their_file_is_not(tmp_path):
    """As to the machines of a cluster."""
    start = DualATME.from_preset("facs")
    start.save(tmp_path / "start.keras")
    sent = initial_weights.sent_weights(tmp_path / "start.keras")
    digest = initial_weights.weights_digest(tmp_path / "start.keras")
    (tmp_path / "start.keras").unlink()
    with pytest.raises(DualATMEError, match="no such file"):
        initial_weights.weights_digest(tmp_path / "start.keras")
    initial_weights.receive_weights(sent)
    fresh = DualATME.from_preset("facs", load_weights=False)
    initial_weights.set_initial_weights(fresh, tmp_path / "start.keras")
    np.testing.assert_array_equal(fresh.get_layer("hidden").kernel, start.get_layer("hidden").kernel)
    assert initial_weights.weights_digest(tmp_path / "start.keras") == digest
    assert initial_weights.sent_weights("facs") == initial_weights.sent_weights("none") == {}


@pytest.fixture
def minmax(data, base, tmp_path):
    """The images, said to be of the encoding that the weights have learned."""
    folder = tmp_path / "minmax"
    shutil.copytree(data, folder)
    write_settings(folder, dataclasses.replace(SETTINGS, encoding="minmax"))
    return dataclasses.replace(base, data_root=str(folder), lists=str(folder / "lists"))


def test_folds_start_from_the_weights_that_ship(minmax, tmp_path):
    base = minmax
    changes = {"preset": "facs", "initial_weights": "facs", **STAYS}
    names = ("red", "green", "blue")
    rerun(base, tmp_path / "run", **changes)
    shipped, kept = DualATME.from_preset("facs", action_units=()), of_fold(tmp_path / "run")
    for weight, other in zip(shipped.trainable_variables, kept.trainable_variables, strict=True):
        np.testing.assert_allclose(other, weight, atol=1e-6)
    # Other classes: all but the last layer.
    rerun(base, tmp_path / "named", class_names=names, **changes)
    named = of_fold(tmp_path / "named")
    assert named.class_names == names
    np.testing.assert_allclose(
        named.get_layer("hidden").kernel, shipped.get_layer("hidden").kernel, atol=1e-6
    )
    assert np.abs(named.get_layer("logits").kernel - shipped.get_layer("logits").kernel).max() > 0.01


def test_weights_of_another_normalisation_are_refused(minmax, tmp_path):
    """Which has no weights by which that could be told."""
    changes = {"preset": "facs", "initial_weights": "facs", "flow_normalization": False, **STAYS}
    with pytest.raises(
        DualATMEError, match="`flow_normalization` as facs was trained with: True. Rec.*False"
    ):
        rerun(minmax, tmp_path / "run", **changes)


OWN = dict.fromkeys(("loss", "epochs", "batch_size", "learning_rate"))
"""What a network brings itself."""


def test_plus_is_facs_and_a_linear_classifier(minmax, tmp_path):
    """The mean of both; facs stays what it is, so the saved network tells its action units."""
    plus = rerun(minmax, tmp_path / "plus", preset="plus", **OWN).predictions
    facs, linear = DualATME.from_preset("facs"), OTHER_MODELS["linear"]()
    flow = keras.Model(linear.input, linear.get_layer("linear_flow").output)
    branches = keras.Model(facs.input, list(facs.feature_outputs.values()))

    def both_ways(clips):
        images = ImageTable(clips, 28, ("entire", "puzzled"), minmax.data_root).images
        images = {name: np.asarray(image) for name, image in images.items()}
        return images, {name: np.asarray(mirror_flow_image(image)) for name, image in images.items()}

    def features(images):
        return [np.asarray(part) for part in (flow({"entire": images["entire"]}), *branches(images))]

    for fold in make_folds(read_lists(minmax.lists)):
        parts = [np.concatenate(part) for part in zip(*map(features, both_ways(fold.train)), strict=True)]
        sizes = [np.sqrt((part**2).sum(axis=1).mean()) for part in parts]
        x = np.concatenate([part / size for part, size in zip(parts, sizes, strict=True)], axis=1)
        labels = [clip.label for clip in fold.train]
        regression = LogisticRegression(C=10, class_weight="balanced", max_iter=1000).fit(x, labels * 2)
        wanted = 0
        for images in both_ways(fold.test):
            parts = [part / size for part, size in zip(features(images), sizes, strict=True)]
            learned = regression.predict_proba(np.concatenate(parts, axis=1))
            wanted += (learned + facs.predict_probabilities(images)) / 4
        answered = plus.of_paths([clip.path for clip in fold.test]).probabilities
        np.testing.assert_allclose(answered, wanted, atol=5e-3)
        saved = of_fold(tmp_path / "plus", fold.name).predict(images, verbose=0)["action_units"]
        np.testing.assert_allclose(saved, facs.predict(images, verbose=0)["action_units"], atol=1e-4)


@pytest.mark.long
def test_plus_can_be_trained_too(minmax, tmp_path):
    """The whole network, from facs and with the linear classifier beside it."""
    rerun(minmax, tmp_path / "steps", preset="plus", solver="gradient", epochs=2, subjects=("sub01",))
    trained, start = of_fold(tmp_path / "steps"), DualATME.from_preset("facs").get_layer("hidden").kernel
    assert trained.action_units == ()
    assert np.abs(trained.get_layer("hidden").kernel - start).max() > 1e-3
    assert np.abs(trained.get_layer("linear_logits").kernel).max() > 0


def test_plus_tells_the_classes_of_its_weights(minmax, tmp_path):
    names = ("red", "green", "blue")
    own = DualATME.from_preset("facs", load_weights=False, class_names=names)
    own.save(tmp_path / "own.keras")
    changes = {"initial_weights": str(tmp_path / "own.keras"), "class_names": names, "subjects": ("sub01",)}
    result = rerun(minmax, tmp_path / "own", preset="plus", **OWN, **changes)
    assert result.predictions.class_names == names
    with pytest.raises(DualATMEError, match="classes of facs, negative, .*Received: red, .*'gradient'"):
        rerun(minmax, tmp_path / "run", preset="plus", **OWN, class_names=("red", "green", "blue"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_weights": "facs"}, "encoding 'minmax', as facs was trained on. Received: 'fixed'"),
        ({"initial_weights": "FILE"}, "the network that `preset` names .*same architecture"),
        ({"initial_weights": "nowhere.keras"}, "a file of weights, or a preset.*nowhere.keras"),
        ({"initial_weights": "paper"}, "a file of weights, or a preset.*paper"),
    ],
)
def test_weights_that_do_not_fit(changes, message, base, tmp_path):
    DualATME.from_preset("convolution", hidden_units=8).save(tmp_path / "FILE.keras")
    changes = {"initial_weights": changes["initial_weights"].replace("FILE", str(tmp_path / "FILE.keras"))}
    with pytest.raises(DualATMEError, match=message):
        rerun(base, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_the_command_writes_weights_that_are_read(tmp_path, capsys, monkeypatch):
    asked, network = [], DualATME.from_preset("facs", load_weights=False)
    monkeypatch.setattr(pretraining, "_pretrain", lambda *asked_for: asked.append(asked_for[:2]) or network)
    output = tmp_path / "mine.keras"
    script_calls.call(COMMAND, f"--output={output}", "--images=1280", "--seed=3")
    assert f"weights: {output}" in capsys.readouterr().out
    assert asked == [(PretrainConfig(images=1280, seed=3), "facs")]
    written = load_model(output)
    assert written.preparation == DualATME.from_preset("facs").preparation
    for weight, other in zip(written.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    assert output.stat().st_size < 300_000
