"""Scores a run, or given weights.

    dualatme-evaluate --workdir=runs/paper
    dualatme-evaluate --weights=facs --lists=data/MEGC2019/v_cde_flow --data_root=data

The first recomputes everything from the run's predictions.csv alone and writes metrics.json, figures,
report.html and the challenge's log file; of a folder of several seeds it does so for each, and prints mean
and spread. The second answers for all clips of the lists without training;
with --workdir it leaves the same files there. --action_units=coding.csv scores the action units too, which
the weights `facs` of this package tell.
"""

from pathlib import Path

from dualatme_keras.choices import preset_weights
from dualatme_keras.commands import Flags, quiet_libraries
from dualatme_keras.errors import DualATMEError

flags = Flags(__doc__)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "folder of a run, or with --weights a new folder for the result"
)
_WEIGHTS = flags.DEFINE_string("weights", None, "facs, a .keras file, or a .pth file of the published code")
_LISTS = flags.DEFINE_string("lists", None, "with --weights: folder of subName.txt and the lists")
_DATA_ROOT = flags.DEFINE_string("data_root", None, "with --weights: where the images lie")
_ATTENTION = flags.DEFINE_enum(
    "attention", "shared", ["shared", "entire", "puzzled", "none"], "where a .pth file's CBAM stands"
)
_ACTION_UNITS = flags.DEFINE_string(
    "action_units", None, "with --weights: CSV of subject, clip and action_units such as 4+L10"
)


def main(_arguments):
    # Draws figures, which --help can do without.
    from dualatme_keras.evaluation import find_seeds, format_seeds, score_seeds

    quiet_libraries()
    for flag in (_LISTS, _DATA_ROOT, _ATTENTION, _ACTION_UNITS):
        if flag.present and not _WEIGHTS.value:
            raise DualATMEError(f"Expected --{flag.name} with --weights. Received: it alone. Leave it out.")
    if _ATTENTION.present and (preset_weights(_WEIGHTS.value) or _WEIGHTS.value.endswith(".keras")):
        raise DualATMEError(
            f"Expected --attention with a .pth file. Received: --weights={_WEIGHTS.value}, which says where "
            "its attention stands. Leave it out."
        )
    if _WEIGHTS.value:
        _print_weights()
    elif _WORKDIR.value and find_seeds(_WORKDIR.value):
        print(format_seeds(score_seeds(_WORKDIR.value, report=True)))
        print(f"\nreports: {Path(_WORKDIR.value) / 'seed_*' / 'report.html'}")
    else:
        _print_run()


def _print_run():
    from dualatme_keras.evaluation import evaluate_run, format_table

    if not _WORKDIR.value:
        raise DualATMEError("Expected --workdir, or --weights and --lists. Received: neither.")
    print(format_table(evaluate_run(_WORKDIR.value)))
    print(f"\nreport: {Path(_WORKDIR.value) / 'report.html'}")


def _print_weights():
    from dualatme_keras.evaluation import format_action_units, format_table

    metrics, units = _score_weights()
    print(format_table(metrics))
    if units:
        print(f"\n{format_action_units(units)}")
    if preset_weights(_WEIGHTS.value):
        print("\nA test: no person was in their training (docs/results.md says what was chosen by looking).")
    else:
        print("\nA test only where the weights were trained without these people: the file does not say.")
    if _WORKDIR.value:
        print(f"\nreport: {Path(_WORKDIR.value) / 'report.html'}")


def _score_weights():
    """Scores of the classes, and of the action units where they are asked for."""
    # TensorFlow is imported only where a network must answer.
    from dualatme_keras.evaluation import evaluate_run, read_action_units, score_action_units
    from dualatme_keras.evaluation.weights import answer_lists
    from dualatme_keras.files import check_folder, make_folder, write_json
    from dualatme_keras.models import load_model
    from dualatme_keras.runs import RunDirectory, score_predictions, write_predictions

    if not _LISTS.value:
        raise DualATMEError("Expected --lists with --weights. Received: none.")
    workdir = Path(_WORKDIR.value) if _WORKDIR.value else None
    if workdir and workdir.exists():
        raise DualATMEError(f"Expected --workdir to be a new folder with --weights. Received: {workdir}.")
    if workdir:
        check_folder(workdir, "workdir")
    coding = read_action_units(_ACTION_UNITS.value) if _ACTION_UNITS.value else None
    model = load_model(_WEIGHTS.value, attention=_ATTENTION.value)
    if coding and not model.action_units:
        raise DualATMEError(
            f"Expected weights that tell action units, such as facs. Received: {_WEIGHTS.value}."
        )
    predictions, told = answer_lists(model, _LISTS.value, _DATA_ROOT.value)
    units = coding and score_action_units(
        coding, predictions.paths, predictions.subjects, model.action_units, told
    )
    if workdir is None:
        return score_predictions(predictions), units
    make_folder(workdir)
    write_predictions(workdir / "predictions.csv", predictions)
    metrics = evaluate_run(workdir)
    if units:
        write_json(RunDirectory(workdir).metrics, {**metrics, "action_units": units})
    return metrics, units


def run(arguments=None):
    """Entry point of the console command."""
    flags.run(main, arguments)


if __name__ == "__main__":
    run()
