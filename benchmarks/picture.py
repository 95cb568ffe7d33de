"""Draws the README's picture: clips of each class of the demo on their way, and its confusion matrix.

python benchmarks/picture.py --data_root=data/demo --workdir=runs/demo --output=docs/images/demo.png
"""

from pathlib import Path

import matplotlib.figure
import numpy as np
from absl import app, flags
from PIL import Image

from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.metrics import confusion_matrix, uar, uf1
from dualatme_keras.runs import read_predictions

_DATA_ROOT = flags.DEFINE_string("data_root", "data/demo", "where the images lie")
_WORKDIR = flags.DEFINE_string("workdir", "runs/demo", "the run")
_OUTPUT = flags.DEFINE_string("output", "docs/images/demo.png", "picture to write")

_CLIPS_PER_CLASS = 2


def preview_of(path):
    """The strip of onset, apex, flow image and puzzle that preparation left of a clip."""
    place = Path(_DATA_ROOT.value) / path
    return Image.open(place.parents[1] / "preview" / f"{place.stem.removesuffix('_flow')}.jpg")


def draw_clips(figure, grid, predictions):
    """Rows of classes; of each clip onset, apex with regions, flow image and puzzle."""
    cells = grid.subgridspec(len(CLASS_NAMES), _CLIPS_PER_CLASS, wspace=0.03, hspace=0.08)
    for label, name in enumerate(CLASS_NAMES):
        paths = predictions.paths[(predictions.labels == label) & (predictions.predictions == label)]
        chosen = paths[np.linspace(0, len(paths) - 1, _CLIPS_PER_CLASS).astype(int)]
        for column, path in enumerate(chosen):
            axes = figure.add_subplot(cells[label, column])
            axes.imshow(preview_of(path))
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if label == 0:
                for quarter, title in enumerate(("onset", "apex, regions", "flow", "its puzzle")):
                    x = 0.125 + 0.25 * quarter
                    axes.text(x, 1.04, title, transform=axes.transAxes, ha="center", fontsize=9)
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
    figure = matplotlib.figure.Figure(figsize=(12, 3.6), dpi=110)
    left, right = figure.add_gridspec(
        1, 2, width_ratios=(3.0, 1), wspace=0.12, left=0.03, right=0.99, top=0.9, bottom=0.13
    )
    draw_clips(figure, left, predictions)
    draw_confusion(figure, right, predictions)
    Path(_OUTPUT.value).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(_OUTPUT.value)
    print(_OUTPUT.value)


if __name__ == "__main__":
    app.run(main)
