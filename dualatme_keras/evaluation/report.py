"""A run's report: one HTML page that needs no other file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from dualatme_keras.choices import presets_with_weights
from dualatme_keras.evaluation.challenge_log import clip_name
from dualatme_keras.evaluation.tables import (
    PART_OF_PROTOCOL,
    SCORES,
    few_subjects,
    format_folds,
    format_interval,
    format_score,
    missing_folds,
)
from dualatme_keras.megc2019 import database_title, order_databases
from dualatme_keras.plots.page import (
    Html,
    bar,
    captioned_image,
    image,
    page,
    score_range,
    section,
    table,
    text,
    wide_image,
)
from dualatme_keras.runs import Predictions
from dualatme_keras.text import count

_TRAINED = {
    "Left-out people": "Each clip is answered by a network that was trained without any clip of its subject.",
    "Last epoch": "The network after the last epoch answers. The test fold chose nothing in this run: not "
    "the epoch, not a threshold. Figures of the best epoch on the test fold are not comparable.",
}

_UNKNOWN = {
    "Origin of the answers": "Unknown: there is no config.json of a training run next to the predictions. "
    "These scores are a test only if the network that answered was not trained on these people.",
}

_SCORING = {
    "Pooled over folds": "The answers of all folds are put together first; UF1 (mean of the classes' F1), "
    "UAR (mean of their recall) and accuracy are computed once, from the sum. Folds are never averaged. "
    "A class that does not occur counts as 0.",
    "Intervals": "95% percentiles of 2000 resamples of the subjects, drawn with replacement. They say what "
    "other subjects would change; they do not cover the choice of the training seed.",
    "To check": "Every score on this page is recomputed from predictions.csv alone.",
}


def render_report(name: str, predictions: Predictions, metrics: dict, *arguments, **more) -> str:
    """Writes the report.

    Args:
        name: what the run is called.
        predictions, metrics, *arguments, **more: see `report_sections`.

    Returns:
        A whole HTML document.
    """
    full = metrics["full"]
    databases = [database_title(part) for part in metrics if part != "full"]
    missing = missing_folds(metrics)
    subtitle = (
        f"{count(full['samples'], 'clip')} of {count(full['subjects'], 'subject')}: {', '.join(databases)}"
    )
    if missing:
        subtitle += f". {PART_OF_PROTOCOL.format(missing)}"
    sections = report_sections(predictions, metrics, *arguments, **more)
    return page(f"Dual-ATME evaluation: {name}", subtitle, sections.values())


def report_sections(
    predictions: Predictions,
    metrics: dict,
    figures: dict,
    settings: dict,
    *,
    audit: dict | None = None,
    pictures: Sequence[bytes] = (),
    missing_pictures: str | None = None,
    selections: Mapping[str, Sequence[dict]] = MappingProxyType({}),
) -> dict[str, Html]:
    """The sections of a report that there is something to say in, by name, in their order.

    Args:
        predictions: every clip's answer.
        metrics: scores by part as from `metrics.pooled_scores`.
        figures: PNG content by name: `confusion_PART` for each part, `reliability`, and perhaps
            `training_curves`, `similarity`, `attention`, `protocol_audit`.
        settings: pairs of names and values to show, by kind: `config`, `environment`; kinds may be empty.
        audit: what choosing epochs by the test clips would have claimed, see `score_protocol_audit`.
        pictures: flow images of the first of `surest_mistakes`, PNG content.
        missing_pictures: why there are none.
        selections: what each fold chose its settings from, see `training.selection.choose`.
    """
    notes = (
        ("What a fold chose for itself, above, holds in place of what is told here.",) if selections else ()
    )
    sections = {
        "scores": _scores_section(metrics),
        "confusion": _confusion_section(metrics, figures),
        "classes": _classes_section(metrics, predictions.class_names),
        "curves": _curves_section(figures),
        "audit": _audit_section(audit, figures),
        "reliability": _reliability_section(figures),
        "branches": _branches_section(figures),
        "selection": _selection_section(selections),
        "mistakes": _mistakes_section(predictions, pictures, missing_pictures),
        "subjects": _subjects_section(predictions),
        "protocol": _protocol_section(settings["config"], predictions.class_names),
        "config": _settings_section("Configuration", settings["config"], *notes),
        "environment": _settings_section("Environment", settings["environment"]),
    }
    return {name: section for name, section in sections.items() if section is not None}


def _scores_section(metrics):
    rows = []
    for part, scores in metrics.items():
        cells = [database_title(part)]
        for key in SCORES:
            interval = scores["intervals"][key]
            label = f"{format_score(scores[key])} {format_interval(interval)}"
            cells.append(score_range(scores[key], interval, label))
        rows.append((*cells, scores["samples"], scores["subjects"], format_folds(scores)))
    headers = ("", *SCORES.values(), "clips", "subjects", "folds")
    notes = ["In brackets: 95% interval over subjects."]
    if few := few_subjects(metrics):
        notes.append(f"{few}.")
    if "folds" not in metrics["full"]:
        notes.append("Whether folds are missing is not known: there is no folds.csv next to the predictions.")
    return section("Scores", table(headers, rows, "llllrrr"), *notes)


def _confusion_section(metrics, figures):
    pictures = (
        image(figures[f"confusion_{part}"], f"Confusion matrix, {database_title(part)}") for part in metrics
    )
    return section("Confusion", Html(f'<div class="figures">{"".join(pictures)}</div>'))


def _classes_section(metrics, class_names):
    headers = ("", *(f"F1 {name}" for name in class_names), *(f"recall {name}" for name in class_names))
    rows = [
        (
            database_title(part),
            *(bar(x, format_score(x)) for x in scores["f1_per_class"] + scores["recall_per_class"]),
        )
        for part, scores in metrics.items()
    ]
    return section("Classes", table(headers, rows, "l" + "rr" * len(class_names)))


def _curves_section(figures):
    if "training_curves" not in figures:
        return None
    note = "Each fold thin, their median bold. Shown, never used: no epoch was chosen by them."
    return section("Training", wide_image(figures["training_curves"], "Training curves of all folds"), note)


def _audit_section(audit, figures):
    """Marked as what it is: none of these figures may stand in a table but the first."""
    if audit is None:
        return None
    best = audit["best_epoch"]
    names = {
        "last_epoch": "last epoch, what this run claims",
        "best_epoch": f"epoch {best['epoch']} in all folds, chosen by the test clips",
        "best_epoch_of_each_fold": "each fold at its own best epoch, chosen by its test clips",
    }
    rows = [(words, *(format_score(audit[name][key]) for key in SCORES)) for name, words in names.items()]
    return section(
        "What a leak would claim",
        "Not results. Choosing the epoch by the test clips lets them in. Many published figures were made "
        "that way; only the first row may be compared with honest ones.",
        table(("", *SCORES.values()), rows, "wrrr"),
        wide_image(figures["protocol_audit"], "UF1 of the test clips by epoch"),
    )


def _reliability_section(figures):
    note = "Points on the line: what is given a probability of 0.7 is right in 7 of 10 cases. Below it the "
    note += (
        "network is too sure. Grey: how often it gives such a probability; fewer than 5 times, there is no "
    )
    note += "point."
    return section("How sure it is", note, image(figures["reliability"], "Reliability of the probabilities"))


def _branches_section(figures):
    """What only Dual-ATME has."""
    titles = {
        "attention": "Mean spatial attention over the entire face, by the class that was told. Drawn in: "
        "eyes and mouth of an aligned face.",
        "similarity": "Whether both branches see the same: clips told right and wrong.",
    }
    pieces = []
    for name, note in titles.items():
        if name in figures:
            show = wide_image if name == "attention" else image
            pieces += [note, show(figures[name], note)]
    return section("Branches and attention", *pieces) if pieces else None


def _selection_section(selections):
    """What folds chose on their own training subjects."""
    if not selections:
        return None
    chosen, scores, settings = Counter(), {}, {}
    for tried in selections.values():
        for row in tried:
            settings[row["name"]] = ", ".join(f"{name}={value}" for name, value in row["settings"].items())
            chosen[row["name"]] += row["chosen"]
            scores.setdefault(row["name"], []).append([row["uf1"], row["uar"]])
    rows = []
    for name, values in scores.items():
        finite = np.array([pair for pair in values if None not in pair])
        means = map(format_score, finite.mean(axis=0)) if len(finite) else ("diverged", "")
        share = bar(chosen[name] / len(selections), f"{chosen[name]} of {len(selections)}")
        words = name if settings[name] in (name, "") else f"{name}: {settings[name]}"
        rows.append((words, share, *means))
    note = "Every fold tried these settings on its own training subjects, and chose. The clips that it is "
    note += "tested on took no part. Scores are means over folds, on training subjects."
    return section("What the folds chose", note, table(("settings", "chosen by", "UF1", "UAR"), rows, "wrrr"))


PICTURES = 12
"""Mistakes whose flow images are shown."""


def surest_mistakes(predictions: Predictions) -> np.ndarray:
    """Rows of the clips that were told wrong, the surest first: these are worth looking at."""
    wrong = np.flatnonzero(predictions.labels != predictions.predictions)
    confidence = predictions.probabilities[wrong].max(axis=1)
    return wrong[np.argsort(-confidence, kind="stable")]


def _mistakes_section(predictions, pictures, missing_pictures):
    wrong = surest_mistakes(predictions)
    if not len(wrong):
        return section("Misclassified clips", "None.")
    rows = [_mistake_row(predictions, i) for i in wrong]
    names = predictions.class_names
    headers = ("clip", "subject", "database", "true", "predicted", *(f"p {name}" for name in names))
    note = f"{len(wrong)} of {count(len(predictions), 'clip')}, the surest mistakes first."
    shown = [_mistake_picture(predictions, i, png) for i, png in zip(wrong, pictures, strict=False)]
    if shown:
        pieces = [
            Html(f'<div class="pictures">{"".join(shown)}</div>'),
            "Colours are directions of motion, relative to most of the face: red to the right, green up, "
            "blue to the left, violet down; white is none.",
        ]
    else:
        pieces = [f"Their flow images are not shown. {missing_pictures}"]
    listed = table(headers, rows, "lllll" + "r" * len(names))
    return section("Misclassified clips", note, *pieces, listed)


def _mistake_picture(predictions, i, png):
    label, told = (predictions.class_names[c[i]] for c in (predictions.labels, predictions.predictions))
    name = f"{predictions.subjects[i]} {clip_name(predictions.paths[i], predictions.databases[i])}"
    words = f"{label}, told {told} {format_score(predictions.probabilities[i].max(), 2)}"
    caption = Html(f"{text(name)}<br>{text(words)}")
    return captioned_image(png, f"Flow of {name}: {words}", caption)


def _mistake_row(predictions, i):
    database = predictions.databases[i]
    return (
        clip_name(predictions.paths[i], database),
        predictions.subjects[i],
        database_title(database),
        predictions.class_names[predictions.labels[i]],
        predictions.class_names[predictions.predictions[i]],
        *(bar(p, format_score(p, 2)) for p in predictions.probabilities[i]),
    )


def _subjects_section(predictions):
    correct = predictions.labels == predictions.predictions
    people = {}
    for database, subject, hit in zip(predictions.databases, predictions.subjects, correct, strict=True):
        people.setdefault((database, subject), []).append(hit)
    order = order_databases(database for database, _ in people)

    def place(item):
        (database, subject), _ = item
        return order.index(database), subject.zfill(8)  # 6 before 11

    rows = [
        (subject, database_title(database), len(hits), sum(hits), bar(np.mean(hits), f"{np.mean(hits):.0%}"))
        for (database, subject), hits in sorted(people.items(), key=place)
    ]
    return section("Subjects", table(("subject", "database", "clips", "correct", "share"), rows, "llrrr"))


def _protocol_section(config, class_names):
    """What the scores mean. Predictions without a training run next to them may come from any weights."""
    order = ", ".join(f"{index} {name}" for index, name in enumerate(class_names)) + "."
    notes = (_TRAINED if config else _UNKNOWN) | _SCORING | {"Class order": order}
    starts = {value for name, value in config.items() if name.split(".")[-1] == "initial_weights"}
    if files := starts.difference(["none", "null"], presets_with_weights()):
        notes["Left-out people"] += (
            f" It, or a candidate of its choice, began with the weights of {', '.join(sorted(files))}: a "
            "test only if these were trained without these people too."
        )
    pairs = (f"<dt>{text(term)}</dt><dd>{text(meaning)}</dd>" for term, meaning in notes.items())
    return section("Protocol", Html(f"<dl>{''.join(pairs)}</dl>"))


def _settings_section(title, settings, *notes):
    return section(title, *notes, table(("name", "value"), settings.items(), "lw")) if settings else None
