"""Runs of another network, with callbacks and augmentation of the caller."""

import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import linear
from demo_data import SUBJECTS, write_colours

from dualatme_keras.data.pipeline import ImageTable
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME
from dualatme_keras.training import TrainConfig, run_loso, run_seeds
from dualatme_keras.training.augmentation import augment_batches, augment_by_layers
from dualatme_keras.training.extensions import Extensions


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    directory = tmp_path_factory.mktemp("colours")
    return directory, write_colours(directory)


@pytest.fixture
def config(clips, tmp_path):
    places = {"lists": str(clips[0] / "lists"), "data_root": str(clips[0]), "workdir": str(tmp_path / "run")}
    return TrainConfig(**places, epochs=3, batch_size=5, learning_rate=0.01, workers=1)


def elsewhere(config, tmp_path, name, **changes):
    return dataclasses.replace(config, workdir=str(tmp_path / name), **changes)


@pytest.mark.filterwarnings("error:The structure of `inputs`")
@pytest.mark.parametrize(
    "names",
    [pytest.param(("entire",), marks=pytest.mark.long), ("puzzled", "entire")],
    ids=["one input", "two in a list"],
)
def test_another_network_learns(names, config):
    config = dataclasses.replace(config, epochs=40, final_model=True)
    result = run_loso(config, linear(names))
    assert result.metrics["full"]["uf1"] > 0.9
    saved = keras.models.load_model(result.final_model)
    assert [tuple(tensor.shape) for tensor in saved.inputs] == [(None, 14, 14, 3)] * len(names)
    record = json.loads(Path(config.workdir, "config.json").read_text())
    assert record["new_model"].startswith("linear.<locals>.new_model ")
    assert (record["preset"], record["puzzle_source"]) == (None, None)


def test_images_that_the_network_does_not_take_need_not_be_there(tmp_path):
    write_colours(tmp_path)
    for path in tmp_path.glob("*/flow_puzzle/*.png"):
        path.unlink()
    config = TrainConfig(str(tmp_path / "lists"), str(tmp_path), str(tmp_path / "run"), epochs=1, workers=1)
    assert len(run_loso(config, linear()).predictions) == 18
    with pytest.raises(DualATMEError, match="flow_puzzle"):
        run_loso(elsewhere(config, tmp_path, "both"), linear(("entire", "puzzled")))
    for settings in (
        {"preset": "entire_only", "puzzle_source": "layer"},
        {"preset": "facs", "implementation": "fast"},
    ):
        with pytest.raises(DualATMEError, match="`(puzzle_source|implementation)="):
            run_loso(
                dataclasses.replace(
                    elsewhere(config, tmp_path, "no"), **{"puzzle_source": "layer", **settings}
                )
            )


def test_images_that_are_needed(config):
    assert Extensions().inputs(config) == ("entire", "puzzled")
    assert Extensions().inputs(dataclasses.replace(config, puzzle_source="layer")) == ("entire",)
    assert Extensions(linear(("puzzled",))).inputs(config) == ("puzzled",)
    for branch in ("entire", "puzzled"):
        assert Extensions().inputs(dataclasses.replace(config, preset=f"{branch}_only")) == (branch,)


def test_a_network_is_known_under_earlier_names_of_its_arguments(config):
    class Earlier(DualATME):
        def get_config(self):
            config = super().get_config()
            config["form"], config["puzzle"] = config.pop("implementation"), config.pop("puzzle_source")
            return config

    def record(network, implementation="plain"):
        def new_model():
            return network.from_preset("tiny", implementation=implementation)

        return Extensions(new_model).record(config)["new_model"]

    assert record(Earlier) == record(DualATME) != record(DualATME, "fast")


def test_another_network_is_another_run(config):
    config = dataclasses.replace(config, epochs=1)
    run_loso(dataclasses.replace(config, subjects=("s01",)), linear())
    run_loso(config, linear())  # the same goes on, whatever numbers Keras gives its layers
    for other, words in ((linear(units=5), "new_model '.*' -> '.*'"), (None, "new_model '.*' -> None")):
        with pytest.raises(DualATMEError, match=f"Received: .*{words}.* Choose another `workdir`, or delete"):
            run_loso(config, other)
    with pytest.raises(DualATMEError, match="Received: augment None -> 'shift'. Choose another"):
        run_loso(config, linear(), augment=shift)
    with pytest.raises(DualATMEError, match="Received: callbacks None -> "):
        run_loso(config, linear(), callbacks=lambda fold: [])
    with pytest.raises(DualATMEError, match="Received: augment None -> 'RandomFlip [0-9a-f]{12}'"):
        run_loso(config, linear(), augment=keras.layers.RandomFlip())


def shift(images, seed):
    return images


def brighten():
    """A function that draws from the seed of the batch."""

    def augment(images, seed):
        import tensorflow as tf

        amount = tf.random.stateless_uniform((), seed, 0.5, 1.5)
        return {name: image * amount for name, image in images.items()}

    return augment


def test_what_cannot_be_sent_to_workers_is_refused(config, tmp_path):
    with (tmp_path / "log").open("w") as log:

        def callbacks(fold):
            print(fold.name, file=log)
            return []

        with pytest.raises(DualATMEError, match="sent to other processes.*no open file.*`workers=1`"):
            run_loso(dataclasses.replace(config, workers=2), linear(), callbacks)
        assert not Path(config.workdir).exists()
        run_loso(dataclasses.replace(config, final_model=True), linear(), callbacks)
    assert sorted((tmp_path / "log").read_text().split()) == sorted([*SUBJECTS, "final"])


def test_callbacks_may_tell_something_of_some_epochs(config):
    class Probe(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2:
                logs["probe"] = 7.0

    config = dataclasses.replace(config, epochs=3, subjects=("s01",), workers=1, final_model=False)
    run_loso(config, linear(), lambda fold: [Probe()])
    header, *rows = (Path(config.workdir) / "folds" / "s01" / "history.csv").read_text().splitlines()
    column = header.split(",").index("probe")
    assert [row.split(",")[column] for row in rows] == ["nan", "7.0", "nan"]


def test_callbacks_may_end_a_fold(config):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    run_loso(dataclasses.replace(config, epochs=9), linear(), lambda fold: [Stop()])
    histories = [path.read_text().splitlines() for path in Path(config.workdir).glob("folds/*/history.csv")]
    assert [len(lines) for lines in histories] == [3, 3, 3]


def test_a_fold_that_a_callback_ends_is_judged_too(config):
    class Ruin(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([np.full_like(weights, np.nan) for weights in self.model.get_weights()])
            self.model.stop_training = True

    with pytest.raises(DualATMEError, match="epoch 1: Expected finite weights"):
        run_loso(config, linear(), lambda fold: [Ruin()])


def test_augmentation_is_of_training_alone_and_decided_by_the_seed(config, tmp_path):
    """Folds on their own give what they give in the whole run; another augmentation gives something else."""
    whole = run_loso(config, linear(), augment=brighten())
    last = run_loso(elsewhere(config, tmp_path, "last", subjects=("s01",)), linear(), augment=brighten())
    rows = whole.predictions.subjects == "s01"
    np.testing.assert_array_equal(last.predictions.probabilities, whole.predictions.probabilities[rows])
    plain = run_loso(elsewhere(config, tmp_path, "plain"), linear())
    assert not np.array_equal(plain.predictions.probabilities, whole.predictions.probabilities)
    # The network of a fold answers for test images as they are.
    model = keras.models.load_model(Path(config.workdir, "folds", "s01", "model.keras"))
    table = ImageTable(_clips_of(whole, "s01"), 14, ("entire",), config.data_root)
    logits = model.predict(table.images["entire"].numpy(), verbose=0)
    np.testing.assert_allclose(keras.ops.softmax(logits), whole.predictions.probabilities[rows], atol=1e-5)


def test_the_seed_of_the_process_decides_nothing(config, tmp_path):
    one = run_loso(config, linear())
    keras.utils.set_random_seed(5)
    again = run_loso(elsewhere(config, tmp_path, "again"), linear())
    np.testing.assert_array_equal(again.predictions.probabilities, one.predictions.probabilities)


def _clips_of(result, subject):
    from dualatme_keras.data import Clip

    rows = zip(
        *(getattr(result.predictions, name) for name in ("paths", "subjects", "databases", "labels")),
        strict=True,
    )
    return [Clip(*map(str, row[:3]), int(row[3])) for row in rows if row[1] == subject]


@pytest.mark.parametrize("layer", [False, True], ids=["function", "layer"])
def test_batches_change_from_epoch_to_epoch_alike_for_a_seed(clips, layer):
    table = ImageTable(clips[1], 28, ("entire", "puzzled"), clips[0])
    table.images["puzzled"] = table.images["entire"]  # so that it can be told what happens to both
    layers = keras.Sequential([keras.layers.RandomTranslation(0.3, 0.3), keras.layers.RandomFlip()])
    augment = augment_by_layers(layers) if layer else brighten()

    def epochs(seed):
        dataset = augment_batches(table.dataset(clips[1], 5), augment, seed)
        return [[images for images, _ in dataset.as_numpy_iterator()] for _ in range(2)]

    (first, second), again, other = epochs(7), epochs(7), epochs(8)
    for images in first:
        np.testing.assert_array_equal(images["entire"], images["puzzled"])
    for epoch, repeated in zip((first, second), again, strict=True):
        for images, same in zip(epoch, repeated, strict=True):
            np.testing.assert_array_equal(images["entire"], same["entire"])
    for different in (second, other[0]):
        assert not np.array_equal(first[0]["entire"], different[0]["entire"])
    plain = [images["entire"] for images, _ in table.dataset(clips[1], 5).as_numpy_iterator()]
    assert [batch["entire"].shape for batch in first] == [batch.shape for batch in plain]
    assert not np.array_equal(first[0]["entire"], plain[0])
    if layer:  # which takes seconds for some layers, as often as there are folds
        assert augment.experimental_get_tracing_count() == 1


def test_silence(config, tmp_path, capfd):
    seeds = ((1, 2), [tmp_path / "seed_1", tmp_path / "seed_2"])
    run_seeds(dataclasses.replace(config, final_model=True, epochs=1), *seeds, linear(), verbose=0)
    assert capfd.readouterr().out == ""
    run_seeds(dataclasses.replace(config, final_model=True, epochs=1), *seeds, linear())
    printed = capfd.readouterr().out
    assert printed.count("finished before") == 6
    assert f"seed 2: {tmp_path / 'seed_2'}" in printed


def shared():
    model = linear()()
    return lambda: model


def growing():
    sizes = iter(range(4, 100))
    return lambda: linear(units=next(sizes))()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"new_model": lambda: None}, "return a keras.Model that tells its inputs.*NoneType"),
        ({"new_model": lambda: keras.Sequential([keras.layers.Dense(3)])}, "tells its inputs.*Sequential"),
        ({"new_model": linear(("face",))}, "inputs out of entire, puzzled.*'face'"),
        ({"new_model": linear(channels=1)}, r"\(None, size, size, 3\) of one size. Received: .*14, 1\)"),
        ({"new_model": linear(("entire", "puzzled"), sizes=(14, 21))}, "of one size. Received"),
        ({"new_model": linear(classes=5)}, r"logits \(None, 3\). Received: \(None, 5\)"),
        ({"new_model": shared()}, "a new network at each call"),
        ({"new_model": growing()}, "the same architecture at each call"),
        ({"new_model": linear()()}, "`new_model` to be a function. Received: <Functional"),
        ({"callbacks": lambda fold: keras.callbacks.History()}, "`callbacks` to return a list of keras"),
        ({"callbacks": lambda fold: ["history"]}, r"`callbacks` to return a list.*Received: \['history'\]"),
        ({"callbacks": []}, "`callbacks` to be a function"),
        ({"augment": lambda images, seed: images["entire"]}, "`augment` to return images like"),
        ({"augment": lambda images, seed: {"entire": images["entire"][:, :7]}}, "`augment` to return images"),
        ({"augment": lambda images, seed: {}}, "`augment` to return images like"),
        (
            {"augment": lambda images, seed: {"entire": keras.ops.cast(images["entire"], "uint8")}},
            "`augment` to return images like.*float32.*uint8",
        ),
        ({"verbose": 2}, "`verbose` to be 0 or 1. Received: 2"),
    ],
)
def test_what_is_no_such_thing_is_refused(given, message, config):
    with pytest.raises(DualATMEError, match=message):
        run_loso(config, **{"new_model": linear(), **given})


@pytest.mark.parametrize(
    "change", [{"preset": "released"}, {"puzzle_source": "layer"}, {"implementation": "fast"}]
)
def test_settings_of_presets_are_refused_with_another_network(change, config):
    ((name, _),) = change.items()
    with pytest.raises(DualATMEError, match=f"either `new_model` or `{name}`"):
        run_loso(dataclasses.replace(config, **change), linear())
