"""Figures of a run, drawn without pyplot: no window, no global state."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dualatme_keras.evaluation.tables import format_score
from dualatme_keras.megc2019 import CLASS_NAMES, database_title
from dualatme_keras.plots.style import ACCENT, INK, MUTED, NOTE, TITLE, clean_axes, draw_grid


def confusion_figure(part: str, scores: dict, class_names: Sequence[str] = CLASS_NAMES) -> Figure:
    """Draws a confusion matrix: counts, and the share of each true class.

    Args:
        part: `full` or a database, see `megc2019.database_title`.
        scores: that part of `metrics.pooled_scores`.
        class_names: names of the classes.

    Returns:
        The figure; rows are truth, columns prediction, colour is the share of the row.
    """
    confusion = np.array(scores["confusion"])
    totals = confusion.sum(axis=1, keepdims=True)  # (classes, 1)
    shares = confusion / np.maximum(totals, 1)
    figure = Figure(figsize=(1.6 * len(class_names), 1.6 * len(class_names) - 0.2), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)  # the darkest blue would drown the text
    for (truth, predicted), count in np.ndenumerate(confusion):
        ink = "white" if shares[truth, predicted] > 0.55 else INK
        place = {"ha": "center", "color": ink}
        axes.text(predicted, truth + 0.02, str(count), va="bottom", fontsize=17, weight="bold", **place)
        share = f"{shares[truth, predicted]:.0%}" if totals[truth] else "0/0"
        axes.text(predicted, truth + 0.09, share, va="top", fontsize=11, **place)
    rows = [f"{name}\n({total})" for name, total in zip(class_names, totals[:, 0], strict=True)]
    axes.set_xticks(range(len(class_names)), class_names, fontsize=11, color=INK)
    axes.set_yticks(range(len(class_names)), rows, fontsize=11, color=INK)
    axes.set_xlabel("predicted", fontsize=11, color=MUTED)
    axes.set_ylabel("true (clips)", fontsize=11, color=MUTED)
    clean_axes(axes)
    title = f"{database_title(part)}   UF1 {format_score(scores['uf1'])}   UAR {format_score(scores['uar'])}"
    figure.suptitle(title, **TITLE)
    # White gaps between the cells.
    edges = np.arange(len(class_names) - 1) + 0.5
    axes.hlines(edges, -0.5, len(class_names) - 0.5, color="white", linewidth=3)
    axes.vlines(edges, -0.5, len(class_names) - 0.5, color="white", linewidth=3)
    return figure


def curves_figure(histories: list[dict[str, np.ndarray]]) -> Figure:
    """Draws the training curves, one panel per column: each fold thin, the median of the folds bold.

    Args:
        histories: columns of each fold, `(epochs,)` each, as from `run_files.read_histories`; at least one.

    Returns:
        The figure; the horizontal axis is the column `epoch`, or the row where there is none.
    """
    names = list(dict.fromkeys(name for history in histories for name in history if name != "epoch"))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for name, axes in zip(names, panels, strict=False):
        _draw_curves(axes, name, [history for history in histories if name in history])
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    return figure


def _draw_curves(axes, name, histories):
    """One panel; folds may have different numbers of epochs."""
    length = max(len(history[name]) for history in histories)
    values = np.full((len(histories), length), np.nan)
    for row, history in zip(values, histories, strict=True):
        row[: len(history[name])] = history[name]
    longest = max(histories, key=lambda history: len(history[name]))
    epochs = longest.get("epoch", np.arange(1, length + 1))
    axes.plot(epochs, values.T, color=ACCENT, alpha=max(0.12, 1 / (1 + len(histories))), linewidth=0.8)
    measured = np.isfinite(values).any(axis=0)
    axes.plot(epochs[measured], np.nanmedian(values[:, measured], axis=0), color=ACCENT, linewidth=2)
    axes.set_title(name, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("epoch", **NOTE)
    draw_grid(axes)
    clean_axes(axes)
