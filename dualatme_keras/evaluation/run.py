"""From a finished run's predictions to its scores, figures, challenge log and report."""

import dataclasses
import json
import os

from dualatme_keras.data.paths import find_image
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.challenge_log import format_challenge_log
from dualatme_keras.evaluation.figures import (
    attention_figure,
    confusion_figure,
    curves_figure,
    leak_figure,
    reliability_figure,
    similarity_figure,
)
from dualatme_keras.evaluation.flow_pictures import flow_picture
from dualatme_keras.evaluation.protocol_audit import score_protocol_audit
from dualatme_keras.evaluation.report import PICTURES, render_report, surest_mistakes
from dualatme_keras.evaluation.tables import missing_folds
from dualatme_keras.files import check_folder, make_folder, read_json, replace_file, write_json
from dualatme_keras.metrics import reliability
from dualatme_keras.plots.style import figure_png
from dualatme_keras.runs import (
    Predictions,
    RunDirectory,
    read_branches,
    read_config,
    read_histories,
    read_predictions,
    read_run_folds,
    read_selections,
    score_predictions,
)


def evaluate_run(workdir: str | os.PathLike) -> dict:
    """Recomputes every score of a run from its predictions.csv alone and writes what shows them.

    Writes, replacing older ones: `metrics.json`, `challenge_log.txt`, `report.html`,
    `figures/confusion_PART.png`, `figures/reliability.png`, if the folds left them
    `figures/training_curves.png`, `figures/similarity.png` and `figures/attention.png`, and of a run with
    `audit_protocol` `figures/protocol_audit.png`; metrics.json then has `protocol_audit` too, see
    `score_protocol_audit`. Scores of action units stay there, which predictions.csv does not tell. The report
    also quotes `config.json`, `environment.json` and `folds/*/history.csv` where present.

    Args:
        workdir: the run's folder; only `predictions.csv` must be there.

    Returns:
        The scores of the answers, see `score_run`.

    Raises:
        DualATMEError: predictions.csv is missing or malformed or not what folds.csv says, a settings file is
            not JSON, or the folder cannot be written to.
    """
    run = RunDirectory(workdir)
    check_folder(run.figures, "workdir")
    results = read_results(workdir)
    metrics, audit = results.metrics, results.audit
    make_folder(run.figures)
    for name, png in results.figures.items():
        replace_file(run.figures / f"{name}.png", png)
    more = {"protocol_audit": audit, "action_units": _kept_units(run.metrics)}
    write_json(run.metrics, metrics | {name: scores for name, scores in more.items() if scores})
    replace_file(
        run.challenge_log, format_challenge_log(results.predictions, missing_folds(metrics)).encode()
    )
    mistakes = surest_mistakes(results.predictions)[:PICTURES]
    pictures, missing = _pictures(results.predictions.paths[mistakes], results.data_root)
    page = render_report(
        run.path.resolve().name,
        results.predictions,
        metrics,
        results.figures,
        results.settings,
        audit=audit,
        pictures=pictures,
        missing_pictures=missing,
        selections=results.selections,
    )
    replace_file(run.report, page.encode())
    return metrics


def _kept_units(file):
    """Scores of action units in an earlier metrics.json, which is replaced whatever it holds."""
    try:
        return read_json(file).get("action_units")
    except (DualATMEError, FileNotFoundError):
        return None


@dataclasses.dataclass(frozen=True)
class RunResults:
    """What is told about a run.

    Attributes:
        predictions: every clip's answer.
        metrics: their scores, see `score_run`.
        figures: PNG content by name, see `report_sections`.
        settings: names and values of config.json and environment.json, by `config` and `environment`.
        audit: see `score_protocol_audit`.
        selections: what each fold chose its settings from.
        data_root: where the run's images lay, and whether that is known.
    """

    predictions: Predictions
    metrics: dict
    figures: dict[str, bytes]
    settings: dict[str, dict]
    audit: dict | None
    selections: dict[str, list]

    @property
    def data_root(self) -> tuple[str | None, bool]:
        config = self.settings["config"]
        root = config.get("data_root", "null")
        return None if root == "null" else root, "data_root" in config


def read_results(workdir: str | os.PathLike) -> RunResults:
    """Reads a run, scores it and draws its figures; writes nothing.

    Raises:
        DualATMEError: as `evaluate_run`.
    """
    run = RunDirectory(workdir)
    predictions, metrics = score_run(workdir)
    audit = score_protocol_audit(run, predictions)
    branches = read_branches(run, predictions)
    sure = reliability(predictions.probabilities.max(axis=1), predictions.predictions == predictions.labels)
    return RunResults(
        predictions=predictions,
        metrics=metrics,
        figures=_draw(predictions, metrics, read_histories(run), audit, branches, sure),
        settings={
            "config": dict(_flatten(read_config(run))) if run.config.exists() else {},
            "environment": dict(_flatten(read_json(run.environment))) if run.environment.exists() else {},
        },
        audit=audit,
        selections=read_selections(run),
    )


def score_run(workdir) -> tuple[Predictions, dict]:
    """A run's predictions and their scores.

    Returns:
        What predictions.csv has, and `metrics.pooled_scores` of it. Where there is a folds.csv, each part has
        `folds` too: how many of the protocol's folds are answered, `{"answered": 3, "of": 68}`.

    Raises:
        DualATMEError: predictions.csv is missing or malformed, or has not the clips of the finished folds.
    """
    run = RunDirectory(workdir)
    if not run.predictions.is_file():
        what = "which is not there"
        if run.config.exists():
            what = "a run without a finished fold; the command that began it goes on with it"
        elif run.path.is_dir():
            what = "which is no run"
        raise DualATMEError(f"Expected a run with a predictions.csv. Received: {workdir}, {what}.")
    predictions = read_predictions(run.predictions)
    metrics, folds = score_predictions(predictions), read_run_folds(workdir)
    if folds is None:
        return predictions, metrics
    folds.check(predictions)
    return predictions, folds.add_counts(metrics, predictions)


def _pictures(paths, data_root):
    """Flow images as PNG content; where they are not on this machine none, and why."""
    root, known = data_root
    if not known:
        return [], "No config.json says where they lie."
    try:
        return [flow_picture(find_image(path, root)) for path in paths], None
    except (DualATMEError, OSError) as error:
        return [], str(error)


def _draw(predictions, metrics, histories, audit, branches, sure):
    """Name -> PNG bytes of each figure."""
    class_names = predictions.class_names
    figures = {
        f"confusion_{part}": confusion_figure(part, scores, class_names) for part, scores in metrics.items()
    }
    if any(len(column) > 1 for history in histories for column in history.values()):
        figures["training_curves"] = curves_figure(histories)
    if audit:
        figures["protocol_audit"] = leak_figure(audit)
    figures["reliability"] = reliability_figure(sure)
    if branches and branches.similarity is not None:
        right = predictions.predictions == predictions.labels
        figures["similarity"] = similarity_figure(branches.similarity, right)
    if branches and branches.attention is not None:
        figures["attention"] = attention_figure(branches.attention, predictions.predictions, class_names)
    return {name: figure_png(figure, dpi=150, padding=(0.12, 0.12)) for name, figure in figures.items()}


def _flatten(settings, prefix=""):
    """Pairs of names, joined by dots, and values as texts: `optimizer.learning_rate`, `0.001`."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
