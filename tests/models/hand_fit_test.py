"""A network that its user compiles, fits, evaluates, saves and loads, as any model of Keras."""

import sys
from pathlib import Path

import keras
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from demo_data import write_colours

from dualatme_keras.data import ImageTable, read_lists
from dualatme_keras.losses import FocalLoss
from dualatme_keras.metrics import UAR, UF1
from dualatme_keras.models import DualATME


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """18 clips of three colours and the table of their images."""
    folder = tmp_path_factory.mktemp("colours")
    write_colours(folder)
    clips = read_lists(folder / "lists").clips
    return clips, ImageTable(clips, data_root=folder)


@pytest.mark.parametrize(
    "precision",
    [
        "mixed_float16",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("float32", "mixed_bfloat16", "float64")),
    ],
)
def test_fitted_by_hand(precision, clips, tmp_path):
    clips, table = clips
    keras.utils.set_random_seed(1)
    # Convolutions are compiled in a fifth of the time that Inception blocks take.
    network = {"backbone": "convolution", "filters": (4, 8), "hidden_units": 16, "dropout": 0.0}
    model = DualATME(**network, dtype=precision)
    model.compile(
        keras.optimizers.Adam(0.01), FocalLoss(), metrics=[UF1(), UAR(), "accuracy"], jit_compile=False
    )
    best = tmp_path / "best.keras"
    history = model.fit(
        table.dataset(clips, 5, shuffle_seed=1),
        validation_data=table.dataset(clips, 5),
        epochs=8,
        callbacks=[
            keras.callbacks.ModelCheckpoint(best, monitor="val_uf1", mode="max", save_best_only=True),
            keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2),
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=50, restore_best_weights=True),
        ],
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    scores = model.evaluate(table.dataset(clips, 5), return_dict=True, verbose=0)
    assert scores["accuracy"] > 0.9
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.dtype_policy.name == precision
    again = copy.evaluate(table.dataset(clips, 5), return_dict=True, verbose=0)
    assert again == pytest.approx(scores, abs=1e-6)
    steps = int(copy.optimizer.iterations)  # training can go on
    assert steps == int(model.optimizer.iterations)
    # Loss scaling leaves out steps whose gradients overflow: on JAX the first one.
    assert 8 * 4 - (precision == "mixed_float16") <= steps <= 8 * 4
    assert isinstance(keras.models.load_model(best), DualATME)
