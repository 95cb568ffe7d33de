"""OFF-ApexNet, two streams of optical flow."""

import keras

from dualatme_keras.layers import FlowNormalization
from dualatme_keras.layers.convolution import Conv2D, MaxPooling2D, check_channels_last


def OFFApexNet(image_size: int = 28, num_classes: int = 3, flow_normalization: bool = False) -> keras.Model:
    """u and v of the entire face, each through two 5x5 convolutions (6 and 16 filters) with 2x2 max-pools.

    Both are put together and classified by two dense layers of 1,024 units. 2,664,475 parameters at 28
    pixels.

    Args:
        image_size: side of the images in pixels, a multiple of 4.
        num_classes: number of classes.
        flow_normalization: begin with `FlowNormalization`; the paper does not.

    References:
        Gan, Liong, Yau, Huang, Tan, OFF-ApexNet on micro-expression recognition system, Signal Processing:
        Image Communication 74, 2019, doi 10.1016/j.image.2019.02.005.
    """
    check_channels_last()
    entire = x = keras.Input((image_size, image_size, 3), name="entire")
    if flow_normalization:
        x = FlowNormalization(name="normalization")(x)
    x = keras.layers.Concatenate(name="streams")([_stream(x[..., :1], "u"), _stream(x[..., 1:2], "v")])
    for number in (1, 2):
        x = keras.layers.Dense(1024, activation="relu", name=f"hidden_{number}")(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model({"entire": entire}, logits, name="off_apexnet")


def _stream(x, name):
    for number, filters in enumerate((6, 16), start=1):
        x = Conv2D(filters, 5, padding="same", activation="relu", name=f"{name}_convolution_{number}")(x)
        x = MaxPooling2D(2, name=f"{name}_pool_{number}")(x)
    return keras.layers.Flatten(name=f"{name}_features")(x)
