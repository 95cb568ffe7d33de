"""One network, built and compiled once, that is trained anew for each fold."""

import functools
import math
import random
import zlib

import keras
import numpy as np
import tensorflow as tf

from dualatme_keras.data import Fold, ImageTable
from dualatme_keras.data.pipeline import INPUTS
from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import RandomFlowMirror, RandomFlowWarp, mirror_flow_image
from dualatme_keras.losses import get_loss
from dualatme_keras.models import OTHER_MODELS, DualATME, prediction_model
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import Branches
from dualatme_keras.training.augmentation import augment_batches, augment_by_layers
from dualatme_keras.training.checkpoints import Checkpoint, pass_epochs
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import default_policy, get_strategy
from dualatme_keras.training.divergence import StopOnDivergence, diverged
from dualatme_keras.training.extensions import NO_EXTENSIONS, Extensions
from dualatme_keras.training.initial_weights import set_initial_weights
from dualatme_keras.training.logistic_fit import fit_logistic
from dualatme_keras.training.mixing import mix_batches
from dualatme_keras.training.optimizers import new_optimizer, schedule_callbacks

_GLOBAL_SEED = 0
"""TensorFlow's. A constant, as it enters the order of clips in addition to the seed of the fold; set only
where it is another, as that throws away what TensorFlow has compiled, which costs seconds."""


class FoldTrainer:
    """Trains a fresh network per fold without building and tracing a new one each time.

    The last four compiled networks stay for trainers of this process whose settings make the same ones; a
    network of `extensions` does not.

    Before each fold, weights, optimizer and random states are set to what a newly built network has
    with the fold's seed, so folds are independent of each other and of their order.

    Args:
        config: the run's settings.
        preparation: how the images were prepared, which the saved networks tell; None where not known.
        extensions: another network, callbacks, augmentation.
    """

    def __init__(
        self,
        config: TrainConfig,
        preparation: PrepareSettings | None = None,
        extensions: Extensions = NO_EXTENSIONS,
    ):
        self._config = config = config.resolved()
        self._extensions = extensions
        self._preparation = preparation
        self._devices = get_strategy(config).num_replicas_in_sync
        self._dtype = keras.dtype_policies.get(config.precision).variable_dtype
        if config.batch_size % self._devices:
            raise DualATMEError(
                f"Expected `batch_size` to be a multiple of the {self._devices} devices that share a batch. "
                f"Received: {config.batch_size}."
            )
        if config.initial_weights != "none":
            _build(config, extensions, preparation)  # weights that do not fit are told before a run begins
        if extensions == NO_EXTENSIONS:
            self._model, self._fresh_optimizer = _kept_network(config.for_any_run())
        else:
            self._model, self._fresh_optimizer = _compile_network(config, extensions)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the images that the network takes."""
        return tuple(tensor.name for tensor in self._model.inputs)

    @property
    def image_size(self) -> int:
        """Side of the images that the network takes, in pixels."""
        return self._model.inputs[0].shape[1]

    def train(
        self,
        fold: Fold,
        table: ImageTable,
        seed: int,
        callbacks=(),
        checkpoint: Checkpoint | None = None,
    ) -> dict:
        """Trains on the fold's train clips with the published recipe, from fresh or `initial_weights`.

        Args:
            fold: what to train on.
            table: the images.
            seed: of the run; the fold's own comes from it and the fold's name.
            callbacks: further Keras callbacks.
            checkpoint: where the training goes on, and what it saves its epochs in. Callbacks of the user
                know of no earlier epochs, and several devices share a batch in an order of their own: with
                them, a training begins anew.

        Returns:
            The history, `{metric: [value of each epoch]}`.

        Raises:
            DualATMEError: it diverged, see `StopOnDivergence`; names fold, epoch and loss.
        """
        seed = fold_seed(seed, fold.name)
        self._reset(seed)
        # Keras learns shapes from the first batch and wants it in equal parts for all devices.
        clips = len(fold.train)
        batch_size = min(self._config.batch_size, max(clips - clips % self._devices, 1))
        batches = table.dataset(fold.train, batch_size, shuffle_seed=seed)
        # Seeds of their own, or what one does to a clip would hang on what another does.
        if self._augment is not None:
            batches = augment_batches(batches, self._augment, seed + 2)
        own = self._extensions.new_callbacks(fold)
        class_weight = self._class_weight(fold)
        if self._config.solver == "logistic":
            return self._fit_logistic(batches, class_weight, [*callbacks, *own])
        stop = StopOnDivergence(fold, self._model.loss, len(self._config.class_names))
        callbacks = [stop, *schedule_callbacks(self._config), *callbacks, *own]
        if self._config.mirror:
            batches = augment_batches(batches, self._mirror, seed)
        if any(self._warps.values()):
            batches = augment_batches(batches, self._warp, seed + 1)
        batches = self._as_taken(batches)
        if self._config.mixup:
            classes = len(self._config.class_names)
            batches = mix_batches(batches, self._config.mixup, classes, seed + 3, class_weight)
            class_weight = None  # in the batches
        done, before = 0, {}
        if checkpoint and not own and self._config.distribute == "none":
            done, before = checkpoint.restore(self._model)
            callbacks += [*filter(None, [checkpoint.callback(self._config.epochs, before)])]
        if done:
            pass_epochs(batches, done, self._config.steps_per_execution)
        rows = []  # Keras's own history does not tell which epochs a callback left a value out of
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: rows.append({**logs})))
        self._model.fit(
            batches,
            shuffle=False,  # the dataset does, reproducibly
            epochs=self._config.epochs,
            initial_epoch=done,
            callbacks=callbacks,
            class_weight=class_weight,
            verbose=0,
        )
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [*before.get(name, ()), *(row.get(name, math.nan) for row in rows)] for name in names}

    def _fit_logistic(self, batches, class_weight, callbacks):
        """A logistic regression is one epoch, of each clip and its mirror image."""
        callbacks = keras.callbacks.CallbackList(callbacks, model=self._model)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
        history = fit_logistic(
            self._model,
            self._as_taken(batches),
            class_weight,
            len(self._config.class_names),
            self._config.logistic_c,
            self._mirrored if self._config.mirror else None,
        )
        callbacks.on_epoch_end(0, {name: values[0] for name, values in history.items()})
        callbacks.on_train_end()
        return history

    def _class_weight(self, fold):
        """How rare each class is among the clips to train on: 1 on average over clips."""
        if self._config.class_weight == "none":
            return None
        counts = np.bincount([clip.label for clip in fold.train])
        present = np.flatnonzero(counts)
        return {int(label): len(fold.train) / (len(present) * int(counts[label])) for label in present}

    # Kept from fold to fold, as tracing them takes seconds.
    @functools.cached_property
    def _augment(self):
        augment = self._extensions.augment
        return augment_by_layers(augment) if isinstance(augment, keras.Layer) else augment

    @functools.cached_property
    def _mirror(self):
        return augment_by_layers(RandomFlowMirror(encoding=self._encoding, seed=0))

    @functools.cached_property
    def _warp(self):
        options = {"encoding": self._encoding, "seed": 0, **self._warps}
        return augment_by_layers(
            {name: RandomFlowWarp(**options, puzzle=name == "puzzled") for name in INPUTS}
        )

    @property
    def _warps(self):
        return {name: getattr(self._config, name) for name in ("shift", "zoom", "rotation", "magnitude")}

    @property
    def _encoding(self):
        return self._preparation.encoding if self._preparation else "minmax"

    def _mirrored(self, images):
        return {name: mirror_flow_image(image, self._encoding) for name, image in images.items()}

    def predict(self, fold: Fold, table: ImageTable) -> np.ndarray:
        """Probabilities `(clips, classes)` of the fold's test clips, float32.

        Raises:
            DualATMEError: they are not finite.
        """
        dataset = self._tested(fold, table)
        probabilities = self._probabilities(dataset)
        if self._config.mirror_answers:
            mirrored = dataset.map(lambda images, labels: (self._mirrored(images), labels))
            probabilities = (probabilities + self._probabilities(mirrored)) / 2
        if not np.isfinite(probabilities).all():
            raise diverged(fold, self._config.epochs, "finite answers", "answers that are not")
        return probabilities

    def _probabilities(self, dataset):
        logits = self._model.predict(self._as_taken(dataset), verbose=0)
        if isinstance(logits, dict):
            logits = logits["logits"]
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits.astype(self._dtype), axis=-1))

    def predict_in_training(self, fold: Fold, table: ImageTable) -> np.ndarray:
        """As `predict`, between two epochs: as the network would answer if training ended there."""
        if not self._config.ema_momentum:
            return self.predict(fold, table)
        variables = self._model.trainable_variables
        values = [variable.numpy() for variable in variables]
        self._model.optimizer.finalize_variable_values(variables)
        try:
            return self.predict(fold, table)
        finally:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def look(self, fold: Fold, table: ImageTable) -> Branches | None:
        """What Dual-ATME's branches do with the fold's test clips; None of another network."""
        if not isinstance(self._model, DualATME):
            return None
        answers = [
            self._looking(images, training=False) for images, _ in self._as_taken(self._tested(fold, table))
        ]
        names = {"similarity", "attention"} & answers[0].keys()
        return Branches(**{name: np.concatenate([one[name] for one in answers]) for name in names})

    @functools.cached_property
    def _looking(self):
        return prediction_model(self._model, attention=True)

    def _tested(self, fold, table):
        return table.dataset(fold.test, self._config.batch_size)

    def save(self, path) -> None:
        """Saves the trained network as a `.keras` file, without the state of training."""
        self._untrained.set_weights(self._model.get_weights())
        self._untrained.save(path)

    def _as_taken(self, dataset):
        """Batches whose images are in the structure of the network's inputs: a dict, a list, a single one."""
        model = self._model
        inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        if isinstance(inputs, dict) and inputs.keys() == dataset.element_spec[0].keys():
            return dataset

        def pick(images, labels):
            if isinstance(inputs, dict):
                return {name: images[name] for name in inputs}, labels
            if isinstance(inputs, (list, tuple)):  # as a tuple: tf.data makes one tensor of a list
                return tuple(images[tensor.name] for tensor in inputs), labels
            return images[inputs.name], labels

        return dataset.map(pick)

    def _reset(self, seed):
        if tf.compat.v1.get_seed(0)[0] != _GLOBAL_SEED:
            tf.random.set_seed(_GLOBAL_SEED)
        random.seed(seed)  # where Keras draws the seeds of initial weights and dropout from
        self._untrained = _build(self._config, self._extensions, self._preparation)
        _check_fresh(self._model, self._untrained)
        # Unlike weights, variables include the random state of dropout.
        for variable, value in zip(self._model.variables, self._untrained.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self._model.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)
        self._model.optimizer.learning_rate = self._config.learning_rate
        self._model._initial_epoch = None  # where Keras's BackupAndRestore let another fold begin


@functools.lru_cache(maxsize=4)
def _kept_network(config):
    """The networks that were compiled last: tracing one takes longer than many a run of few folds, and folds
    that choose among settings come back to each."""
    return _compile_network(config, NO_EXTENSIONS)


def _compile_network(config, extensions):
    """Returns the network and the values that the variables of its optimizer begin with."""
    with get_strategy(config).scope():
        model = _build(config, extensions, start=False)  # every fold sets all variables
        if config.solver == "logistic":
            model.compile(new_optimizer(config), jit_compile=False)
            return model, [variable.numpy() for variable in model.optimizer.variables]
        model.compile(
            optimizer=new_optimizer(config),
            loss=get_loss(
                config.loss,
                keras.dtype_policies.get(config.precision).variable_dtype,
                config.label_smoothing,
                soft_labels=bool(config.mixup),
            ),
            metrics=["accuracy"],
            jit_compile=config.jit_compile,
            steps_per_execution=config.steps_per_execution,
        )
        model.optimizer.build(model.trainable_variables)
    if config.distribute == "none":
        # Makes the variables of the metrics, which would make TensorFlow trace the first step twice.
        logits = keras.ops.zeros((1, *model.outputs[0].shape[1:]))
        labels = keras.ops.zeros_like(logits) if config.mixup else keras.ops.zeros((1,), "int64")
        model.compute_metrics(None, labels, logits)
        model.reset_metrics()
    return model, [variable.numpy() for variable in model.optimizer.variables]


def _build(config, extensions, preparation=None, start=True):
    """A network; with `start`, with the weights that a fold begins with."""
    if extensions.new_model is not None:
        return extensions.build_model(config)
    overrides = {}
    if config.flow_normalization is not None:
        overrides["flow_normalization"] = config.flow_normalization
    if config.model != "dualatme":
        with default_policy(config.precision):
            return OTHER_MODELS[config.model](num_classes=len(config.class_names), **overrides)
    if config.solver != "logistic":
        overrides["action_units"] = ()  # nobody has coded those of the clips
    model = DualATME.from_preset(
        config.preset,
        load_weights=False,
        puzzle_source=config.puzzle_source,
        implementation=config.implementation,
        class_names=config.class_names,
        preparation=preparation,
        dtype=config.precision,
        **overrides,
    )
    if start and config.initial_weights != "none":
        set_initial_weights(model, config.initial_weights, preparation, config.solver != "logistic")
    return model


def _check_fresh(model, fresh):
    """Raises `DualATMEError` where another network than before would go on with what was learnt."""
    shapes = [[tuple(variable.shape) for variable in one.variables] for one in (model, fresh)]
    if shapes[0] != shapes[1]:
        raise DualATMEError(
            "Expected `new_model` to return a network of the same architecture at each call. "
            f"Received: variables of shapes {shapes[1]}, and {shapes[0]} before."
        )
    if {id(variable) for variable in model.variables} & {id(variable) for variable in fresh.variables}:
        raise DualATMEError(
            "Expected `new_model` to make a new network at each call: one for all folds would remember the "
            "clips that it is tested on. Received: variables of the network before."
        )


def fold_seed(seed: int, name: str) -> int:
    """A seed for one fold that does not depend on which other folds are run, in [0, 2^31)."""
    return zlib.crc32(f"{seed}/{name}".encode()) >> 1
