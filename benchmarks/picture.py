"""Draws the README's picture: flow images and puzzles of each class of the demo, and its confusion matrix.

python benchmarks/picture.py --data_root=data/demo --workdir=runs/demo --output=docs/images/demo.png
"""

from pathlib import Path

import matplotlib.figure
import numpy as np
from absl import app, flags
from PIL import Image

from dualatme_keras.data import puzzled_path, read_predictions
from dualatme_keras.metrics import confusion_matrix, uar, uf1
from dualatme_keras.protocol import CLASS_NAMES

_DATA_ROOT = flags.DEFINE_string("data_root", "data/demo", "where the images lie")
_WORKDIR = flags.DEFINE_string("workdir", "runs/demo", "the run")
_OUTPUT = flags.DEFINE_string("output", "docs/images/demo.png", "picture to write")

_CLIPS_PER_CLASS = 4


def draw_clips(figure, grid, predictions):
    """Rows of classes; pairs of entire and puzzled flow image."""
    cells = grid.subgridspec(len(CLASS_NAMES), 2 * _CLIPS_PER_CLASS, wspace=0.06, hspace=0.12)
    for label, name in enumerate(CLASS_NAMES):
        paths = predictions.paths[(predictions.labels == label) & (predictions.predictions == label)]
        chosen = paths[np.linspace(0, len(paths) - 1, _CLIPS_PER_CLASS).astype(int)]
        images = [path for entire in chosen for path in (entire, puzzled_path(entire))]
        for column, path in enumerate(images):
            axes = figure.add_subplot(cells[label, column])
            axes.imshow(Image.open(Path(_DATA_ROOT.value) / path), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if label == 0:
                axes.set_title(("entire", "puzzle")[column % 2], fontsize=9)
            if column == 0:
                axes.set_ylabel(name, fontsize=11)


def draw_confusion(figure, grid, predictions):
    """Share of each true class that was taken for each class."""
    confusion = confusion_matrix(predictions.labels, predictions.predictions)
    shares = confusion / confusion.sum(axis=1, keepdims=True)
    axes = figure.add_subplot(grid)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks(range(3), CLASS_NAMES)
    axes.set_yticks(range(3), CLASS_NAMES, rotation=90, va="center")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"left-out subjects: UF1 {uf1(confusion):.2f}, UAR {uar(confusion):.2f}", fontsize=11)


def main(_arguments):
    predictions = read_predictions(Path(_WORKDIR.value) / "predictions.csv")
    figure = matplotlib.figure.Figure(figsize=(11, 3.9), dpi=110)
    left, right = figure.add_gridspec(
        1, 2, width_ratios=(2.5, 1), wspace=0.16, left=0.03, right=0.99, top=0.9, bottom=0.13
    )
    draw_clips(figure, left, predictions)
    draw_confusion(figure, right, predictions)
    Path(_OUTPUT.value).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(_OUTPUT.value)
    print(_OUTPUT.value)


if __name__ == "__main__":
    app.run(main)
