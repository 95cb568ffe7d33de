"""A linear classifier of flow: what every network has to beat, and a part of `plus`."""

import keras

from dualatme_keras.layers import FlowNormalization


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
    entire = keras.Input((image_size, image_size, 3), name="entire")
    logits = linear_path(entire, num_classes, flow_normalization)
    return keras.Model({"entire": entire}, logits, name="linear")


def linear_path(
    entire: keras.KerasTensor, num_classes: int, flow_normalization: bool = True, dtype: str | None = None
) -> keras.KerasTensor:
    """Adds the layers of `Linear` to an image.

    Args:
        entire: `(batch, size, size, 3)` in [-1, 1].
        num_classes, flow_normalization: see `Linear`.
        dtype: of the layers.

    Returns:
        Logits, all 0 before training.
    """
    x = entire
    if flow_normalization:
        x = FlowNormalization(limit=None, size="rms", dtype=dtype, name="linear_normalization")(x)
    x = keras.layers.AveragePooling2D(2, dtype=dtype, name="linear_pool")(x)
    x = keras.layers.Flatten(dtype=dtype, name=LINEAR_FEATURES)(x)
    dense = {"kernel_initializer": "zeros", "dtype": dtype, "name": LINEAR_LOGITS}
    return keras.layers.Dense(num_classes, **dense)(x)


LINEAR_FEATURES, LINEAR_LOGITS = "linear_features", "linear_logits"
"""Names of the layers between which the weights of the linear classifier lie."""
