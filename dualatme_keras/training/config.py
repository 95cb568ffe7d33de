"""What a run is: one frozen record, written into the run so that it can be run again."""

import dataclasses
import math
import numbers

from dualatme_keras.choices import IMPLEMENTATIONS, LOSSES, PRESETS, PUZZLE_SOURCES
from dualatme_keras.data.folds import PROTOCOLS
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.runs.continuation import CONTINUE_DESPITE

OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
STRATEGIES = ("none", "mirrored")

MAY_DIFFER = (
    "workdir",
    "lists",
    "data_root",
    "subjects",
    "steps_per_execution",
    "workers",
    # What these come to is compared, see `devices.describe_computation`.
    "implementation",
    "threads",
    "continue_despite",
    "final_model",
    "tensorboard",
    "ground_truth",
    "strict",
    # Its content is compared.
    "initial_weights",
)
"""Settings that change no fold's result: where things lie, which folds to run and how, what else to write."""

_NOT_THE_NETWORKS = (
    *("workdir", "lists", "data_root", "protocol", "databases", "subjects", "seed", "workers", "threads"),
    *("continue_despite", "final_model", "tensorboard", "audit_protocol", "ground_truth", "strict"),
    *("learning_rate", "batch_size", "epochs", "initial_weights"),
)

_LOWEST = {"batch_size": 1, "epochs": 1, "steps_per_execution": 1, "workers": 1, "seed": 0, "threads": 0}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of a leave-one-subject-out run; the defaults are the published ones.

    Attributes:
        lists: folder of `subName.txt` and the train and test lists.
        data_root: where the images lie; None takes the lists' paths as they are.
        workdir: folder of the run; one with finished folds of the same configuration is continued.
        preset: network, a name in `models.PRESETS`.
        initial_weights: file of weights of that network, or name of a preset that comes with some, from which
            every fold starts; None for random ones.
        implementation: how the network is computed: `auto`, `plain` or `fast`, see `models.DualATME`.
        puzzle_source: `"image"` reads the puzzled images, `"layer"` cuts them from the entire ones.
        loss: `focal`, `crossentropy`, `balanced` or `cosine`.
        optimizer: `adam`, `adamw`, `nadam`, `rmsprop` or `sgd` (momentum 0.9).
        learning_rate: constant over training.
        batch_size: clips per step, over all devices; a multiple of their number.
        epochs: epochs per fold; the last one is evaluated.
        class_names: names of the labels 0, 1, ... of the lists.
        protocol: `cde`, `sde` or `hde`, see `data.make_folds`.
        databases: databases that take part (hde: that are held out); empty for all.
        subjects: folds to run; empty for all.
        seed: of initial weights, order of clips and dropout, for each fold together with its name.
        precision: Keras's dtype policy: `float32`; `mixed_float16` (with loss scaling) or `mixed_bfloat16`,
            for GPUs; `float64`, in which rounding does not grow into other answers.
        jit_compile: compile the training step with XLA; the same seed may then round differently.
        steps_per_execution: training steps that TensorFlow runs in one go; saves time on GPUs.
        workers: folds that are trained side by side, each in a process of its own.
        threads: processor threads of each worker; 0 shares the processors out. Another number rounds
            differently; with the same number, results do not depend on `workers`.
        continue_despite: names out of `CONTINUE_DESPITE`: what a continued run may have changed.
        distribute: `none`, or `mirrored` over all GPUs (logical CPU devices where there is none).
        final_model: after the folds, also train on all clips and save `final/model.keras`.
        tensorboard: write `tensorboard/FOLD` event files.
        audit_protocol: also record what the network answers for the test clips after each epoch. It changes
            no answer; the report then shows what the best epoch on the test fold would have claimed.
        ground_truth: the organisers' CSV to compare the lists with; None for no comparison.
        strict: make the audit's warnings errors.
    """

    lists: str = "data/MEGC2019/v_cde_flow"
    data_root: str | None = None
    workdir: str = "runs/dualatme"
    preset: str = "paper"
    initial_weights: str | None = None
    implementation: str = "auto"
    puzzle_source: str = "image"
    loss: str = "focal"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 128
    epochs: int = 60
    class_names: tuple[str, ...] = CLASS_NAMES
    protocol: str = "cde"
    databases: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    seed: int = 1
    precision: str = "float32"
    jit_compile: bool = False
    steps_per_execution: int = 1
    workers: int = 1
    threads: int = 0
    continue_despite: tuple[str, ...] = ()
    distribute: str = "none"
    final_model: bool = False
    tensorboard: bool = False
    audit_protocol: bool = False
    ground_truth: str | None = None
    strict: bool = False

    def __post_init__(self):
        for name, allowed in (
            ("preset", tuple(PRESETS)),
            ("loss", LOSSES),
            ("optimizer", OPTIMIZERS),
            ("protocol", PROTOCOLS),
            ("distribute", STRATEGIES),
            ("puzzle_source", PUZZLE_SOURCES),
            ("implementation", IMPLEMENTATIONS),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in allowed:
                raise DualATMEError(
                    f"Expected `{name}` out of {', '.join(allowed)}. Received: {getattr(self, name)!r}."
                )
        if len(set(self.class_names)) < max(2, len(self.class_names)) or not all(self.class_names):
            raise DualATMEError(
                f"Expected `class_names` to be two different names or more. Received: {self.class_names!r}."
            )
        if not 0 < self.learning_rate < math.inf:
            raise DualATMEError(
                f"Expected `learning_rate` to be a positive, finite number. Received: {self.learning_rate}."
            )
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < lowest:
                raise DualATMEError(f"Expected `{name}` to be an integer from {lowest}. Received: {value!r}.")
        unknown = [name for name in self.continue_despite if name not in CONTINUE_DESPITE]
        if unknown:
            raise DualATMEError(
                f"Expected `continue_despite` out of {', '.join(CONTINUE_DESPITE)}. "
                f"Received: {', '.join(unknown)}."
            )
        if self.workers > 1 and self.distribute != "none":
            raise DualATMEError(
                "Expected either `workers` or `distribute`: both share the devices out. "
                f"Received: `workers={self.workers}` and `distribute={self.distribute!r}`."
            )

    def for_any_run(self) -> "TrainConfig":
        """The settings that a compiled network depends on, whatever the data, the folds and the length of
        training; the learning rate is a variable of it."""
        others = {name: TrainConfig.__dataclass_fields__[name].default for name in _NOT_THE_NETWORKS}
        return dataclasses.replace(self, **others)
