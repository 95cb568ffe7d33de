"""The Inception block of Dual-ATME's branches."""

import keras
from keras import ops

from dualatme_keras.choices import with_new_names
from dualatme_keras.layers.batch_normalization import BatchNormalization
from dualatme_keras.layers.convolution import Conv2D, MaxPooling2D, on_clips
from dualatme_keras.layers.fast_inception import FastInception
from dualatme_keras.layers.initializers import torch_uniform

IMPLEMENTATIONS = ("plain", "fast")


@keras.saving.register_keras_serializable(package="dualatme_keras")
class ConvNormReLU(keras.layers.Layer):
    """Convolution with bias, batch normalisation, ReLU: the unit that every path is made of.

    Args:
        filters: number of output channels.
        kernel_size: side of the square kernel; stride 1, zero padding to the same size.

    Call arguments:
        inputs: `(batch, height, width, channels)`.

    Returns:
        `(batch, height, width, filters)`, not negative.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.convolution = Conv2D(
            filters,
            kernel_size,
            padding="same",
            kernel_initializer=torch_uniform(),
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.norm = BatchNormalization(dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.norm.build(self.convolution.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        return ops.relu(self.norm(self.convolution(inputs), training=training))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="dualatme_keras")
class InceptionBlock(keras.layers.Layer):
    """Four paths of different receptive field side by side, concatenated over channels.

    In this order: 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max-pool of stride 1 then 1x1. Every convolution
    is followed by batch normalisation and ReLU. A max-pool of the result may follow.

    Args:
        filters: output channels of each path.
        bottleneck: output channels of the 1x1 convolutions before the 3x3 and the 5x5. Defaults to 6.
        pool_size: side and stride of a last max-pool; 1 for none. Defaults to 1.
        implementation: how it is computed, with the same variables: `"plain"`, layer by layer, or
            `"fast"`, by `FastInception`, which needs `pool_size=2` and an even height and width. Defaults
            to `"plain"`.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        training: whether batch normalisation uses the batch's statistics.

    Returns:
        `(batch, height // pool_size, width // pool_size, 4 * filters)`.

    Example:

    >>> InceptionBlock(6)(keras.ops.zeros((1, 28, 28, 3))).shape
    TensorShape([1, 28, 28, 24])

    References:
        Zhou et al., Entropy 25(3):460, section 3.2; Szegedy et al., Going Deeper with Convolutions, 2015.
    """

    def __init__(
        self, filters: int, bottleneck: int = 6, pool_size: int = 1, implementation: str = "plain", **kwargs
    ):
        super().__init__(**kwargs)
        if filters < 1 or bottleneck < 1 or pool_size < 1:
            raise ValueError(
                "Expected `filters`, `bottleneck` and `pool_size` to be at least 1. "
                f"Received: filters={filters}, bottleneck={bottleneck}, pool_size={pool_size}."
            )
        if implementation not in IMPLEMENTATIONS or (implementation == "fast" and pool_size != 2):
            raise ValueError(
                f"Expected `implementation` out of {', '.join(IMPLEMENTATIONS)}, 'fast' with `pool_size=2`. "
                f"Received: implementation={implementation!r}, pool_size={pool_size}."
            )
        self.filters = filters
        self.bottleneck = bottleneck
        self.pool_size = pool_size
        self.implementation = implementation

        def unit(channels, kernel_size, name):
            return ConvNormReLU(channels, kernel_size, dtype=self.dtype_policy, name=name)

        self.path_1x1 = [unit(filters, 1, "path_1x1")]
        self.path_3x3 = [unit(bottleneck, 1, "path_3x3_reduce"), unit(filters, 3, "path_3x3")]
        self.path_5x5 = [unit(bottleneck, 1, "path_5x5_reduce"), unit(filters, 5, "path_5x5")]
        self.path_pool = [
            MaxPooling2D(3, strides=1, padding="same", dtype=self.dtype_policy, name="path_pool_max"),
            unit(filters, 1, "path_pool"),
        ]

    @property
    def paths(self) -> list[list]:
        """The four paths in the order of concatenation, each a list of layers."""
        return [self.path_1x1, self.path_3x3, self.path_5x5, self.path_pool]

    def build(self, input_shape):
        height, width = input_shape[1:3]
        if self.implementation == "fast" and (height % 2 or width % 2):
            raise ValueError(
                "Expected an even height and width for `implementation='fast'`. "
                f"Received: {tuple(input_shape)}."
            )
        for path in self.paths:
            shape = input_shape
            for layer in path:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, inputs, training=None):
        if self.implementation == "fast":
            return FastInception(self)(inputs, training=training)
        outputs = []
        for path in self.paths:
            x = inputs
            for layer in path:
                x = layer(x, training=training) if isinstance(layer, ConvNormReLU) else layer(x)
            outputs.append(x)  # (batch, height, width, filters)
        x = ops.concatenate(outputs, axis=-1)  # (batch, height, width, 4 * filters)
        if self.pool_size == 1:
            return x
        return on_clips(lambda x: ops.max_pool(x, self.pool_size, self.pool_size), x)

    def compute_output_shape(self, input_shape):
        batch, height, width, _channels = input_shape
        return (batch, height // self.pool_size, width // self.pool_size, 4 * self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "bottleneck": self.bottleneck,
            "pool_size": self.pool_size,
            "implementation": self.implementation,
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(with_new_names(config))
