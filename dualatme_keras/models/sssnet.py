"""SSSNet, a shallow network of a single stream."""

import keras

from dualatme_keras.layers import BatchNormalization, FlowNormalization
from dualatme_keras.layers.convolution import Conv2D, MaxPooling2D, check_channels_last


def SSSNet(image_size: int = 28, num_classes: int = 3, flow_normalization: bool = False) -> keras.Model:
    """Two convolutions over the entire face, 5x5 to 32 and 3x3 to 64 filters, without padding, and two dense
    layers.

    After each convolution come ReLU, a max-pool (3x3 of stride 3, then 2x2), batch normalisation and dropout
    of whole channels. 169,795 parameters at 28 pixels; it was made for images of 64 pixels.

    Args:
        image_size: side of the images in pixels, at least 22.
        num_classes: number of classes.
        flow_normalization: begin with `FlowNormalization`; the paper does not.

    References:
        Varanka, Peng, Zhao, Micro-Expression Recognition with Noisy Labels, Electronic Imaging 2021, doi
        10.2352/ISSN.2470-1173.2021.11.HVEI-157.
    """
    check_channels_last()
    entire = x = keras.Input((image_size, image_size, 3), name="entire")
    if flow_normalization:
        x = FlowNormalization(name="normalization")(x)
    for number, (filters, kernel, pool) in enumerate(((32, 5, 3), (64, 3, 2)), start=1):
        x = Conv2D(filters, kernel, activation="relu", name=f"convolution_{number}")(x)
        x = MaxPooling2D(pool, name=f"pool_{number}")(x)
        x = BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.SpatialDropout2D(0.5, name=f"channel_dropout_{number}")(x)
    x = keras.layers.Flatten(name="features")(x)
    x = keras.layers.Dense(256, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model({"entire": entire}, logits, name="sssnet")
