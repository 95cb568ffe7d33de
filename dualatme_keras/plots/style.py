"""Colours, axes and files of figures, drawn without pyplot: no window, no global state."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, ACCENT, GRID, PALE = "#1b2430", "#66717f", "#1f5fa8", "#e3e8ee", "#c3cbd5"
"""Text; less important text and lines; what is plotted; lines of a grid; what does not count."""

LEAK = "#b3471d"
"""What was chosen by looking at test clips."""

TITLE = {"fontsize": 13, "weight": "bold", "color": INK}
CAPTION = {"fontsize": 9, "color": INK}
NOTE = {"fontsize": 9, "color": MUTED}
DASHED = (0, (4, 3))
"""Of figures: title; title of a panel; name of an axis, or what a part is; line of a limit or a place."""

REGION_COLOURS = ("#ffaa00", "#00c8ff", "#78e650")
"""Of the three HARS boxes."""


def clean_axes(axes: "Axes", **ticks) -> None:
    """Leaves of the axes their labels alone; `ticks` as for `tick_params`."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=INK, **ticks)


def draw_grid(axes: "Axes", axis: str = "both") -> None:
    """Draws thin lines at the ticks of an `axis`: `x`, `y` or `both`."""
    axes.grid(color=GRID, linewidth=0.8, axis=axis)


def figure_png(figure: "Figure", dpi: int, padding: tuple[float, float]) -> bytes:
    """A figure as the content of a PNG file, with `padding` (width, height) in inches around its axes."""
    figure.get_layout_engine().set(w_pad=padding[0], h_pad=padding[1])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
