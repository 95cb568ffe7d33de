"""Reliability diagrams."""

from typing import TYPE_CHECKING

import numpy as np

from dualatme_keras.plots.style import ACCENT, CAPTION, INK, NOTE, PALE, clean_axes, draw_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_reliability(axes: "Axes", title: str, result: dict, fewest: int = 5) -> None:
    """Draws the share that is right over the probability that was given, and how often it was.

    Args:
        axes: where.
        title: of the panel; the expected calibration error stands below it.
        result: of `metrics.reliability`.
        fewest: cases that a step needs for a point.
    """
    mean, share, cases = (result[name] for name in ("confidence", "share", "cases"))
    there, bins = cases >= fewest, len(cases)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1.2)
    axes.plot(mean[there], share[there], "o-", color=ACCENT, linewidth=1.4, markersize=5)
    height = 0.25 * cases / cases.max()
    axes.bar((np.arange(bins) + 0.5) / bins, height, width=0.8 / bins, color=PALE, zorder=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    error = f"expected calibration error {result['error']:.3f}"
    axes.set_title(f"{title}\n{error}", **CAPTION, loc="left")
    axes.set_xlabel("probability that the network gives", **NOTE)
    axes.set_ylabel("share that is right", color=INK, fontsize=9)
    clean_axes(axes, labelsize=9)
    draw_grid(axes)
    axes.set_axisbelow(True)
