"""Mirror images of flow images: what a face turned left for right would have shown."""

import keras
from keras import ops

from dualatme_keras.errors import DualATMEError


def mirror_flow_image(images: keras.KerasTensor, encoding: str = "minmax") -> keras.KerasTensor:
    """Flow images `(batch, height, width, 3)` in [-1, 1] of the mirrored face.

    Left and right change places and u changes its sign. Where each channel has a range of its own (`minmax`),
    or zero in the middle (`fixed`), this is what the mirrored frames would give. `joint` hides where zero
    is: the median of u and v stands for it.

    Args:
        images: u, v and strain, entire or puzzled.
        encoding: of the images, see `preprocessing.PrepareSettings`.
    """
    images = ops.flip(images, axis=2)
    u, others = images[..., :1], images[..., 1:]
    if encoding != "joint":
        return ops.concatenate([-u, others], axis=-1)
    zero = ops.median(images[..., :2], axis=(1, 2, 3), keepdims=True)
    return ops.concatenate([ops.clip(2.0 * zero - u, -1.0, 1.0), others], axis=-1)


@keras.saving.register_keras_serializable(package="dualatme_keras")
class RandomFlowMirror(keras.layers.Layer):
    """Mirrors some of the flow images in training, see `mirror_flow_image`; otherwise leaves them alone.

    Args:
        rate: share of images that are mirrored. Defaults to 0.5.
        encoding: of the images. Defaults to `"minmax"`.
        seed: of the choice.

    Call arguments:
        inputs: `(batch, height, width, 3)` in [-1, 1].
        training: whether to mirror.

    Raises:
        DualATMEError: `rate` is no share.
    """

    def __init__(self, rate: float = 0.5, encoding: str = "minmax", seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise DualATMEError(f"Expected `rate` from 0 to 1. Received: {rate}.")
        self.rate, self.encoding, self.seed = rate, encoding, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = (ops.shape(inputs)[0], 1, 1, 1)
        chosen = keras.random.uniform(shape, seed=self.seed_generator) < self.rate
        return ops.where(chosen, mirror_flow_image(inputs, self.encoding), inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"rate": self.rate, "encoding": self.encoding, "seed": self.seed}
        return {**super().get_config(), **own}
