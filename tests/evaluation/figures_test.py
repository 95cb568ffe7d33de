"""What the figures draw."""

import numpy as np
import pytest

from dualatme_keras.evaluation.figures import confusion_figure, curves_figure


def drawn_texts(axes):
    """(column, row of the matrix) -> its texts from top to bottom, each with its colour."""
    found = {}
    for text in sorted(axes.texts, key=lambda text: text.get_position()[1]):
        column, row = text.get_position()
        found.setdefault((column, round(row)), []).append((text.get_text(), text.get_color()))
    return found


def test_confusion():
    scores = {"confusion": [[6, 5, 0], [1, 3, 1], [0, 0, 0]], "uf1": 0.5, "uar": 0.25}
    figure = confusion_figure("smic", scores)
    (axes,) = figure.axes
    ink = "#1b2430"
    assert drawn_texts(axes) == {
        (0, 0): [("6", ink), ("55%", ink)],
        (1, 0): [("5", ink), ("45%", ink)],
        (2, 0): [("0", ink), ("0%", ink)],
        (0, 1): [("1", ink), ("20%", ink)],
        (1, 1): [("3", "white"), ("60%", "white")],
        (2, 1): [("1", ink), ("20%", ink)],
        **{(column, 2): [("0", ink), ("0/0", ink)] for column in range(3)},
    }
    # Counts stand just above the middle of their cell, shares below, so that neither covers the other.
    for text in axes.texts:
        below_middle = text.get_position()[1] - round(text.get_position()[1])
        count = text.get_text().isdigit()
        assert text.get_va() == ("bottom" if count else "top")
        assert below_middle == pytest.approx(0.02 if count else 0.09)
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), [[6 / 11, 5 / 11, 0], [0.2, 0.6, 0.2], [0, 0, 0]])
    assert image.get_clim()[0] == 0
    assert 1 < image.get_clim()[1] < 1.5
    assert [label.get_text() for label in axes.get_xticklabels()] == ["negative", "positive", "surprise"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "negative\n(11)",
        "positive\n(5)",
        "surprise\n(0)",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true (clips)")
    assert figure.get_size_inches() == pytest.approx((4.8, 4.6))  # 1.6 inches for a class
    assert figure.get_suptitle() == "SMIC   UF1 .5000   UAR .2500"
    gaps = sorted(tuple(map(tuple, path)) for lines in axes.collections for path in lines.get_segments())
    across = [((-0.5, edge), (2.5, edge)) for edge in (0.5, 1.5)]
    down = [((edge, -0.5), (edge, 2.5)) for edge in (0.5, 1.5)]
    assert gaps == sorted(across + down)


def test_curves():
    histories = [
        {"epoch": np.arange(3), "loss": np.array([4.0, 2.0, 1.0]), "uf1": np.array([0.1, 0.2, 0.3])},
        {"epoch": np.arange(2), "loss": np.array([2.0, np.nan]), "uf1": np.array([0.3, 0.6])},
        {"loss": np.array([3.0])},
    ]
    loss, uf1 = curves_figure(histories).axes
    assert (loss.get_title("left"), uf1.get_title("left")) == ("loss", "uf1")
    *folds, median = loss.lines
    drawn = [line.get_ydata().tolist() for line in folds]
    np.testing.assert_array_equal(drawn, [[4, 2, 1], [2, np.nan, np.nan], [3, np.nan, np.nan]])
    assert median.get_ydata().tolist() == [3, 2, 1]
    assert all(line.get_xdata().tolist() == [0, 1, 2] for line in loss.lines)
    assert all(line.get_linewidth() < median.get_linewidth() for line in folds)
    assert all(line.get_alpha() == pytest.approx(1 / 4) for line in folds)
    assert uf1.lines[-1].get_ydata().tolist() == pytest.approx([0.2, 0.4, 0.3])
    assert loss.get_xlabel() == "epoch"


def test_curves_without_epochs_are_counted_from_one():
    (axes,) = curves_figure([{"loss": np.array([2.0, 1.0])}]).axes
    assert axes.lines[-1].get_xdata().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("columns", "rows", "panels"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 6), (7, 3, 9)]
)
def test_three_panels_beside_each_other(columns, rows, panels):
    figure = curves_figure([{f"column {i}": np.array([1.0, 2.0]) for i in range(columns)}])
    assert len(figure.axes) == panels
    assert [axes.get_visible() for axes in figure.axes] == [index < columns for index in range(panels)]
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, min(3, columns))
    width, height = figure.get_size_inches()
    assert 1.2 < width / grid.ncols / (height / grid.nrows) < 1.6


def test_many_folds_stay_visible():
    (axes,) = curves_figure([{"loss": np.array([1.0, 2.0])}] * 68).axes
    assert axes.lines[0].get_alpha() == pytest.approx(0.12)
