"""Several classifiers answer as one."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dualatme_keras")
class MeanOfAnswers(keras.layers.Layer):
    """Logits whose softmax is the mean of the probabilities of several classifiers.

    Call arguments:
        inputs: two or more logits, `(batch, classes)` each.

    Returns:
        Logarithms of the mean probabilities, `(batch, classes)`.
    """

    def build(self, input_shape):
        if len(input_shape) < 2 or len({tuple(shape) for shape in input_shape}) > 1:
            raise ValueError(f"Expected logits of the same shape, two or more. Received: {input_shape}.")

    def call(self, inputs):
        answers = ops.stack([ops.log_softmax(logits, axis=-1) for logits in inputs])
        return ops.logsumexp(answers, axis=0) - math.log(len(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape[0]
