"""The export answers like the Keras model, in a process that knows neither Keras nor this package."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dualatme_keras.data import decode_image
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import cosine_similarity
from dualatme_keras.models import DualATME
from dualatme_keras.serving import export_saved_model

# Argument 1: the SavedModel, 2: arrays to send, 3: where to write the answers.
CLIENT = """
import sys
sys.modules["keras"] = None  # importing it would fail
sys.modules["dualatme_keras"] = None
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
sent = np.load(sys.argv[2], allow_pickle=False)
inputs = {"serving_default": ("entire", "puzzled"), "serve_images": ("entire_bytes", "puzzled_bytes")}
answers = {}
for batch in (1, 7):
    for name, keys in inputs.items():
        tensors = {key: tf.constant(list(sent[key][:batch])) for key in keys}
        for key, value in signatures[name](**tensors).items():
            value = value.numpy()
            answers[f"{name}.{batch}.{key}"] = value.astype("S") if key == "label" else value
np.savez(sys.argv[3], **answers)
"""
OUTPUTS = {"probabilities", "class_id", "label", "similarity"}


def png(rng, size):
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (*size, 3), dtype="uint8")).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    return DualATME.from_preset("tiny", attention="shared")


@pytest.fixture(scope="module")
def sent():
    """Seven pairs of encoded images, some larger than the network's, and the same pairs decoded."""
    rng = np.random.default_rng(0)
    encoded = {
        name: [png(rng, size) for size in ((28, 28), (90, 64)) * 4][:7] for name in ("entire", "puzzled")
    }
    decoded = {
        name: np.stack([decode_image(tf.constant(image), 28) for image in images])
        for name, images in encoded.items()
    }
    return encoded, decoded


@pytest.fixture(scope="module")
def answers(model, sent, tmp_path_factory):
    directory = tmp_path_factory.mktemp("export")
    encoded, decoded = sent
    arrays = {f"{name}_bytes": np.array(images) for name, images in encoded.items()}
    np.savez(directory / "sent.npz", **arrays, **decoded)
    path = export_saved_model(model, directory / "models")
    assert path == directory / "models" / "1"
    command = [sys.executable, "-c", CLIENT, path, directory / "sent.npz", directory / "answers.npz"]
    subprocess.run([str(part) for part in command], check=True, cwd=directory, timeout=300)
    with np.load(directory / "answers.npz") as file:
        return dict(file)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("signature", ["serving_default", "serve_images"])
def test_answers_are_those_of_the_keras_model(signature, batch, model, sent, answers):
    images = {name: values[:batch] for name, values in sent[1].items()}
    given = {key: answers[f"{signature}.{batch}.{key}"] for key in OUTPUTS}
    assert sum(key.startswith(f"{signature}.{batch}.") for key in answers) == len(OUTPUTS)
    probabilities = tf.nn.softmax(model(images)).numpy()
    np.testing.assert_allclose(given["probabilities"], probabilities, atol=1e-5)
    np.testing.assert_array_equal(given["class_id"], probabilities.argmax(axis=1))
    names = np.array([b"negative", b"positive", b"surprise"])
    np.testing.assert_array_equal(given["label"], names[given["class_id"]])
    branches = tf.keras.Model(
        model.inputs, [model.get_layer(f"{b}_features").output for b in ("entire", "puzzled")]
    )
    np.testing.assert_allclose(given["similarity"], cosine_similarity(*branches(images)), atol=1e-5)


def test_versions_count_up_and_are_never_overwritten(model, tmp_path):
    (tmp_path / "7").mkdir()
    assert export_saved_model(model, tmp_path).name == "8"
    with pytest.raises(DualATMEError, match="Received: 8, which is there. The next free one is 9"):
        export_saved_model(model, tmp_path, version=8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8"]


def test_failed_export_leaves_nothing(model, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        export_saved_model(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_single_branch_from_a_keras_file(tmp_path):
    model = DualATME.from_preset("tiny", branches="entire", similarity_weight=0.0)
    model.save(tmp_path / "model.keras")
    loaded = tf.saved_model.load(str(export_saved_model(tmp_path / "model.keras", tmp_path / "models")))
    image = np.random.default_rng(1).uniform(-1, 1, (3, 28, 28, 3)).astype("float32")
    answers = loaded.signatures["serving_default"](entire=tf.constant(image))
    assert set(answers) == OUTPUTS - {"similarity"}
    probabilities = tf.nn.softmax(model({"entire": image}))
    np.testing.assert_allclose(answers["probabilities"], probabilities, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.signatures["serve_images"](entire_bytes=tf.constant([b"no image"]))
