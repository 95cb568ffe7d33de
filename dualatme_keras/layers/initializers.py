"""The initial weights that the published network starts from."""

import keras


def torch_uniform() -> keras.initializers.Initializer:
    """Uniform kernel in +-1 / sqrt(fan_in), PyTorch's default for convolutions and dense layers.

    Biases start from zero here, from the same interval there; those before a batch norm have no effect.
    """
    return keras.initializers.VarianceScaling(scale=1.0 / 3.0, mode="fan_in", distribution="uniform")
