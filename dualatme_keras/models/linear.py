"""A linear classifier behind the door of a network: what every network has to beat."""

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
    entire = x = keras.Input((image_size, image_size, 3), name="entire")
    if flow_normalization:
        x = FlowNormalization(limit=None, size="rms", name="normalization")(x)
    x = keras.layers.AveragePooling2D(2, name="pool")(x)
    x = keras.layers.Flatten(name="features")(x)
    logits = keras.layers.Dense(num_classes, kernel_initializer="zeros", name="logits")(x)
    return keras.Model({"entire": entire}, logits, name="linear")
