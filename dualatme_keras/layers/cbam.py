"""Convolutional block attention: which channels, then which places."""

import keras
from keras import ops

from dualatme_keras.layers.convolution import Conv2D
from dualatme_keras.layers.initializers import torch_uniform


@keras.saving.register_keras_serializable(package="dualatme_keras")
class ChannelAttention(keras.layers.Layer):
    """Weight of each channel, sigmoid(MLP(average over places) + MLP(maximum over places)).

    The two-layer MLP is shared by both pooled vectors.

    Args:
        reduction: the MLP's hidden layer has `channels // reduction` units (at least 1). Defaults to 16.

    Call arguments:
        inputs: `(batch, height, width, channels)`.

    Returns:
        `(batch, 1, 1, channels)` in (0, 1).

    References:
        Woo et al., CBAM, ECCV 2018, equation 2.
    """

    def __init__(self, reduction: int = 16, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1:
            raise ValueError(f"Expected `reduction` to be at least 1. Received: reduction={reduction}.")
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        self.hidden = keras.layers.Dense(
            max(1, channels // self.reduction),
            activation="relu",
            kernel_initializer=torch_uniform(),
            dtype=self.dtype_policy,
            name="hidden",
        )
        self.output_dense = keras.layers.Dense(
            channels, kernel_initializer=torch_uniform(), dtype=self.dtype_policy, name="output_dense"
        )
        self.hidden.build((None, channels))
        self.output_dense.build((None, self.hidden.units))

    def call(self, inputs):
        average = ops.mean(inputs, axis=(1, 2))  # (batch, channels)
        maximum = ops.max(inputs, axis=(1, 2))  # (batch, channels)
        summed = self.output_dense(self.hidden(average)) + self.output_dense(self.hidden(maximum))
        return ops.sigmoid(summed)[:, None, None, :]  # (batch, 1, 1, channels)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


@keras.saving.register_keras_serializable(package="dualatme_keras")
class SpatialAttention(keras.layers.Layer):
    """Weight of each place, sigmoid(convolution([mean, maximum] over channels)).

    Args:
        kernel_size: side of the square kernel. Defaults to 3.

    Call arguments:
        inputs: `(batch, height, width, channels)`.

    Returns:
        `(batch, height, width, 1)` in (0, 1).

    References:
        Woo et al., CBAM, ECCV 2018, equation 3.
    """

    def __init__(self, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.convolution = Conv2D(
            1,
            kernel_size,
            padding="same",
            activation="sigmoid",
            kernel_initializer=torch_uniform(),
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, input_shape):
        self.convolution.build((*input_shape[:-1], 2))

    def call(self, inputs):
        mean = ops.mean(inputs, axis=-1, keepdims=True)  # (batch, height, width, 1)
        maximum = ops.max(inputs, axis=-1, keepdims=True)  # (batch, height, width, 1)
        return self.convolution(ops.concatenate([mean, maximum], axis=-1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="dualatme_keras")
class CBAM(keras.layers.Layer):
    """Multiplies the input by its channel attention, the result by its spatial attention.

    Args:
        reduction: see `ChannelAttention`. Defaults to 16.
        kernel_size: see `SpatialAttention`. Defaults to 3.

    Call arguments:
        inputs: `(batch, height, width, channels)`.
        return_attention_scores: also return the spatial attention. Defaults to `False`.

    Returns:
        Tensor of the shape of `inputs`; with `return_attention_scores` a pair of it and of the spatial
        attention, `(batch, height, width)` in (0, 1).

    References:
        Woo et al., CBAM, ECCV 2018; Zhou et al., Entropy 25(3):460, section 3.2 (AARS).
    """

    def __init__(self, reduction: int = 16, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction
        self.kernel_size = kernel_size
        self.channel_attention = ChannelAttention(
            reduction, dtype=self.dtype_policy, name="channel_attention"
        )
        self.spatial_attention = SpatialAttention(
            kernel_size, dtype=self.dtype_policy, name="spatial_attention"
        )

    def build(self, input_shape):
        self.channel_attention.build(input_shape)
        self.spatial_attention.build(input_shape)

    def call(self, inputs, return_attention_scores=False):
        x = inputs * self.channel_attention(inputs)
        scores = self.spatial_attention(x)  # (batch, height, width, 1)
        return (x * scores, scores[..., 0]) if return_attention_scores else x * scores

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs, return_attention_scores=False):
        output = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        scores = keras.KerasTensor(inputs.shape[:-1], dtype=self.compute_dtype)
        return (output, scores) if return_attention_scores else output

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction, "kernel_size": self.kernel_size}
