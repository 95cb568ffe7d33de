"""What people ask a network for, as its outputs; and several networks that answer together."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence

import keras
import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import cosine_similarity
from dualatme_keras.models.dual_atme import DualATME
from dualatme_keras.models.loading import load_model


def prediction_model(model: DualATME, attention: bool = False) -> keras.Model:
    """The network with other outputs: a dict instead of logits.

    Args:
        model: the network.
        attention: also give `attention`, float32 `(batch, height, width)` in (0, 1): the spatial attention of
            the CBAM that looks at the entire face, where there is one.

    Returns:
        Model of the same inputs, with the outputs `probabilities` float32 `(batch, classes)`, `class_id`
        int64 `(batch,)`; with two branches `similarity` float32 `(batch,)`, the cosine between their
        features; and of a network that tells them `action_units` float32 `(batch, units, 2)`, the probability
        of each unit on the image-left and image-right side.
    """
    logits = keras.ops.cast(model.class_logits, "float32")
    outputs = {
        "probabilities": keras.ops.softmax(logits, axis=-1),
        "class_id": keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int64"),
    }
    if len(model.feature_outputs) == 2:
        similarity = cosine_similarity(*model.feature_outputs.values())
        outputs["similarity"] = keras.ops.cast(similarity, "float32")
    if model.action_units:
        units = keras.ops.cast(model.output["action_units"], "float32")
        outputs["action_units"] = keras.ops.sigmoid(units)
    if attention and "entire" in model.attention_outputs:
        outputs["attention"] = keras.ops.cast(model.attention_outputs["entire"], "float32")
    return keras.Model(model.input, outputs)


@dataclasses.dataclass(frozen=True)
class EnsemblePredictions:
    """Answers of `members` networks for a batch.

    Attributes:
        probabilities: `(members, batch, classes)`.
        similarity: `(members, batch)`, cosine between the branches; None for a single branch.
        attention: `(batch, height, width)`, spatial attention over the entire face, mean of the members; None
            where there is none.
        action_units: `(batch, units, 2)`, probability of each unit on the image-left and image-right side,
            mean of the members; None where the networks tell none.
    """

    probabilities: np.ndarray
    similarity: np.ndarray | None
    attention: np.ndarray | None
    action_units: np.ndarray | None


class Ensemble:
    """Networks of one architecture that answer together: folds or seeds of a run, or a single one.

    One function is compiled, which takes the weights of a network and the images, so nothing changes while
    it answers: threads may ask at the same time. It can be pickled, weights and all.

    Args:
        files: of weights, `.keras` or `.pth`.

    Raises:
        DualATMEError: a file is no network, or one of another architecture.
    """

    def __init__(self, files: Sequence[str | os.PathLike]):
        models = (load_model(file) for file in files)
        first = next(models)
        members = [_variables(first)]
        for file, model in zip(files[1:], models, strict=True):
            members.append(_variables(model))
            if _architecture(model) != _architecture(first):
                raise DualATMEError(
                    f"Expected networks of one architecture. Received: {files[0]} and {file}, which differ."
                )
        self._begin(first, members)

    def _begin(self, model, members):
        self._model, self._members = model, members
        self._answering = _GivenVariables(prediction_model(model, attention=True))
        self._answering.make_predict_function()  # threads would each compile their own

    def __getstate__(self):
        members = keras.tree.map_structure(keras.ops.convert_to_numpy, self._members)
        return {"config": self._model.get_config(), "members": members}

    def __setstate__(self, state):
        members = keras.tree.map_structure(
            lambda value: keras.ops.convert_to_tensor(value, dtype=str(value.dtype)), state["members"]
        )
        self._begin(DualATME.from_config(state["config"]), members)

    def __len__(self):
        return len(self._members)

    @property
    def nbytes(self) -> int:
        """What the weights of all networks take in memory."""
        return sum(value.nbytes for value in self._arrays())

    def digest(self) -> str:
        """SHA-256 of architecture and weights, which decide all answers."""
        config = {key: value for key, value in self._model.get_config().items() if key != "name"}
        content = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        for value in self._arrays():
            if value.dtype.kind not in "iu":  # the random state of dropout, new in each process
                content.update(value.tobytes())
        return content.hexdigest()

    def _arrays(self):
        return map(keras.ops.convert_to_numpy, keras.tree.flatten(self._members))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return self._model.class_names

    @property
    def action_units(self) -> tuple[int, ...]:
        """Numbers of the action units that the networks tell, in the order of their probabilities."""
        return self._model.action_units

    @property
    def image_size(self) -> int:
        """Side of the images that the networks take, in pixels."""
        return self._model.image_size

    def predict(self, images: dict[str, np.ndarray]) -> EnsemblePredictions:
        """Asks every network.

        Args:
            images: `entire` and `puzzled`, float32 `(batch, size, size, 3)` in [-1, 1]; what the networks do
                not take is passed over.
        """
        images = {tensor.name: images[tensor.name] for tensor in self._model.inputs}
        answers = [
            self._answering.predict_on_batch({"variables": variables, "images": images})
            for variables in self._members
        ]
        together = {name: np.stack([answer[name] for answer in answers]) for name in answers[0]}
        return EnsemblePredictions(
            probabilities=together["probabilities"],
            similarity=together.get("similarity"),
            attention=together["attention"].mean(axis=0) if "attention" in together else None,
            action_units=together["action_units"].mean(axis=0) if "action_units" in together else None,
        )


class _GivenVariables(keras.Model):
    """A model that takes the values of its variables as an input, as `_variables` gives them."""

    def __init__(self, model):
        super().__init__(name="given_variables", autocast=False)  # variables keep their types
        # A method is not tracked: JAX gives away the buffers of tracked variables, which other threads use.
        self._answer = model.stateless_call

    def call(self, inputs):
        outputs, _ = self._answer(*inputs["variables"], inputs["images"], training=False)
        return outputs


def _variables(model):
    """Values of the trainable and of the other variables of its `prediction_model`, on the device.

    Other outputs put layers, and so variables, in another order than that of the network.
    """
    model = prediction_model(model, attention=True)
    return [
        [keras.ops.copy(variable.value) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]


def _architecture(model):
    """Configuration without what may differ between members; `preparation` is compared by who prepares."""
    passed_over = ("name", "implementation", "preparation")
    return {key: value for key, value in model.get_config().items() if key not in passed_over}
