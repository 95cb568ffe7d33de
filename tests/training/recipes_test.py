"""How networks are trained: what a network brings, what can be asked for, and what that does."""

import csv
import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import linear, rerun
from demo_data import SUBJECTS

from dualatme_keras.choices import MODELS, PRESETS, PUBLISHED_RECIPE, training_recipe
from dualatme_keras.data import ImageTable, make_folds, read_lists
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import RandomFlowMirror, mirror_flow_image
from dualatme_keras.models import OTHER_MODELS
from dualatme_keras.training import TrainConfig, run_loso
from dualatme_keras.training.logistic_fit import fit_logistic
from dualatme_keras.training.mixing import mix_batches


def history(run, fold="sub01"):
    with (run / "folds" / fold / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_network_decides_what_is_not_said():
    for model in MODELS:
        config = TrainConfig(model=model).resolved()
        assert {name: getattr(config, name) for name in PUBLISHED_RECIPE} == training_recipe(model, "paper")
    assert TrainConfig(model="linear", mirror=False).resolved().mirror is False
    # What one network brings does not stay for another.
    assert dataclasses.replace(TrainConfig(model="linear"), model="dualatme").resolved().loss == "focal"
    assert config.resolved() is config
    for name in (*PRESETS, *MODELS):
        known = PRESETS.get(name, MODELS.get(name))
        assert set(known.get("recipe", {})) <= set(PUBLISHED_RECIPE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "vgg"}, "`model` out of dualatme, linear, .*'vgg'"),
        ({"model": "linear", "preset": "tiny"}, "`preset` with `model='dualatme'`.*`preset='tiny'`"),
        ({"model": "sssnet", "initial_weights": "facs"}, "`initial_weights` with `model='dualatme'`"),
        ({"label_smoothing": 0.1}, "`loss='crossentropy'`. Received: 0.1 with `loss='focal'`"),
        ({"label_smoothing": 1.0, "loss": "crossentropy"}, "`label_smoothing` from 0 to below 1"),
        ({"ema_momentum": 1.0}, "`ema_momentum` from 0 to below 1"),
        ({"weight_decay": -0.1}, "`weight_decay` from 0"),
        ({"warmup_epochs": 5, "epochs": 5}, "`warmup_epochs` to be fewer than `epochs`. Received: 5 of 5"),
        ({"class_weight": "rare"}, "`class_weight` out of none, balanced"),
        ({"shift": 0.5}, "`shift` from 0 to below 0.5. Received: 0.5"),
        ({"mixup": -1.0}, "`mixup` from 0 to below inf"),
        (
            {"preset": "plus", "zoom": 0.1},
            "`zoom` with `solver='gradient'`. Received: `zoom=0.1`, and `preset=",
        ),
        (
            {"model": "linear", "epochs": 30},
            "`epochs=30`, and `model='linear'` with `solver='logistic'`, where",
        ),
        ({"logistic_c": 3.0}, "`logistic_c` with `solver='logistic'`. Received: `logistic_c=3.0`"),
        ({"solver": "newton"}, "`solver` out of gradient, logistic"),
        ({"solver": "logistic"}, "linear classifier for `solver='logistic'`.*Received: `preset='paper'`"),
        ({"solver": "logistic", "model": "sssnet"}, "Received: `model='sssnet'`"),
        ({"preset": "plus", "initial_weights": "none"}, "`initial_weights` for `preset='plus'`"),
        ({"schedule": "linear"}, "`schedule` out of constant, cosine"),
    ],
)
def test_settings_that_are_none(changes, message):
    with pytest.raises(DualATMEError, match=message):
        TrainConfig(**changes)


def test_another_network_goes_through_the_same_runner(base, tmp_path):
    """One that has convolutions, and classes of another number; its files are those of any run."""
    changes = {"preset": "paper", "model": "ststnet"}
    result = rerun(base, tmp_path / "run", **changes, epochs=60)
    assert result.metrics["full"]["accuracy"] > 0.6
    saved = keras.models.load_model(tmp_path / "run" / "folds" / "sub01" / "model.keras")
    assert saved.name == "ststnet"
    # Another network cannot go on with it.
    with pytest.raises(DualATMEError, match="model 'ststnet' -> 'sssnet'"):
        rerun(base, tmp_path / "run", **{**changes, "model": "sssnet"}, epochs=60)


def test_linear_is_a_logistic_regression(base, data, tmp_path):
    """Of each clip and its mirror image, in classes of equal weight; a clip and its mirror image answer."""
    changes = {"preset": "paper", "model": "linear"}
    settings = dict.fromkeys(("loss", "epochs", "batch_size", "learning_rate"))
    result = rerun(base, tmp_path / "run", **changes, **settings, audit_protocol=True)
    lists = read_lists(base.lists)
    network, told = OTHER_MODELS["linear"](), {}
    features = keras.Model(network.input, network.get_layer("linear_flow").output)
    for fold in make_folds(lists):
        sides = {}
        for side, clips in (("train", fold.train), ("test", fold.test)):
            entire = ImageTable(clips, 28, ("entire",), base.data_root).images["entire"]
            sides[side] = [
                np.asarray(features({"entire": one})) for one in (entire, mirror_flow_image(entire))
            ]
        train = np.concatenate(sides["train"])
        scale = np.sqrt((train**2).sum(axis=1).mean())
        labels = [clip.label for clip in fold.train]
        regression = LogisticRegression(class_weight="balanced", max_iter=1000).fit(train / scale, labels * 2)
        told[fold.name] = sum(regression.predict_proba(one / scale) for one in sides["test"]) / 2
    wanted = np.concatenate([told[name] for name in SUBJECTS])
    np.testing.assert_allclose(result.predictions.probabilities, wanted, atol=2e-3)


def test_a_regression_of_some_classes():
    rng = np.random.default_rng(1)
    images = {"entire": rng.uniform(-1, 1, (12, 28, 28, 3)).astype("float32")}
    for labels in ([0, 2] * 6, [1, 2] * 6):
        network = OTHER_MODELS["linear"]()
        history = fit_logistic(network, [(images, np.array(labels))])
        assert history["accuracy"] == [1.0]
        probabilities = np.asarray(keras.ops.softmax(network(images)))
        np.testing.assert_array_equal(probabilities.argmax(axis=1), labels)
        (missing,) = {0, 1, 2} - set(labels)
        assert (probabilities[:, missing] == 0).all()
        right = probabilities[np.arange(12), labels]
        np.testing.assert_allclose(history["loss"], -np.log(right).mean(), rtol=1e-3)
    with pytest.raises(DualATMEError, match="two classes or more.*12 of class 1"):
        fit_logistic(network, [(images, np.ones(12, int))])
    with pytest.raises(DualATMEError, match="with a linear classifier.*Received: ststnet, which has none"):
        fit_logistic(OTHER_MODELS["ststnet"](), [(images, np.array(labels))])


def test_schedules(small, tmp_path):
    rerun(small, tmp_path / "run", epochs=6, warmup_epochs=2, schedule="cosine", subjects=("sub01",))
    rates = [float(row["learning_rate"]) for row in history(tmp_path / "run")]
    share = np.array([1 / 3, 2 / 3, 1, *(0.5 * (1 + np.cos(np.pi * np.arange(1, 4) / 4)))])
    np.testing.assert_allclose(rates, 0.02 * share, rtol=1e-5)


def test_rare_classes_weigh_more(small, tmp_path, monkeypatch):
    weights = []
    fit = keras.Model.fit

    def seen(self, *arguments, **options):
        weights.append(options["class_weight"])
        return fit(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", seen)
    rerun(small, tmp_path / "plain", epochs=1, subjects=("sub01",))
    rerun(small, tmp_path / "run", epochs=1, subjects=("sub01",), class_weight="balanced")
    assert weights == [None, {0: 1.0, 1: 1.0, 2: 1.0}]


def test_averages_answer(small, tmp_path):
    """Of the weights over the steps; an audit sees the averages too, and training does not."""
    changes = {"subjects": ("sub01",), "epochs": 4, "ema_momentum": 0.5}
    plain = rerun(small, tmp_path / "plain", **{**changes, "ema_momentum": 0.0})
    averaged = rerun(small, tmp_path / "averaged", **changes)
    audited = rerun(small, tmp_path / "audited", **changes, audit_protocol=True)
    probabilities = [one.predictions.probabilities for one in (plain, averaged, audited)]
    np.testing.assert_array_equal(probabilities[1], probabilities[2])
    assert np.abs(probabilities[0] - probabilities[1]).max() > 1e-4
    assert history(tmp_path / "plain") == history(tmp_path / "averaged")
    shorter = rerun(small, tmp_path / "shorter", **{**changes, "epochs": 2})
    with (tmp_path / "audited" / "folds" / "sub01" / "test_epochs.csv").open() as file:
        second = [row for row in csv.DictReader(file) if row["epoch"] == "2"]
    np.testing.assert_allclose(
        [float(row["p_surprise"]) for row in second], shorter.predictions.probabilities[:, 2], atol=1e-7
    )


def test_mirrored_clips_and_answers(small, tmp_path):
    changes = {"subjects": ("sub01",), "epochs": 3}
    plain, mirrored, again, answers = (
        rerun(small, tmp_path / name, **changes, **more).predictions.probabilities
        for name, more in (
            ("plain", {}),
            ("mirrored", {"mirror": True}),
            ("again", {"mirror": True}),
            ("answers", {"mirror_answers": True}),
        )
    )
    np.testing.assert_array_equal(mirrored, again)
    assert np.abs(plain - mirrored).max() > 1e-4
    network = keras.models.load_model(tmp_path / "plain" / "folds" / "sub01" / "model.keras")
    clips = make_folds(read_lists(small.lists))[0].test
    images = ImageTable(clips, 28, data_root=small.data_root).images
    both = [images, {name: mirror_flow_image(image) for name, image in images.items()}]
    wanted = sum(np.asarray(keras.ops.softmax(network(one))) for one in both) / 2
    np.testing.assert_allclose(answers, wanted, atol=1e-5)


def test_what_is_done_to_clips_is_drawn_apart(base, tmp_path, monkeypatch):
    """A mirror that is plugged in does not undo that of the settings, clip by clip."""
    seen, fit = [], keras.Model.fit

    def watched(self, batches, **options):
        seen.append(np.concatenate([np.asarray(images) for images, *_ in batches]))
        return fit(self, batches, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    own = {"preset": "paper", "final_model": False, "tensorboard": False, "epochs": 1}
    base = dataclasses.replace(base, subjects=("sub01",), **own)
    mirror = RandomFlowMirror(encoding="fixed")
    for name, changes, augment in (("plain", {}, None), ("twice", {"mirror": True}, mirror)):
        config = dataclasses.replace(base, workdir=str(tmp_path / name), **changes)
        run_loso(config, linear(("entire",), sizes=(28,)), augment=augment)
    changed = (np.abs(seen[1] - seen[0]).max(axis=(1, 2, 3)) > 0.01).mean()
    assert 0 < changed < 1


@pytest.mark.long
def test_warped_and_mixed_clips(base, tmp_path, monkeypatch):
    """What `fit` gets, and the same again with the same seed."""
    seen, fit = [], keras.Model.fit

    def watched(self, batches, **options):
        seen.append([(images, *(np.asarray(one) for one in rest)) for images, *rest in batches])
        return fit(self, batches, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    # Hardly anything to trace.
    network = linear(("entire", "puzzled"), sizes=(28, 28))
    own = {"preset": "paper", "final_model": False, "tensorboard": False}
    base = dataclasses.replace(base, subjects=("sub01",), epochs=2, **own)

    def trained(name, **changes):
        config = dataclasses.replace(base, workdir=str(tmp_path / name), **changes)
        return run_loso(config, network).predictions.probabilities

    warp = {"shift": 0.1, "zoom": 0.1, "rotation": 5.0, "magnitude": 0.5}
    plain, warped, again = (
        trained(name, **more) for name, more in (("plain", {}), ("warped", warp), ("again", warp))
    )
    np.testing.assert_array_equal(warped, again)
    assert np.abs(plain - warped).max() > 1e-4
    for (first, labels), (moved, same) in zip(*seen[:2], strict=True):
        np.testing.assert_array_equal(labels, same)
        for name in range(2):
            assert (np.abs(moved[name] - first[name]).max(axis=(1, 2, 3)) > 0.05).all()
            # Colours of a clip stay what they are.
            np.testing.assert_array_equal(
                np.argmax(np.mean(moved[name], axis=(1, 2)), axis=1),
                np.argmax(np.mean(first[name], axis=(1, 2)), axis=1),
            )
    mixed = trained("mixed", mixup=0.4, loss="crossentropy", class_weight="balanced")
    assert np.isfinite(mixed).all()
    for (first, labels), (images, shares, weights) in zip(seen[0], seen[-1], strict=True):
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(weights, 1, rtol=1e-6)
        assert shares.shape == (len(labels), 3)
        own = shares[np.arange(len(labels)), labels]
        assert ((own > 0.01) & (own < 0.99)).any()
        # A clip is as much of its colour as its label says.
        means = [np.mean(one[0], axis=(1, 2)) for one in (first, images)]
        colours = np.stack([means[0][labels == label].mean(axis=0) for label in range(3)])
        np.testing.assert_allclose(means[1], shares @ colours, atol=0.04)


def test_mixed_labels_weigh_as_their_classes():
    images = {"entire": tf.reshape(tf.range(8.0), (8, 1, 1, 1))}
    batches = tf.data.Dataset.from_tensors((images, tf.constant([0, 0, 0, 0, 1, 1, 2, 2])))
    ((mixed, shares, weights),) = mix_batches(batches, 1.0, 3, seed=5, class_weight={0: 0.5, 1: 2.0, 2: 4.0})
    np.testing.assert_allclose(weights, np.asarray(shares) @ [0.5, 2.0, 4.0], rtol=1e-5)
    assert np.abs(np.asarray(mixed["entire"]).ravel() - np.arange(8)).max() > 0.5
    assert len({float(one) for one in np.asarray(shares).max(axis=1)}) > 3
    others = [np.asarray(next(iter(mix_batches(batches, 1.0, 3, seed=seed)))[1]) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(others[0], others[1])
    assert np.abs(others[0] - others[2]).max() > 0.05


def test_decay_and_smoothing_make_other_networks(small, tmp_path):
    changes = {"subjects": ("sub01",), "epochs": 3, "loss": "crossentropy"}
    plain, decayed, smoothed = (
        rerun(small, tmp_path / name, **changes, **more)
        for name, more in (
            ("plain", {}),
            ("decayed", {"weight_decay": 0.5}),
            ("smoothed", {"label_smoothing": 0.2}),
        )
    )
    size = []
    for name in ("plain", "decayed"):
        network = keras.models.load_model(tmp_path / name / "folds" / "sub01" / "model.keras")
        size.append(sum(float(keras.ops.sum(one**2)) for one in network.trainable_variables))
    assert size[1] < size[0]
    assert float(history(tmp_path / "smoothed")[0]["loss"]) > 0
    assert np.abs(plain.predictions.probabilities - smoothed.predictions.probabilities).max() > 1e-3
    assert decayed.metrics["full"]["samples"] == 6
