"""STSTNet, a shallow network of three streams."""

import keras
from keras import ops

from dualatme_keras.layers import BatchNormalization, FlowNormalization
from dualatme_keras.layers.convolution import Conv2D, MaxPooling2D, check_channels_last

_NOTHING = -1e4
"""Around the maps before max-pooling: below all that normalised maps have, and within float16."""


def STSTNet(image_size: int = 28, num_classes: int = 3, flow_normalization: bool = False) -> keras.Model:
    """Three parallel 3x3 convolutions of 3, 5 and 8 filters over u, v and strain of the entire face.

    Each pads by 2 and is followed by ReLU, batch normalisation, 3x3 max-pool of stride 3 and dropout. The
    streams are put together, averaged by 2 x 2, and classified. 1,683 trainable weights at 28 pixels.

    Args:
        image_size: side of the images in pixels.
        num_classes: number of classes.
        flow_normalization: begin with `FlowNormalization`; the paper does not.

    References:
        Liong, Gan, See, Khor, Huang, Shallow Triple Stream Three-dimensional CNN (STSTNet) for
        Micro-expression Recognition, FG 2019, doi 10.1109/FG.2019.8756567.
    """
    check_channels_last()
    entire = x = keras.Input((image_size, image_size, 3), name="entire")
    if flow_normalization:
        x = FlowNormalization(name="normalization")(x)
    x = keras.layers.ZeroPadding2D(2, name="padding")(x)
    streams = [_stream(x, filters, f"stream_{filters}") for filters in (3, 5, 8)]
    x = keras.layers.Concatenate(name="streams")(streams)
    x = keras.layers.AveragePooling2D(2, name="pool")(x)
    x = keras.layers.Flatten(name="features")(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model({"entire": entire}, logits, name="ststnet")


def _stream(x, filters, name):
    x = Conv2D(filters, 3, activation="relu", name=f"{name}_convolution")(x)
    x = BatchNormalization(name=f"{name}_norm")(x)
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=_NOTHING)
    x = MaxPooling2D(3, strides=3, name=f"{name}_pool")(x)
    return keras.layers.Dropout(0.5, name=f"{name}_dropout")(x)
