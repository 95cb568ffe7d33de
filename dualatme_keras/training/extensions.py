"""What a caller plugs into a run besides its settings: another network, callbacks, augmentation."""

import dataclasses
import hashlib
import json
import random
from collections.abc import Callable, Sequence

import cloudpickle
import keras

from dualatme_keras.choices import RENAMED, preset_config
from dualatme_keras.data import Fold
from dualatme_keras.data.pipeline import INPUTS
from dualatme_keras.errors import DualATMEError
from dualatme_keras.training.config import OF_PRESETS, TrainConfig
from dualatme_keras.training.devices import default_policy

_OF_NAMED_MODELS = ("model", "flow_normalization", *OF_PRESETS)
"""Settings that say something about the networks of this package only."""


@dataclasses.dataclass(frozen=True)
class Extensions:
    """The functions and layers that `run_loso` takes besides the settings; each may be None.

    Attributes:
        new_model, callbacks, augment: see `run_loso`.
    """

    new_model: Callable[[], keras.Model] | None = None
    callbacks: Callable[[Fold], Sequence[keras.callbacks.Callback]] | None = None
    augment: Callable | keras.Layer | None = None

    def check(self, config: TrainConfig) -> None:
        """Raises `DualATMEError` where one has no use with these settings, or cannot be sent to workers."""
        for name, value in vars(self).items():
            a_layer = isinstance(value, keras.Layer) and name != "augment"
            if value is not None and (a_layer or not callable(value)):
                raise DualATMEError(f"Expected `{name}` to be a function. Received: {value!r}.")
        for name in _OF_NAMED_MODELS if self.new_model else ():
            given, default = getattr(config.resolved(), name), getattr(_DEFAULTS, name)
            if given != default:
                raise DualATMEError(
                    f"Expected either `new_model` or `{name}`, which is about networks of this package. "
                    f"Received: both, `{name}={given!r}`."
                )
        if config.workers != 1:
            self.packed()

    def packed(self) -> bytes:
        """All of it as bytes for another process.

        Raises:
            DualATMEError: it cannot be sent there.
        """
        try:
            return cloudpickle.dumps(self)
        except Exception as error:  # whatever the objects raise
            raise DualATMEError(
                "Expected `new_model`, `callbacks` and `augment` that can be sent to other processes, unless "
                "`workers=1`: functions that hold no open file, lock or generator. "
                f"Received: {type(error).__name__}: {error}. Make such things inside the function, or set "
                "`workers=1`."
            ) from error

    @staticmethod
    def unpacked(content: bytes) -> "Extensions":
        """What `packed` made bytes of."""
        return cloudpickle.loads(content)

    def build_model(self, config: TrainConfig) -> keras.Model:
        """A network of `new_model`, built in this dtype policy.

        Raises:
            DualATMEError: it is no network for the clips of a run.
        """
        with default_policy(config.precision):
            model = self.new_model()
        _check_model(model, len(config.class_names))
        return model

    def inputs(self, config: TrainConfig) -> tuple[str, ...]:
        """Names of the images that must be there."""
        if self.new_model is not None:
            return tuple(tensor.name for tensor in self.build_model(config).inputs)
        if config.model != "dualatme":
            return ("entire",)
        if config.puzzle_source == "layer":
            return ("entire",)
        branches = preset_config(config.preset).get("branches", "both")
        return INPUTS if branches == "both" else (branches,)

    def new_callbacks(self, fold: Fold) -> list[keras.callbacks.Callback]:
        """The callbacks for a fold, which is shown without its test clips: these choose nothing."""
        if self.callbacks is None:
            return []
        made = self.callbacks(dataclasses.replace(fold, test=()))
        if not isinstance(made, (list, tuple)) or not all(
            isinstance(one, keras.callbacks.Callback) for one in made
        ):
            raise DualATMEError(
                f"Expected `callbacks` to return a list of keras.callbacks.Callback. Received: {made!r}."
            )
        return list(made)

    def record(self, config: TrainConfig) -> dict:
        """What config.json says of what is given, by name; nothing of what is not.

        A network is known by the name of its function and its `get_config()`, a layer by its class and
        `get_config()`, and other functions by their name alone.
        """
        record = {}
        if self.new_model is not None:
            random.seed(0)  # random layers keep the seed that they draw
            model = self.build_model(config)
            record = dict.fromkeys(OF_PRESETS)
            record["new_model"] = f"{_name(self.new_model)} {_digest(model)}"
        if self.callbacks is not None:
            record["callbacks"] = _name(self.callbacks)
        if self.augment is not None:
            layer = isinstance(self.augment, keras.Layer)
            record["augment"] = _name(self.augment) + (f" {_digest(self.augment)}" if layer else "")
        return record


_DEFAULTS = TrainConfig().resolved()

_RECORDED_AS = {new: old for old, new in RENAMED.items()}
"""Names of arguments in digests: those of the runs begun before they were renamed."""

NO_EXTENSIONS = Extensions()


def _name(function):
    return getattr(function, "__qualname__", type(function).__qualname__)


def _check_model(model, num_classes):
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise DualATMEError(
            "Expected `new_model` to return a keras.Model that tells its inputs: functional, or a Sequential "
            f"with keras.Input. Received: {type(model).__name__}."
        )
    inputs = {tensor.name: tuple(tensor.shape) for tensor in model.inputs}
    (side, *_) = {shape[1] for shape in inputs.values() if len(shape) == 4} or {None}
    if set(inputs) - set(INPUTS) or not side or set(inputs.values()) != {(None, side, side, 3)}:
        raise DualATMEError(
            f"Expected the network of `new_model` to have inputs out of {', '.join(INPUTS)}, each "
            f"(None, size, size, 3) of one size. Received: {inputs}."
        )
    outputs = [tuple(tensor.shape) for tensor in model.outputs]
    if outputs != [(None, num_classes)]:
        raise DualATMEError(
            f"Expected the network of `new_model` to give logits (None, {num_classes}). "
            f"Received: {', '.join(map(str, outputs))}."
        )


def _digest(layer):
    """Tells whether two networks or layers are configured alike.

    Names that Keras numbers through a process, and what is None, do not enter.
    """
    config = keras.saving.serialize_keras_object(layer.get_config())
    names = {}
    for name in _layer_names(config):
        names.setdefault(name, name if name in INPUTS else f"layer {len(names)}")
    content = json.dumps(_renamed(config, names), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _layer_names(value):
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and ("trainable" in value or "batch_shape" in value):
            yield value["name"]
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for one in value:
        yield from _layer_names(one)


def _renamed(value, names):
    if isinstance(value, dict):
        return {
            _RECORDED_AS.get(key, key): _renamed(one, names) for key, one in value.items() if one is not None
        }
    if isinstance(value, (list, tuple)):
        return [_renamed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value
