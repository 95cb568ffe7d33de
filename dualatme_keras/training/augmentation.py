"""Augmentation of training batches: new in each epoch, the same for the same seed."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from dualatme_keras.data.pipeline import INPUTS
from dualatme_keras.errors import DualATMEError


def augment_batches(dataset: tf.data.Dataset, augment: Callable, seed: int) -> tf.data.Dataset:
    """Applies `augment` to the images of each batch.

    Args:
        dataset: of `(images, labels)`, see `ImageTable.dataset`.
        augment: called with `images`, a dict of float32 `(batch, size, size, 3)` in [-1, 1], and `seed`, an
            int64 tensor `(2,)` that is another one for each batch; returns images of the same names and
            shapes.
        seed: decides the batches' seeds.

    Raises:
        DualATMEError: what `augment` returns are no such images.
    """
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)

    def apply(batch, seed):
        images, labels = batch
        return augment(images, seed), labels

    # One after the other, which is what makes the order of random numbers sure.
    augmented = tf.data.Dataset.zip((dataset, seeds)).map(apply)
    expected, given = dataset.element_spec[0], augmented.element_spec[0]
    if not _alike(expected, given):
        raise DualATMEError(f"Expected `augment` to return images like {expected}. Received: {given}.")

    def with_shapes(images, labels):
        images = {name: tf.ensure_shape(image, expected[name].shape) for name, image in images.items()}
        return images, labels

    return augmented.map(with_shapes).prefetch(tf.data.AUTOTUNE)


def _alike(expected, given):
    return (
        isinstance(given, dict)
        and given.keys() == expected.keys()
        and all(given[name].is_compatible_with(tf.TensorSpec(None, expected[name].dtype)) for name in given)
        and all(given[name].shape.is_compatible_with(expected[name].shape) for name in given)
    )


def augment_by_layers(layers: keras.Layer | Mapping[str, keras.Layer]) -> Callable:
    """Makes a function for `augment_batches` that leaves the layers' own random states alone.

    It is traced once, however many datasets it is given to.

    Args:
        layers: takes one image tensor; it does the same to all images of a clip. Or a layer for each name.
    """
    if isinstance(layers, keras.Layer):
        layers = dict.fromkeys(INPUTS, layers)

    def state_for(variable, place, seed):
        if not variable.path.endswith("seed_generator_state"):
            return variable.value
        return tf.cast(seed, variable.dtype) + tf.constant([place, 0], variable.dtype)

    @tf.function(autograph=False)
    def apply(images, seed):
        results = {}
        for name, image in images.items():
            layer = layers[name]
            if not layer.built:
                layer(keras.ops.zeros((1, *image.shape[1:])), training=True)
            states = [state_for(*one, seed) for one in _numbered(layer.non_trainable_variables)]
            results[name], _ = layer.stateless_call(
                [variable.value for variable in layer.trainable_variables], states, image, training=True
            )
        return results

    return apply


def _numbered(variables):
    return ((variable, place) for place, variable in enumerate(variables))
