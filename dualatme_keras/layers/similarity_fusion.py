"""Fusion of the two branches, tied together by a cosine similarity loss."""

import keras
from keras import ops


def cosine_similarity(first: keras.KerasTensor, second: keras.KerasTensor) -> keras.KerasTensor:
    """Cosine of the angle between feature vectors.

    Args:
        first, second: `(batch, features)`.

    Returns:
        `(batch,)` in [-1, 1], float32 or more precise; 0 where a vector is zero.
    """
    # Sums over thousands of features lose too much in half precision.
    dtype = keras.backend.result_type(first.dtype, second.dtype, "float32")
    first, second = ops.cast(first, dtype), ops.cast(second, dtype)
    product = ops.sum(first * second, axis=-1)
    squares = ops.sum(ops.square(first), axis=-1) * ops.sum(ops.square(second), axis=-1)
    # The floor of each norm is 1e-8, as in the published network; under the root it keeps gradients finite.
    return product * ops.rsqrt(ops.maximum(squares, 1e-16))


@keras.saving.register_keras_serializable(package="dualatme_keras")
class SimilarityFusion(keras.layers.Layer):
    """Concatenates the features of both branches and asks them to agree.

    Adds the loss `weight * mean(1 - cos(entire, puzzled))` and returns the concatenation.

    Args:
        weight: weight of the loss, not negative; 0 adds none. Defaults to 0.01 (the paper's lambda).

    Call arguments:
        inputs: pair `(entire, puzzled)`, each `(batch, features)`.

    Returns:
        `(batch, 2 * features)`, entire branch first.

    References:
        Zhou et al., Entropy 25(3):460, section 3.3.
    """

    def __init__(self, weight: float = 0.01, **kwargs):
        super().__init__(**kwargs)
        if weight < 0:
            raise ValueError(f"Expected `weight` not to be negative. Received: weight={weight}.")
        self.weight = weight

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[0][-1] != input_shape[1][-1]:
            raise ValueError(
                "Expected a pair of inputs with as many features each, (batch, features). "
                f"Received: {input_shape}."
            )

    def call(self, inputs):
        entire, puzzled = inputs
        if self.weight:
            distance = 1.0 - cosine_similarity(entire, puzzled)  # (batch,)
            # Not a mean: with several devices a small last batch leaves some of them none.
            count = ops.maximum(ops.cast(ops.shape(distance)[0], distance.dtype), 1.0)
            # Of the type of Keras's own losses, which it is added to.
            self.add_loss(ops.cast(self.weight * ops.sum(distance) / count, keras.config.floatx()))
        return ops.concatenate([entire, puzzled], axis=-1)

    def compute_output_shape(self, input_shape):
        entire, puzzled = input_shape
        return (*entire[:-1], entire[-1] + puzzled[-1])

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
