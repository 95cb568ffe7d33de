"""Trains and tests Dual-ATME, leave one subject out.

    dualatme-train --lists=data/MEGC2019/v_cde_flow --data_root=data --workdir=runs/paper

Prints a line per fold and, at the end, the table of scores; `dualatme-evaluate --workdir=runs/paper` draws
figures and a report. Stopped at any point and called again, it continues. The 68 folds of the composite
take one to two hours on two CPU cores with the published settings.
"""

import dataclasses
import functools
import json
import os

from dualatme_keras.choices import (
    IMPLEMENTATIONS,
    LOSSES,
    MODELS,
    PRESETS,
    PUBLISHED_RECIPE,
    PUZZLE_SOURCES,
    RENAMED,
    initial_weights_file,
    preset_weights,
    with_new_names,
)
from dualatme_keras.commands import Flags, define_setting, define_workers, quiet_libraries, setting_values
from dualatme_keras.errors import DualATMEError
from dualatme_keras.text import shorten
from dualatme_keras.training import (
    CLASS_WEIGHTS,
    CONTINUE_DESPITE,
    IMAGES,
    OPTIMIZERS,
    PRECISIONS,
    PROTOCOLS,
    SCHEDULES,
    SOLVERS,
    STRATEGIES,
    TrainConfig,
)

flags = Flags(__doc__, continues=True)
_DEFAULTS = TrainConfig()
_define = functools.partial(define_setting, _DEFAULTS)


def _define_choice(name, choices, description):
    return _define(flags.DEFINE_enum, name, description, choices, case_sensitive=False)


def _define_of_recipe(kind, name, description, *arguments, **options):
    """A flag whose default is the network's."""
    default = PUBLISHED_RECIPE[name]
    return kind(
        name, None, *arguments, f"{description}; default: as the network, published {default}", **options
    )


_PRESET = _define_choice(
    "preset", list(PRESETS), "which Dual-ATME: the paper's, the published code's, an ablation"
)
_SETTINGS = [
    _define(flags.DEFINE_string, "lists", "folder of subName.txt and the train and test lists"),
    _define(flags.DEFINE_string, "data_root", "where the images lie; default: the lists' paths as they are"),
    _define(flags.DEFINE_string, "workdir", "folder of the run"),
    _define_choice("model", list(MODELS), "network: Dual-ATME, or another one to compare it with"),
    _PRESET,
    _define_of_recipe(
        flags.DEFINE_string,
        "initial_weights",
        "weights that every fold starts from: facs, which have seen no database, a file, or none",
    ),
    flags.DEFINE_boolean(
        "flow_normalization",
        None,
        "bring zero and size of the images to those of all; default: as the network",
    ),
    _define_choice(
        "implementation",
        IMPLEMENTATIONS,
        "how the network is computed: auto is fast on CPUs, plain elsewhere",
    ),
    _define_choice(
        "puzzle_source", PUZZLE_SOURCES, "read the puzzled images, or cut them from the entire ones"
    ),
    _define_of_recipe(
        flags.DEFINE_enum,
        "solver",
        "train by the optimizer, or fit the linear classifier of linear and plus alone",
        SOLVERS,
    ),
    _define_of_recipe(
        flags.DEFINE_float, "logistic_c", "inverse strength of regularisation of the logistic solver"
    ),
    _define_of_recipe(flags.DEFINE_enum, "loss", "classification loss", LOSSES, case_sensitive=False),
    _define_of_recipe(flags.DEFINE_enum, "optimizer", "optimizer", OPTIMIZERS, case_sensitive=False),
    _define_of_recipe(flags.DEFINE_float, "learning_rate", "learning rate"),
    _define_of_recipe(flags.DEFINE_integer, "batch_size", "clips per step"),
    _define_of_recipe(flags.DEFINE_integer, "epochs", "epochs per fold; the last one is evaluated"),
    _define_of_recipe(
        flags.DEFINE_enum, "class_weight", "weigh clips by how rare their class is", CLASS_WEIGHTS
    ),
    _define_of_recipe(flags.DEFINE_boolean, "mirror", "mirror half of the training clips in each epoch"),
    _define_of_recipe(flags.DEFINE_boolean, "mirror_answers", "ask about the mirror image too, and average"),
    _define_of_recipe(flags.DEFINE_float, "shift", "largest shift of training faces, in sides of the image"),
    _define_of_recipe(flags.DEFINE_float, "zoom", "largest enlargement of training faces, 0.1 for 1.1"),
    _define_of_recipe(flags.DEFINE_float, "rotation", "largest turn of training faces, degrees"),
    _define_of_recipe(flags.DEFINE_float, "magnitude", "largest change of the motion, 0.5 for 1.5 times"),
    _define_of_recipe(flags.DEFINE_float, "mixup", "mix clips of a batch; parameter of a beta distribution"),
    _define_of_recipe(flags.DEFINE_float, "weight_decay", "of the optimizer, decoupled"),
    _define_of_recipe(flags.DEFINE_float, "label_smoothing", "share of a label that goes to all classes"),
    _define_of_recipe(flags.DEFINE_enum, "schedule", "of the learning rate over the epochs", SCHEDULES),
    _define_of_recipe(flags.DEFINE_integer, "warmup_epochs", "epochs in which the learning rate rises"),
    _define_of_recipe(
        flags.DEFINE_float, "ema_momentum", "of a moving average of the weights, which answers; 0 for none"
    ),
    _define(
        flags.DEFINE_string,
        "select",
        "JSON file of settings from which every fold chooses on its own training subjects",
    ),
    _define(flags.DEFINE_integer, "select_splits", "parts of the training subjects to choose on"),
    _define_choice("protocol", PROTOCOLS, "composite, single-database or holdout-database evaluation"),
    _define(
        flags.DEFINE_list, "databases", "databases that take part (hde: that are held out); default: all"
    ),
    _define(flags.DEFINE_list, "subjects", "folds to run; default: all"),
    _define(flags.DEFINE_list, "class_names", "names of the labels 0, 1, ... of the lists"),
    _define(flags.DEFINE_integer, "seed", "of initial weights, order of clips and dropout"),
    _define_choice("precision", PRECISIONS, "number format; float64 rounds too little to change answers"),
    _define(
        flags.DEFINE_boolean, "jit_compile", "compile the training step with XLA, at the price of determinism"
    ),
    _define(
        flags.DEFINE_integer, "steps_per_execution", "training steps that run in one go; saves time on GPUs"
    ),
    _define_choice("images", IMAGES, "decoded once and kept, or read anew; auto: kept where memory allows"),
    *define_workers(flags, "folds are trained"),
    _define(
        flags.DEFINE_integer,
        "threads",
        "processor threads of each worker; 0: one, or with --workers, all shared out",
    ),
    _define(flags.DEFINE_boolean, "keep_going", "train the other folds where the training of one diverges"),
    _define(
        flags.DEFINE_list,
        "continue_despite",
        f"go on with a run although these changed: {', '.join(CONTINUE_DESPITE)}",
    ),
    _define_choice("distribute", STRATEGIES, "train on one device, or mirrored over all GPUs"),
    _define(flags.DEFINE_boolean, "final_model", "also train on all clips, and save that network"),
    _define(flags.DEFINE_boolean, "tensorboard", "write event files for TensorBoard"),
    _define(
        flags.DEFINE_boolean,
        "audit_protocol",
        "record the test answers of each epoch, to show what choosing an epoch by them would claim",
    ),
    _define(flags.DEFINE_string, "ground_truth", "the organisers' CSV to compare the lists with"),
    _define(flags.DEFINE_boolean, "strict", "refuse lists with warnings"),
]
_SEEDS = flags.DEFINE_integer(
    "seeds", 1, "run --seed and the seeds after it, so many in all; mean and spread", lower_bound=1
)
# The published script's names.
flags.DEFINE_alias("learningrate", "learning_rate")
flags.DEFINE_alias("batchsize", "batch_size")
flags.DEFINE_alias("lossfunction", "loss")
# Those of earlier versions.
for _old, _new in RENAMED.items():
    flags.DEFINE_alias(_old, _new)
_DATAVERSION = flags.DEFINE_string(
    "dataversion", None, "published name of a folder of lists below data/MEGC2019, e.g. v_cde_flow"
)


@flags.multi_flags_validator(["lists", "dataversion"], "give --lists or --dataversion, not both")
def _one_source_of_lists(values):
    return not values["dataversion"] or values["lists"] == _DEFAULTS.lists


def _config() -> TrainConfig:
    values = setting_values(_SETTINGS)
    values["continue_despite"] = tuple(RENAMED.get(name, name) for name in values["continue_despite"])
    presets = values["model"] == _DEFAULTS.model
    if presets and preset_weights(values["initial_weights"]) and not _PRESET.present:
        values["preset"] = values["initial_weights"]
    if _DATAVERSION.value:
        values["lists"] = os.path.join("data", "MEGC2019", _DATAVERSION.value)
    return TrainConfig(**values)


def main(_arguments):
    from dualatme_keras.training.lists import read_training_lists

    config = _config()
    if (weights := config.resolved().initial_weights) != "none":
        initial_weights_file(weights)
    read_training_lists(config)  # wrong names are told before TensorFlow is loaded, which takes seconds
    quiet_libraries()
    (_run_seeds if _SEEDS.value > 1 else _run)(config)


def _run(config):
    from dualatme_keras.evaluation import format_table
    from dualatme_keras.training import run_loso

    result = run_loso(config)
    print(f"\n{format_table(result.metrics)}\n\nrun: {result.workdir}")
    print(f"its report: dualatme-evaluate --workdir={result.workdir}")
    _tell_of_export(result)


def _run_seeds(config):
    from dualatme_keras.evaluation import format_seeds, score_seeds
    from dualatme_keras.runs import RunDirectory
    from dualatme_keras.training import run_seeds

    _check_seeds(config, RunDirectory(config.workdir))
    seeds = range(config.seed, config.seed + _SEEDS.value)
    for result in run_seeds(config, seeds, [RunDirectory(config.workdir).seed(seed).path for seed in seeds]):
        _tell_of_export(result)
    print(f"\n{format_seeds(score_seeds(config.workdir))}\n\nruns: {config.workdir}/seed_*")
    print(f"their reports: dualatme-evaluate --workdir={config.workdir}")


def _check_seeds(config, folder):
    """Raises `DualATMEError` where a folder of seeds has runs of something else: scores are told over all."""
    from dualatme_keras.files import read_json
    from dualatme_keras.runs.continuation import find_differences
    from dualatme_keras.training.config import MAY_DIFFER

    if folder.config.exists():
        raise DualATMEError(
            f"Expected `workdir` to be a new folder, or one of seeds, with --seeds. Received: {folder.path}, "
            "a run of one seed. Choose another."
        )
    now = json.loads(json.dumps(dataclasses.asdict(config.resolved())))
    for run in folder.seeds().values():
        if not run.config.exists():
            continue
        begun = with_new_names(read_json(run.config))
        begun = {name: begun[name] for name in begun.keys() & now.keys()}
        found = find_differences(begun, now, (*MAY_DIFFER, "seed"))
        if other := [words for passed_over, words in found if passed_over is None]:
            raise DualATMEError(
                f"Expected seeds of one experiment in `workdir`. Received: {run.path} and {shorten(other)}. "
                "Choose another `workdir`."
            )


def _tell_of_export(result):
    if result.final_model:
        print(f"final network: {result.final_model}")
        print(f"to serve it: dualatme-export --run={result.workdir}")


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
