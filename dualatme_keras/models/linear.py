"""A linear classifier of flow: what every network has to beat, and a part of `plus`."""

from collections.abc import Sequence

import keras

from dualatme_keras.layers import FlowNormalization
from dualatme_keras.layers.convolution import check_channels_last


def Linear(image_size: int = 28, num_classes: int = 3, flow_normalization: bool = True) -> keras.Model:
    """Logits as weighted sums of u, v and strain of the entire face.

    Zero and size are brought to those of all images (`FlowNormalization`, by the root mean square, without a
    limit), and 2 x 2 pixels are averaged. 1,767 parameters at 28 pixels. A run fits it by logistic
    regression, see `training.logistic_fit`; any other training works too.

    Args:
        image_size: side of the images in pixels, even.
        num_classes: number of classes.
        flow_normalization: begin with `FlowNormalization`.
    """
    check_channels_last()
    entire = keras.Input((image_size, image_size, 3), name="entire")
    logits = linear_logits([linear_flow(entire, flow_normalization)], num_classes)
    return keras.Model({"entire": entire}, logits, name="linear")


def linear_flow(
    entire: keras.KerasTensor, flow_normalization: bool = True, dtype: str | None = None
) -> keras.KerasTensor:
    """Adds what `Linear` sums up of an image `(batch, size, size, 3)`: `(batch, size * size / 4 * 3)`."""
    x = entire
    if flow_normalization:
        x = FlowNormalization(limit=None, size="rms", dtype=dtype, name="linear_normalization")(x)
    x = keras.layers.AveragePooling2D(2, dtype=dtype, name="linear_pool")(x)
    return keras.layers.Flatten(dtype=dtype, name="linear_flow")(x)


def linear_logits(
    features: Sequence[keras.KerasTensor], num_classes: int, dtype: str | None = None
) -> keras.KerasTensor:
    """Adds a linear classifier of one or more features `(batch, n)`; its logits are 0 before training."""
    x = features[0]
    if len(features) > 1:
        x = keras.layers.Concatenate(dtype=dtype, name="linear_features")(features)
    dense = {"kernel_initializer": "zeros", "dtype": dtype, "name": LINEAR_LOGITS}
    return keras.layers.Dense(num_classes, **dense)(x)


def linear_features(model: keras.Model) -> list[keras.KerasTensor] | None:
    """The features that a network's linear classifier takes; None where there is no such classifier."""
    layers = {layer.name: layer for layer in model.layers}
    if LINEAR_LOGITS not in layers:
        return None
    joined = layers.get("linear_features")
    return joined.input if joined else [layers[LINEAR_LOGITS].input]


LINEAR_LOGITS = "linear_logits"
"""Name of the layer whose weights a logistic regression finds."""
