"""What layers of grey values and pixels share: half precision has too few digits for them."""

import keras


class Float32Layer(keras.layers.Layer):
    """Takes its inputs as they come, whatever the policy: to be computed on in float32 at least, the result
    cast."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("autocast", None)
        return config
