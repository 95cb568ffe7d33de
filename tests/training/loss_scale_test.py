"""Training in half precision: the loss is scaled, and each fold starts with the first scale."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from demo_data import write_colours

from dualatme_keras.training import TrainConfig, run_loso


def test_scale_of_a_fold_does_not_depend_on_the_folds_before(tmp_path):
    write_colours(tmp_path, clips_per_subject=3)
    config = {
        "lists": str(tmp_path / "lists"),
        "data_root": str(tmp_path),
        "preset": "tiny",
        "implementation": "plain",
    }
    # So fast that gradients soon leave float16's range, and the scale is halved.
    config |= {"precision": "mixed_float16", "learning_rate": 0.3, "epochs": 8, "batch_size": 6}
    both = run_loso(TrainConfig(**config, workdir=str(tmp_path / "both"), subjects=("sub01", "s01")))
    alone = run_loso(TrainConfig(**config, workdir=str(tmp_path / "alone"), subjects=("s01",)))
    rows = both.predictions.subjects == "s01"
    np.testing.assert_array_equal(both.predictions.probabilities[rows], alone.predictions.probabilities)
