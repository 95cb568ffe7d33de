"""How often is the network right when it is sure? On drawn clips that it has not seen.

    python benchmarks/reliability.py --weights=facs --output=docs/images/reliability.png

Draws two panels: the share of right classes by the probability of the class, and the share of present action
units by theirs. Prints the expected calibration error of both, and how often clips without any expression get
an action unit.
"""

from pathlib import Path

import matplotlib.figure
from absl import app, flags

from dualatme_keras.metrics import reliability
from dualatme_keras.plots.reliability import draw_reliability
from dualatme_keras.plots.style import figure_png
from dualatme_keras.recognition.result import EXPRESSION_FROM
from dualatme_keras.synthetic import DrawnFlow, MotionSettings

_WEIGHTS = flags.DEFINE_string("weights", "facs", "preset or file")
_CLIPS = flags.DEFINE_integer("clips", 20000, "drawn clips")
_SEED = flags.DEFINE_integer("seed", 1_000_003, "of the clips; that of training was another")
_OUTPUT = flags.DEFINE_string("output", "docs/images/reliability.png", "picture to write")


def main(_arguments):
    from dualatme_keras.models import load_model, prediction_model

    settings = MotionSettings(no_expression=0.1, any_units=0.0)
    batch = DrawnFlow(settings, _CLIPS.value, seed=_SEED.value).batch(0)
    answers = prediction_model(load_model(_WEIGHTS.value)).predict(batch.images, batch_size=256, verbose=0)
    shown = batch.labels >= 0
    sure, told = answers["probabilities"].max(axis=1), answers["class_id"]
    classes = reliability(sure[shown], (told == batch.labels)[shown])
    units = reliability(answers["action_units"].ravel(), batch.action_units.ravel() >= 0.25)
    print(
        f"{shown.sum()} drawn clips: {(told == batch.labels)[shown].mean():.3f} right, "
        f"ECE {classes['error']:.3f}"
    )
    print(f"action units: ECE {units['error']:.3f}")
    likeliest = answers["action_units"].max(axis=(1, 2))
    for least in (0.5, 0.6, EXPRESSION_FROM, 0.7, 0.8):
        sure = likeliest >= least
        print(
            f"an action unit of {least} or more: {sure[shown].mean():.3f} of the clips with an expression, "
            f"{sure[~shown].mean():.3f} of {(~shown).sum()} without"
        )
    figure = matplotlib.figure.Figure(figsize=(8.4, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_reliability(left, "class", classes, fewest=20)
    draw_reliability(right, "action units, each side", units, fewest=20)
    Path(_OUTPUT.value).write_bytes(figure_png(figure, dpi=130, padding=(0.1, 0.08)))


if __name__ == "__main__":
    app.run(main)
