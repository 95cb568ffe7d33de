"""What a run is: one frozen record, written into the run so that it can be run again."""

import dataclasses
import math
import numbers

from dualatme_keras.choices import (
    IMPLEMENTATIONS,
    LOSSES,
    MODELS,
    PRESETS,
    PUBLISHED_RECIPE,
    PUZZLE_SOURCES,
    training_recipe,
)
from dualatme_keras.data.folds import PROTOCOLS
from dualatme_keras.errors import DualATMEError
from dualatme_keras.megc2019 import CLASS_NAMES, check_class_names
from dualatme_keras.runs.continuation import CONTINUE_DESPITE
from dualatme_keras.workers import check_workers

OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
STRATEGIES = ("none", "mirrored")
SOLVERS = ("gradient", "logistic")
CLASS_WEIGHTS = ("none", "balanced")
IMAGES = ("auto", "memory", "files")
SCHEDULES = ("constant", "cosine")

MAY_DIFFER = (
    "workdir",
    "lists",
    "data_root",
    "subjects",
    "steps_per_execution",
    "images",
    "workers",
    "executor",
    "ray_address",
    "keep_going",
    # What these come to is compared, see `devices.describe_computation`.
    "implementation",
    "threads",
    "continue_despite",
    "final_model",
    "tensorboard",
    "ground_truth",
    "strict",
    # Their content is compared.
    "initial_weights",
    "select",
)
"""Settings that change no fold's result: where things lie, which folds to run and how, what else to write."""

_NOT_THE_NETWORKS = (
    *("workdir", "lists", "data_root", "protocol", "databases", "subjects", "seed", "workers", "threads"),
    *("images", "executor", "ray_address", "keep_going"),
    *("continue_despite", "final_model", "tensorboard", "audit_protocol", "ground_truth", "strict"),
    *("select", "select_splits"),
    *("learning_rate", "batch_size", "epochs", "initial_weights"),
    *("class_weight", "mirror", "mirror_answers", "schedule", "warmup_epochs"),
    *("shift", "zoom", "rotation", "magnitude"),
)

_OF_SOLVERS = {
    "logistic": ("logistic_c",),
    "gradient": (
        *("jit_compile", "steps_per_execution"),
        *("loss", "optimizer", "learning_rate", "epochs", "weight_decay", "label_smoothing", "schedule"),
        *("warmup_epochs", "ema_momentum", "shift", "zoom", "rotation", "magnitude", "mixup"),
    ),
}
"""Settings that say something about training with one of the solvers only."""

OF_PRESETS = ("preset", "initial_weights", "implementation", "puzzle_source")
"""Settings that say something about the networks of presets only."""

_LOWEST = {
    **{"batch_size": 1, "epochs": 1, "steps_per_execution": 1},
    **{"select_splits": 2, "seed": 0, "threads": 0, "warmup_epochs": 0},
}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of a leave-one-subject-out run; the defaults are the published ones.

    Where the default is None, the network decides, see `resolved`; what is told below is how the published
    networks are trained.

    Attributes:
        lists: folder of `subName.txt` and the train and test lists.
        data_root: where the images lie; None takes the lists' paths as they are.
        workdir: folder of the run; one with finished folds of the same configuration is continued.
        model: network, a name in `choices.MODELS`: `dualatme`, or another one to compare it with.
        preset: which Dual-ATME, a name in `models.PRESETS`.
        initial_weights: file of weights of that network, or name of a preset that comes with some, from which
            every fold starts; `none` for random ones.
        flow_normalization: whether the network begins with `layers.FlowNormalization`; None as it says.
        implementation: how the network is computed: `auto`, `plain` or `fast`, see `models.DualATME`.
        puzzle_source: `"image"` reads the puzzled images, `"layer"` cuts them from the entire ones.
        solver: `gradient` trains the network by `optimizer`; `logistic` leaves it as it is and fits its
            linear classifier alone, by logistic regression (`model="linear"`, `preset="plus"`).
        logistic_c: of `solver="logistic"`: inverse strength of regularisation, see `fit_logistic`.
        loss: `focal`, `crossentropy`, `balanced` or `cosine`.
        optimizer: `adam`, `adamw`, `nadam`, `rmsprop` or `sgd` (momentum 0.9).
        learning_rate: of the optimizer. 1e-3 as published.
        batch_size: clips per step, over all devices; a multiple of their number. 128 as published.
        epochs: epochs per fold; the last one is evaluated. 60 as published.
        class_weight: `balanced` weighs each clip by how rare its class is among those trained on; `none`.
        mirror: mirror half of the training clips anew in each epoch, see `layers.RandomFlowMirror`.
        mirror_answers: answer with the mean of the probabilities for a clip and its mirror image. The saved
            network answers without.
        shift, zoom, rotation, magnitude: how far the faces of training clips are moved, enlarged and turned
            anew in each epoch, and their motion changed, see `layers.RandomFlowWarp`; rotation in degrees. 0
            for none.
        mixup: of a beta distribution, by which clips of a batch are mixed, see `mixing.mix_batches`; 0 for
            none.
        weight_decay: of the optimizer, decoupled, per step and in learning rates. 0 for none.
        label_smoothing: share of a label that goes to all classes alike, with `loss="crossentropy"`.
        schedule: of the learning rate over the epochs: `constant`, or `cosine` down to nearly nothing.
        warmup_epochs: epochs before the first of full learning rate, which rises evenly. 0 for none.
        ema_momentum: of a moving average of the weights over the steps, which answers in their place; 0 for
            none.
        select: JSON file of settings from which every fold chooses on its own training subjects, see
            `selection.read_candidates`; None for no choice.
        select_splits: parts into which the training subjects are divided to choose. 3 by default.
        class_names: names of the labels 0, 1, ... of the lists.
        protocol: `cde`, `sde` or `hde`, see `data.make_folds`.
        databases: databases that take part (hde: that are held out); empty for all.
        subjects: folds to run; empty for all.
        seed: of initial weights, order of clips and dropout, for each fold together with its name.
        precision: Keras's dtype policy: `float32`; `mixed_float16` (with loss scaling) or `mixed_bfloat16`,
            for GPUs; `float64`, in which rounding does not grow into other answers.
        jit_compile: compile the training step with XLA; the same seed may then round differently.
        steps_per_execution: training steps that TensorFlow runs in one go; saves time on GPUs.
        images: `memory` keeps all decoded images, `files` reads and decodes them anew for every batch, `auto`
            does the latter where they would take more than a quarter of the memory that is left. Results are
            the same.
        workers: folds that are trained side by side, each in a process of its own; `auto` measures the first
            two folds and takes as many processes as pay, and as processors and memory allow.
        threads: processor threads of each worker; 0 for one with `workers="auto"` or another executor, and
            otherwise shares the processors out. Another number rounds differently; with the same number,
            results do not depend on `workers`.
        executor: `processes` of this machine, or `ray`: the machines of a Ray cluster, which need no common
            file system.
        ray_address: of the cluster, see `workers.RayExecutor`.
        keep_going: train the other folds where the training of one diverges; the table says what is missing.
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
    model: str = "dualatme"
    preset: str = "paper"
    initial_weights: str | None = None
    flow_normalization: bool | None = None
    implementation: str = "auto"
    puzzle_source: str = "image"
    solver: str | None = None
    logistic_c: float | None = None
    loss: str | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    class_weight: str | None = None
    mirror: bool | None = None
    mirror_answers: bool | None = None
    shift: float | None = None
    zoom: float | None = None
    rotation: float | None = None
    magnitude: float | None = None
    mixup: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    schedule: str | None = None
    warmup_epochs: int | None = None
    ema_momentum: float | None = None
    select: str | None = None
    select_splits: int = 3
    class_names: tuple[str, ...] = CLASS_NAMES
    protocol: str = "cde"
    databases: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    seed: int = 1
    precision: str = "float32"
    jit_compile: bool = False
    steps_per_execution: int = 1
    images: str = "auto"
    workers: int | str = "auto"
    threads: int = 0
    executor: str = "processes"
    ray_address: str = "auto"
    keep_going: bool = False
    continue_despite: tuple[str, ...] = ()
    distribute: str = "none"
    final_model: bool = False
    tensorboard: bool = False
    audit_protocol: bool = False
    ground_truth: str | None = None
    strict: bool = False

    def __post_init__(self):
        for name in self.__dataclass_fields__:
            if isinstance(value := getattr(self, name), list):  # no key of the compiled network
                object.__setattr__(self, name, tuple(value))
        for name, allowed in (("model", tuple(MODELS)), ("preset", tuple(PRESETS))):
            self._check_choice(name, allowed)
        if self.resolved() is not self:
            return  # what is checked below was, of that one
        for name, allowed in (
            ("solver", SOLVERS),
            ("class_weight", CLASS_WEIGHTS),
            ("schedule", SCHEDULES),
            ("loss", LOSSES),
            ("optimizer", OPTIMIZERS),
            ("protocol", PROTOCOLS),
            ("distribute", STRATEGIES),
            ("puzzle_source", PUZZLE_SOURCES),
            ("implementation", IMPLEMENTATIONS),
            ("precision", PRECISIONS),
            ("images", IMAGES),
        ):
            self._check_choice(name, allowed)
        check_class_names(self.class_names, self.ground_truth)
        for name in ("learning_rate", "logistic_c"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise DualATMEError(f"Expected `{name}` to be a positive, finite number. Received: {value}.")
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < lowest:
                raise DualATMEError(f"Expected `{name}` to be an integer from {lowest}. Received: {value!r}.")
        check_workers(self.workers, self.executor, self.ray_address)
        for name in ("weight_decay", "label_smoothing", "ema_momentum"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise DualATMEError(f"Expected `{name}` from 0 to below 1. Received: {value!r}.")
        if self.optimizer == "nadam" and self.precision == "mixed_float16":
            raise DualATMEError(
                "Expected another `optimizer` with `precision='mixed_float16'`. Received: "
                "`optimizer='nadam'`, of which Keras hides a variable where losses are scaled: a fold "
                "would depend on those before it."
            )
        if self.label_smoothing and self.loss != "crossentropy":
            raise DualATMEError(
                "Expected `label_smoothing` with `loss='crossentropy'`. "
                f"Received: {self.label_smoothing} with `loss={self.loss!r}`."
            )
        if self.warmup_epochs >= self.epochs and self.warmup_epochs:
            raise DualATMEError(
                "Expected `warmup_epochs` to be fewer than `epochs`. "
                f"Received: {self.warmup_epochs} of {self.epochs}."
            )
        for name in ("shift", "zoom", "rotation", "magnitude", "mixup"):
            value, end = getattr(self, name), 0.5 if name == "shift" else math.inf
            if not 0 <= value < end:
                raise DualATMEError(f"Expected `{name}` from 0 to below {end}. Received: {value}.")
        self._refuse_what_is_of_the_other_solver()
        if self.solver == "logistic":
            self._refuse_what_no_regression_fits()
        if self.model != "dualatme":
            self._refuse_what_is_of_presets()
        unknown = [name for name in self.continue_despite if name not in CONTINUE_DESPITE]
        if unknown:
            raise DualATMEError(
                f"Expected `continue_despite` out of {', '.join(CONTINUE_DESPITE)}. "
                f"Received: {', '.join(unknown)}."
            )
        if self.select and self.audit_protocol:
            raise DualATMEError(
                "Expected either `select` or `audit_protocol`: what folds choose may have other epochs. "
                "Received: both."
            )
        if self.executor == "ray" and self.images == "files":
            raise DualATMEError(
                "Expected `images` in memory with `executor='ray'`, whose machines have no files in common. "
                "Received: `images='files'`."
            )
        if self.executor == "ray" and self.tensorboard:
            raise DualATMEError(
                "Expected `tensorboard` with `executor='processes'`. Received: `executor='ray'`, whose "
                "cluster writes no files here."
            )
        if self.workers not in (1, "auto") and self.distribute != "none":
            raise DualATMEError(
                "Expected either `workers` or `distribute`: both share the devices out. "
                f"Received: `workers={self.workers}` and `distribute={self.distribute!r}`."
            )

    def resolved(self) -> "TrainConfig":
        """These settings, with the network's own where there was None, see `choices.training_recipe`."""
        recipe = training_recipe(self.model, self.preset)
        if self.solver == "gradient" and recipe["solver"] != "gradient":
            recipe["epochs"] = PUBLISHED_RECIPE["epochs"]  # a regression's single one trains nothing
        missing = {name: value for name, value in recipe.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing) if missing else self

    def _check_choice(self, name, allowed):
        if getattr(self, name) not in allowed:
            raise DualATMEError(
                f"Expected `{name}` out of {', '.join(allowed)}. Received: {getattr(self, name)!r}."
            )

    @property
    def _network(self):
        """The setting that names the network, in a message."""
        return f"`preset={self.preset!r}`" if self.model == "dualatme" else f"`model={self.model!r}`"

    def _refuse_what_is_of_the_other_solver(self):
        """What would have no effect, unless it is what the network brings."""
        recipe = {
            **{name: field.default for name, field in self.__dataclass_fields__.items()},
            **training_recipe(self.model, self.preset),
        }
        other = "gradient" if self.solver == "logistic" else "logistic"
        for name in _OF_SOLVERS[other]:
            if (given := getattr(self, name)) != recipe[name]:
                raise DualATMEError(
                    f"Expected `{name}` with `solver={other!r}`. Received: `{name}={given!r}`, and "
                    f"{self._network} with `solver={self.solver!r}`, where it has no effect. Leave it "
                    f"out, or choose `solver={other!r}`."
                )

    def _refuse_what_no_regression_fits(self):
        """What the regression does not fit has to come from somewhere else."""
        if self.model == "linear":
            return
        if self.model != "dualatme" or not PRESETS[self.preset]["config"].get("linear_path"):
            raise DualATMEError(
                "Expected a network with a linear classifier for `solver='logistic'`: `model='linear'` or "
                f"`preset='plus'`. Received: {self._network}."
            )
        if self.initial_weights == "none":
            raise DualATMEError(
                f"Expected `initial_weights` for `preset={self.preset!r}` with `solver='logistic'`, which "
                "trains the linear classifier alone. Received: 'none'."
            )

    def _refuse_what_is_of_presets(self):
        """`initial_weights` are of a Dual-ATME too: those of another network would have to be its own."""
        recipe = training_recipe(self.model, self.preset)
        for name in OF_PRESETS:
            given, default = getattr(self, name), self.__dataclass_fields__[name].default
            if given != recipe.get(name, default):
                raise DualATMEError(
                    f"Expected `{name}` with `model='dualatme'`. "
                    f"Received: `{name}={given!r}` with `model={self.model!r}`. Leave it out."
                )

    def for_any_run(self) -> "TrainConfig":
        """The settings that a compiled network depends on, whatever the data, the folds and the length of
        training; the learning rate is a variable of it."""
        others = {name: TrainConfig.__dataclass_fields__[name].default for name in _NOT_THE_NETWORKS}
        return dataclasses.replace(self, **others).resolved()
