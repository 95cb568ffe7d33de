"""Batch normalisation whose moving variance is the unbiased estimate, as in the published network."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dualatme_keras")
class BatchNormalization(keras.layers.Layer):
    """Normalises each channel by the statistics of the batch, as PyTorch's batch norm does.

    Keras's own layer moves its variance towards the batch's biased variance, PyTorch's towards the unbiased
    one, larger by n / (n - 1) with n values per channel. After a dense layer n is the batch: 1 / 15 for 16
    clips, and the published numbers cannot be met without it. Within a training step both do the same.

    Args:
        momentum: share of the old moving statistics that stays, in [0, 1]. Defaults to 0.9 (0.1 in
            PyTorch's sense).
        epsilon: added to the variance, positive. Defaults to 1e-5.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, ..., channels)`.
        training: whether to use the batch's statistics and to update the moving ones.

    Returns:
        Tensor of the shape of `inputs`.

    References:
        Ioffe and Szegedy, Batch Normalization, ICML 2015, section 3.1 (unbiased estimate at inference).
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1 or epsilon <= 0:
            raise ValueError(
                "Expected `momentum` in [0, 1] and a positive `epsilon`. "
                f"Received: momentum={momentum}, epsilon={epsilon}."
            )
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        # Statistics and what they scale stay float32 under every policy.
        def add(name, initializer, trainable):
            shape = (input_shape[-1],)
            return self.add_weight(
                shape=shape,
                name=name,
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                aggregation="mean",
            )

        self.gamma = add("gamma", "ones", True)
        self.beta = add("beta", "zeros", True)
        self.moving_mean = add("moving_mean", "zeros", False)
        self.moving_variance = add("moving_variance", "ones", False)

    def call(self, inputs, training=None):
        values = ops.cast(inputs, self.gamma.dtype)
        if training and self.trainable:
            mean, variance = ops.moments(values, axes=list(range(len(values.shape) - 1)))
            count = ops.shape(values)[0] * math.prod(values.shape[1:-1])
            scale, offset = self.train_affine(mean, variance, count)
        else:
            scale, offset = self.affine(self.moving_mean, self.moving_variance)
        return ops.cast(values * scale + offset, inputs.dtype)

    def affine(
        self, mean: keras.KerasTensor, variance: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Scale and offset, `(channels,)` each, that normalise values of these statistics."""
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return scale, self.beta - mean * scale

    def train_affine(
        self, mean: keras.KerasTensor, variance: keras.KerasTensor, count: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Moves the moving statistics towards those of a batch; returns what `affine` makes of the batch's.

        Args:
            mean, variance: of the batch, `(channels,)` each; the variance is the biased one.
            count: number of values per channel that they come from.
        """
        count = ops.cast(count, mean.dtype)
        unbiased = variance * (count / ops.maximum(count - 1.0, 1.0))
        # With several devices a small last batch leaves some of them none: no values, no statistics, and
        # no NaN that would reach the gradient of gamma.
        some = count > 0
        for moving, current in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            before = ops.convert_to_tensor(moving)
            moved = before * self.momentum + current * (1.0 - self.momentum)
            moving.assign(ops.where(some, moved, before))
        moving = (ops.convert_to_tensor(v) for v in (self.moving_mean, self.moving_variance))
        return self.affine(*(ops.where(some, v, m) for v, m in zip((mean, variance), moving, strict=True)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
