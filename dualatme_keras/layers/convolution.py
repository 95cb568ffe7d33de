"""Convolution and pooling that are right for empty batches too."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError


@keras.saving.register_keras_serializable(package="dualatme_keras")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, also of no clips."""

    def call(self, inputs):
        return on_clips(super().call, inputs)


@keras.saving.register_keras_serializable(package="dualatme_keras")
class MaxPooling2D(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D`, also of no clips."""

    def call(self, inputs):
        return on_clips(super().call, inputs)


def check_channels_last() -> None:
    """Raises `DualATMEError` where Keras is set to another order of axes than networks here compute in."""
    if (data_format := keras.config.image_data_format()) != "channels_last":
        raise DualATMEError(
            f"Expected images (batch, height, width, channels). Received: {data_format!r}. Call "
            '`keras.config.set_image_data_format("channels_last")`, or mend ~/.keras/keras.json.'
        )


def on_clips(operation, inputs):
    """`operation(inputs)` for inputs `(batch, height, width, channels)`, of a batch of none too.

    With several devices a small last batch leaves some of them none. TensorFlow with oneDNN gives a
    convolution of none the shape of its input, and ends the process in the gradient of a max-pool of none; so
    they get one clip of zeros, which is taken away again.
    Where there are clips, both operations leave the tensors where they are.
    """
    batch = ops.shape(inputs)[0]
    missing = max(1 - batch, 0) if isinstance(batch, int) else ops.maximum(1 - batch, 0)
    padded = ops.pad(inputs, [[0, missing], [0, 0], [0, 0], [0, 0]])
    # Converters to other formats do not see through a padding that depends on the batch.
    outputs = operation(ops.reshape(padded, (-1, *inputs.shape[1:])))
    # Not `outputs[:batch]`, whose gradient copies.
    return ops.slice(outputs, (0, 0, 0, 0), (batch, *outputs.shape[1:]))
