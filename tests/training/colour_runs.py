"""Runs on images of one colour, with a network that is quickly compiled."""

import dataclasses
import json

import numpy as np
from PIL import Image

from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.training import run_loso

SETTINGS = PrepareSettings(flow="dis", encoding="fixed")


def write_settings(directory, settings):
    """As a preparation leaves them, versions of packages among them."""
    content = {**dataclasses.asdict(settings), "versions": {"numpy": "2"}}
    (directory / "prepare.json").write_text(json.dumps(content))


def rerun(base, workdir, **changes):
    settings = {"final_model": False, "tensorboard": False, "epochs": 3, **changes}
    return run_loso(dataclasses.replace(base, workdir=str(workdir), **settings))


def exchange_images(directory, database):
    """Turns colours into those of other classes."""
    for path in (directory / database).rglob("*.png"):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        Image.fromarray(np.roll(pixels, 1, axis=-1)).save(path)


def linear(names=("entire",), classes=3, units=4, sizes=(14, 14), channels=3):
    """A function that makes small networks; one that a worker can be sent."""

    def new_model():
        import keras

        shapes = [(size, size, channels) for size in sizes]
        inputs = [keras.Input(shape, name=name) for name, shape in zip(names, shapes, strict=False)]
        features = [keras.layers.Flatten()(keras.layers.AveragePooling2D(7)(one)) for one in inputs]
        x = features[0] if len(features) == 1 else keras.layers.Concatenate()(features)
        x = keras.layers.Dropout(0.1)(keras.layers.Dense(units, activation="tanh")(x))
        return keras.Model(inputs[0] if len(inputs) == 1 else inputs, keras.layers.Dense(classes)(x))

    return new_model
