"""Figures of a run, drawn without pyplot: no window, no global state."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dualatme_keras.evaluation.tables import format_score
from dualatme_keras.megc2019 import CLASS_NAMES, database_title
from dualatme_keras.plots.reliability import draw_reliability
from dualatme_keras.plots.style import (
    ACCENT,
    DASHED,
    INK,
    LEAK,
    MUTED,
    NOTE,
    PALE,
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


def reliability_figure(result: dict) -> Figure:
    """Draws how often the class is right by the probability that it was given.

    Args:
        result: of `metrics.reliability`.
    """
    figure = Figure(figsize=(4.2, 3.9), layout="constrained")
    draw_reliability(figure.add_subplot(), "class", result)
    return figure


def similarity_figure(similarity: np.ndarray, right: np.ndarray) -> Figure:
    """Draws how far the branches agree about clips that were told right, and about the others.

    Args:
        similarity: cosine of each clip, `(n,)` in [-1, 1].
        right: whether its class is right, `(n,)`.
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(similarity.min() - 1e-6, similarity.max() + 1e-6, 21)
    groups = {"right": (similarity[right], ACCENT), "wrong": (similarity[~right], LEAK)}
    for name, (values, colour) in groups.items():
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            label = f"{name} ({len(values)}), median {np.median(values):.2f}"
            axes.hist(values, edges, weights=weights, color=colour, alpha=0.45, label=label)
            axes.axvline(np.median(values), color=colour, linewidth=1.4)
    axes.set_xlabel("cosine between the features of both branches", **NOTE)
    axes.set_ylabel("share of these clips", **NOTE)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    draw_grid(axes)
    axes.set_axisbelow(True)
    clean_axes(axes)
    return figure


def attention_figure(attention: np.ndarray, told: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws where on the face the network looked: the mean over clips, of all and of each class it told.

    Args:
        attention: `(n, height, width)` in (0, 1).
        told: class of each clip, `(n,)`.
        class_names: names of the classes.
    """
    groups = {"all clips": np.ones(len(told), bool)}
    groups |= {name: told == index for index, name in enumerate(class_names)}
    groups = {name: rows for name, rows in groups.items() if rows.any()}
    means = {name: attention[rows].mean(axis=0) for name, rows in groups.items()}
    low, high = (reach(list(means.values())) for reach in (np.min, np.max))
    figure = Figure(figsize=(2.1 * len(groups) + 0.6, 2.7), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False)[0]
    for axes, (name, mean) in zip(panels, means.items(), strict=True):
        shown = axes.imshow(mean, cmap="Blues", vmin=low, vmax=high, interpolation="bilinear")
        _draw_face(axes, mean.shape)
        axes.set_title(f"{name} ({groups[name].sum()})", fontsize=10, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(PALE)
    bar = figure.colorbar(shown, ax=list(panels), shrink=0.75, pad=0.02)
    bar.ax.tick_params(labelsize=8, length=0, labelcolor=MUTED)
    bar.outline.set_visible(False)
    return figure


def _draw_face(axes, shape):
    """Where eyes and mouth are in an aligned face, so that one knows what is looked at."""
    height, width = shape
    line = {"color": INK, "linewidth": 1.2, "alpha": 0.65}
    angle = np.linspace(0, 2 * np.pi, 40)
    for x in (0.25, 0.75):
        axes.plot(
            (x + 0.09 * np.cos(angle)) * width - 0.5, (0.3 + 0.045 * np.sin(angle)) * height - 0.5, **line
        )
    axes.plot(
        (0.5 + 0.17 * np.cos(angle)) * width - 0.5, (0.76 + 0.05 * np.sin(angle)) * height - 0.5, **line
    )
