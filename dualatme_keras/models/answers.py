"""What people ask a network for, as its outputs; and several networks that answer together."""

import dataclasses
import os
from collections.abc import Sequence

import keras
import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import cosine_similarity
from dualatme_keras.models.dual_atme import DualATME
from dualatme_keras.models.saved import load_model


def answering_model(model: DualATME) -> keras.Model:
    """The network with other outputs: a dict instead of logits.

    Returns:
        Model of the same inputs, with the outputs `probabilities` float32 `(batch, classes)`, `class_id`
        int64 `(batch,)`, and with two branches `similarity` float32 `(batch,)`, the cosine between their
        features.
    """
    logits = keras.ops.cast(model.output, "float32")
    outputs = {
        "probabilities": keras.ops.softmax(logits, axis=-1),
        "class_id": keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int64"),
    }
    if model.get_config()["branches"] == "both":
        entire, puzzled = (model.get_layer(f"{branch}_features").output for branch in ("entire", "puzzled"))
        outputs["similarity"] = keras.ops.cast(cosine_similarity(entire, puzzled), "float32")
    return keras.Model(model.input, outputs)


def attention_model(model: DualATME) -> keras.Model | None:
    """The spatial attention of the entire branch's CBAM, `(batch, height, width, 1)` in (0, 1).

    Returns:
        Model of the same inputs; None where no CBAM looks at the entire face.
    """
    layer = {"entire": "entire_cbam", "both": "entire_cbam", "shared": "shared_cbam"}.get(
        model.get_config()["attention"]
    )
    if layer is None:
        return None
    cbam, stages = model.get_layer(layer), ("entire_inception_2", "entire_pool_2")
    (features,) = [each.output for each in model.layers if each.name in stages]
    attended = features * cbam.channel_attention(features)
    return keras.Model(model.input, cbam.spatial_attention(attended))


@dataclasses.dataclass(frozen=True)
class Answers:
    """Answers of `members` networks for a batch.

    Attributes:
        probabilities: `(members, batch, classes)`.
        similarity: `(members, batch)`, cosine between the branches; None for a single branch.
        attention: `(batch, height, width)`, spatial attention over the entire face, mean of the members; None
            where there is none.
    """

    probabilities: np.ndarray
    similarity: np.ndarray | None
    attention: np.ndarray | None


class Ensemble:
    """Networks of one architecture that answer together: folds or seeds of a run, or a single one.

    One network is built and compiled; the weights of the others are put into it in turn.

    Args:
        files: of weights, `.keras` or `.pth`.

    Raises:
        DualATMEError: a file is no network, or one of another architecture.
    """

    def __init__(self, files: Sequence[str | os.PathLike]):
        models = (load_model(file) for file in files)
        self._model = next(models)
        self._weights = [self._model.get_weights()]
        for file, model in zip(files[1:], models, strict=True):
            self._weights.append(model.get_weights())
            if _architecture(model) != _architecture(self._model):
                raise DualATMEError(
                    f"Expected networks of one architecture. Received: {files[0]} and {file}, which differ."
                )
        self._answering = answering_model(self._model)
        self._attention = attention_model(self._model)

    def __len__(self):
        return len(self._weights)

    @property
    def image_size(self) -> int:
        """Side of the images that the networks take, in pixels."""
        return self._model.get_config()["image_size"]

    def answer(self, images: dict[str, np.ndarray]) -> Answers:
        """Asks every network.

        Args:
            images: `entire` and `puzzled`, float32 `(batch, size, size, 3)` in [-1, 1]; what the networks do
                not take is passed over.
        """
        images = {tensor.name: images[tensor.name] for tensor in self._model.inputs}
        answers, attention = [], []
        for weights in self._weights:
            if len(self) > 1:
                self._model.set_weights(weights)
            answers.append(self._answering.predict_on_batch(images))
            if self._attention is not None:
                attention.append(self._attention.predict_on_batch(images)[..., 0])
        similarity = [answer["similarity"] for answer in answers if "similarity" in answer]
        return Answers(
            probabilities=np.stack([answer["probabilities"] for answer in answers]),
            similarity=np.stack(similarity) if similarity else None,
            attention=np.mean(attention, axis=0) if attention else None,
        )


def _architecture(model):
    return {key: value for key, value in model.get_config().items() if key not in ("name", "form")}
