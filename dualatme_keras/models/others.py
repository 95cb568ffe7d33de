"""Networks besides `DualATME`, by name: one line here and one in `choices.MODELS` add one more."""

from dualatme_keras.models.linear import Linear
from dualatme_keras.models.off_apexnet import OFFApexNet
from dualatme_keras.models.sssnet import SSSNet
from dualatme_keras.models.ststnet import STSTNet

OTHER_MODELS = {"linear": Linear, "off_apexnet": OFFApexNet, "sssnet": SSSNet, "ststnet": STSTNet}
"""Functions of `image_size`, `num_classes` and `flow_normalization` that return a network, with the input
`entire`, float32 `(batch, size, size, 3)` in [-1, 1], and logits `(batch, num_classes)`."""
