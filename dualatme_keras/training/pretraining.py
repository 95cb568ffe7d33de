"""Weights that need no licence: a network trained on drawn motion alone."""

import dataclasses
import numbers
import os
import shutil
from pathlib import Path

import keras
import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import check_file, read_json, replace_file, unfinished, write_json
from dualatme_keras.losses import ActionUnitLoss
from dualatme_keras.models import DualATME, copy_weights
from dualatme_keras.synthetic import DrawnFlow, MotionSettings
from dualatme_keras.training.checkpoints import Checkpoint
from dualatme_keras.training.config import TrainConfig
from dualatme_keras.training.devices import describe_computation, prepare_devices


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """How the weights of a preset are made.

    Attributes:
        images: clips that are drawn in all; none is seen twice.
        batch_size: clips per step.
        epochs: parts of the training for which a line is printed.
        learning_rate: at the beginning; it falls to nothing like half a cosine.
        average: momentum of the moving average of the weights, which is what is kept.
        action_unit_weight: of the loss of action units; that of the classes weighs 1.
        present_weight: see `losses.ActionUnitLoss`.
        seed: of weights, clips and dropout.
        motion: what the clips are made of.
    """

    images: int = 300_000
    batch_size: int = 128
    epochs: int = 10
    learning_rate: float = 2e-3
    average: float = 0.999
    action_unit_weight: float = 4.0
    present_weight: float = 6.0
    seed: int = 1
    motion: MotionSettings = dataclasses.field(default_factory=MotionSettings)

    def __post_init__(self):
        for name in ("images", "batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise DualATMEError(f"Expected `{name}` to be a positive integer. Received: {value!r}.")
        if self.steps < 1:
            raise DualATMEError(
                "Expected at least one batch in each epoch. "
                f"Received: {self.images} images, {self.epochs} epochs, batches of {self.batch_size}."
            )

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.images // (self.epochs * self.batch_size)


class DrawnDataset(keras.utils.PyDataset):
    """Batches of drawn clips, as `fit` takes them: images, truth, weights.

    No epoch of `fit` repeats the clips of another.

    Args:
        flow: draws the batches.
        steps: batches of an epoch.
        action_units: whether the network tells them, see `DualATME`.
        epoch: that comes first; those before it are passed over.
    """

    def __init__(self, flow: DrawnFlow, steps: int, action_units: bool = False, epoch: int = 0):
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=16)
        self._flow, self._steps, self._action_units, self._epoch = flow, steps, action_units, epoch

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._steps

    def __getitem__(self, index: int) -> tuple:
        """Draws a batch of this epoch.

        Returns:
            Images `{"entire", "puzzled"}`, float32 `(batch, size, size, 3)` in [-1, 1]; labels, or with
            action units `{"logits", "action_units"}`; weights of the clips in the same structure, 0 for the
            class of a clip that has none.
        """
        drawn = self._flow.batch(self._epoch * self._steps + index)
        labels, weights = np.maximum(drawn.labels, 0), (drawn.labels >= 0).astype("float32")
        if not self._action_units:
            return drawn.images, labels, weights
        return (
            drawn.images,
            {"logits": labels, "action_units": drawn.action_units},
            {"logits": weights, "action_units": np.ones_like(weights)},
        )

    def on_epoch_end(self) -> None:
        """Goes on to clips that were not drawn before."""
        self._epoch += 1


def write_pretrained(
    output: str | os.PathLike, config: PretrainConfig, preset: str = "facs", verbose: int = 2
) -> None:
    """Trains a network as `pretrain` and writes its weights.

    A call that was stopped is gone on with, from its last saved epoch, by a call with the same settings. The
    weights are those of an undisturbed call.

    Args:
        output: the `.keras` file.
        config, preset, verbose: see `pretrain`.

    Raises:
        DualATMEError: another process writes the file, or nobody can.
    """
    output = Path(output)
    check_file(output, "output")
    prepare_devices(TrainConfig(workers=1))  # before anything asks which devices there are
    with unfinished(output, "output") as folder:
        told = {
            "config": repr(config),
            "preset": preset,
            "computed": describe_computation(TrainConfig(workers=1)),
        }
        file, state, weights = folder / "settings.json", folder / "state", folder / "weights.keras"
        if not file.exists() or read_json(file) != told:
            shutil.rmtree(state, ignore_errors=True)
            write_json(file, told)
        try:
            _pretrain(config, preset, verbose, state).save(weights)
            replace_file(output, weights.read_bytes())
            shutil.rmtree(state, ignore_errors=True)
        finally:
            weights.unlink(missing_ok=True)  # half of it, on a full disk
            if not state.exists():  # nothing to go on from
                file.unlink()


def pretrain(config: PretrainConfig, preset: str = "facs", verbose: int = 2, **overrides) -> DualATME:
    """Trains a network on drawn clips. No image of a person enters.

    The same settings give the same weights on the same machine. Operations are made reproducible for the
    rest of the process.

    Args:
        config: how.
        preset: the network, see `models.PRESETS`.
        verbose: as for `fit`.
        **overrides: arguments of `DualATME` that replace those of the preset.

    Returns:
        The network, not compiled.
    """
    prepare_devices(TrainConfig(workers=1))
    return _pretrain(config, preset, verbose, None, **overrides)


def _pretrain(config, preset, verbose, state, **overrides):
    """Goes on from the state of an epoch that a call with the same arguments has left in a folder."""
    keras.utils.set_random_seed(config.seed)
    model = DualATME.from_preset(preset, load_weights=False, **overrides)
    steps = config.steps * config.epochs
    losses, weights = keras.losses.SparseCategoricalCrossentropy(from_logits=True), None
    if model.action_units:
        losses = {
            "logits": losses,
            "action_units": ActionUnitLoss(present_weight=config.present_weight),
        }
        weights = {"logits": 1.0, "action_units": config.action_unit_weight}
    model.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(config.learning_rate, steps, alpha=0.01),
            weight_decay=1e-4,
            use_ema=True,
            ema_momentum=config.average,
        ),
        loss=losses,
        loss_weights=weights,
        jit_compile=False,
    )
    flow = DrawnFlow(config.motion, config.batch_size, model.image_size, "minmax", config.seed)
    _make_variables(model)
    checkpoint = Checkpoint(state)
    done, before = checkpoint.restore(model)
    model.fit(
        DrawnDataset(flow, config.steps, bool(model.action_units), done),
        epochs=config.epochs,
        initial_epoch=done,
        shuffle=False,
        callbacks=[*filter(None, [checkpoint.callback(config.epochs, before)])],
        verbose=verbose,
    )
    # The state of training is ten times as large as what a wheel should carry.
    trained = model.from_config(model.get_config())
    copy_weights(model, trained)
    return trained


def _make_variables(model):
    """Those of optimizer and losses: a saved state has them, and TensorFlow would trace a step twice."""
    model.optimizer.build(model.trainable_variables)
    answers = keras.tree.map_structure(lambda output: keras.ops.zeros((1, *output.shape[1:])), model.output)
    truth = keras.ops.zeros((1,), "int64")
    if model.action_units:
        truth = {"logits": truth, "action_units": answers["action_units"]}
    model.compute_loss(None, truth, answers)
    model.reset_metrics()
