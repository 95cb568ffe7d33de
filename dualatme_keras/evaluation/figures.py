"""Figures of a run, drawn without pyplot: no window, no global state."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dualatme_keras.evaluation.tables import format_score
from dualatme_keras.megc2019 import CLASS_NAMES, database_title
from dualatme_keras.plots.style import (
    ACCENT,
    DASHED,
    INK,
    LEAK,
    MUTED,
    NOTE,
    TITLE,
    clean_axes,
    draw_grid,
)


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


def leak_figure(audit: dict) -> Figure:
    """Draws UF1 of the test clips after each epoch, and what choosing an epoch by it would have claimed.

    Args:
        audit: of a run, see `protocol_audit.score_protocol_audit`.

    Returns:
        The figure; what the run claims is the last point of the curve.
    """
    scores, best = audit["epochs"]["uf1"], audit["best_epoch"]
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.add_subplot()
    claimed = audit["best_epoch_of_each_fold"]["uf1"]
    axes.axhline(claimed, color=LEAK, linewidth=1.4, linestyle=DASHED)
    axes.plot(range(1, len(scores) + 1), scores, color=ACCENT, linewidth=1.6)
    label = {"fontsize": 9, "textcoords": "offset points"}
    axes.annotate(
        f"each fold at its own best epoch {format_score(claimed)}",
        (1, claimed),
        (0, 5),
        **label,
        color=LEAK,
    )
    axes.plot(best["epoch"], best["uf1"], "o", color=LEAK, markersize=6)
    axes.annotate(
        f"best of all epochs {format_score(best['uf1'])}",
        (best["epoch"], best["uf1"]),
        (0, 7),
        **label,
        color=LEAK,
        ha="center",
    )
    axes.plot(len(scores), scores[-1], "o", color=ACCENT, markersize=6)
    axes.annotate(
        f"last epoch {format_score(scores[-1])}",
        (len(scores), scores[-1]),
        (0, -14),
        **label,
        color=ACCENT,
        ha="right",
    )
    axes.set_xlabel("epoch", **NOTE)
    axes.set_ylabel("UF1 of the test clips, pooled", **NOTE)
    axes.margins(y=0.18)
    draw_grid(axes)
    clean_axes(axes)
    return figure
