"""Ways of computing a run that give the same answers: processes, implementations, steps in one go."""

import dataclasses
import json
import sys
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from colour_runs import linear, rerun

from dualatme_keras.errors import DualATMEError
from dualatme_keras.training import TrainConfig, run_loso, run_seeds
from dualatme_keras.training.devices import threads_of_each

# In float64, where other orders of summing round too little to matter; 3 steps in an epoch.
DOUBLE = {"preset": "tiny", "implementation": "plain", "epochs": 20, "precision": "float64", "batch_size": 5}


@pytest.fixture(scope="module")
def double(base, tmp_path_factory):
    return rerun(base, tmp_path_factory.mktemp("double") / "run", **DOUBLE)


@pytest.mark.long
def test_both_implementations_train_to_the_same_answers(double, base, tmp_path):
    """What remains are ties, which images of one colour have in every max-pool."""
    fast = rerun(base, tmp_path / "fast", **{**DOUBLE, "implementation": "fast"}).predictions
    assert double.metrics["full"]["accuracy"] > 0.9
    np.testing.assert_array_equal(fast.predictions, double.predictions.predictions)
    np.testing.assert_allclose(fast.probabilities, double.predictions.probabilities, atol=0.05)


@pytest.mark.long
def test_several_steps_in_one_go_are_the_same_steps(double, base, tmp_path):
    several = rerun(base, tmp_path / "several", steps_per_execution=2, subjects=("s01",), **DOUBLE)
    rows = double.predictions.subjects == "s01"
    np.testing.assert_allclose(
        several.predictions.probabilities, double.predictions.probabilities[rows], atol=1e-5
    )


@pytest.fixture(scope="module")
def settings(small):
    return dataclasses.replace(small, final_model=False, epochs=6)


def in_one_process(config, seeds, workdirs):
    """Runs of one process with the threads of one of two workers: such a worker, which then stays."""
    threads = threads_of_each(dataclasses.replace(config, workers=2))
    run = joblib.delayed(run_seeds)(dataclasses.replace(config, threads=threads), seeds, workdirs)
    return joblib.Parallel(2, inner_max_num_threads=threads)([run])[0]


def test_workers_give_what_one_gives(settings, tmp_path, capfd):
    """For every seed, bit by bit; a run that one process began is finished by two, who read files."""
    seeds, (one, two) = (3, 4), ([tmp_path / name / seed for seed in "34"] for name in ("one", "two"))
    in_one_process(settings, seeds, one)
    in_one_process(dataclasses.replace(settings, subjects=("006",)), seeds[:1], two[:1])
    capfd.readouterr()
    run_seeds(dataclasses.replace(settings, workers=2, images="files"), seeds, two)
    lines = capfd.readouterr().out
    assert lines.count("finished before") == 1
    assert lines.count(" left\n") == 5
    contents = [[(run / "predictions.csv").read_bytes() for run in runs] for runs in (one, two)]
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[0][1]
    assert list((two[0] / "tensorboard" / "s01").rglob("events.*"))


def test_images_read_from_files_give_what_images_in_memory_give(small, tmp_path, capsys):
    """Bit by bit; environment.json alone says where they were."""
    kept, read = (
        rerun(small, tmp_path / images, epochs=2, subjects=("s01",), images=images).workdir
        for images in ("memory", "files")
    )
    assert capsys.readouterr().out.count("images: read anew from files") == 1
    for name in ("predictions.csv", "metrics.json", "folds/s01/history.csv", "folds/s01/predictions.csv"):
        assert (kept / name).read_bytes() == (read / name).read_bytes()
    config = [json.loads((run / "config.json").read_text())["images_sha256"] for run in (kept, read)]
    assert config[0] == config[1]
    told = [json.loads((run / "environment.json").read_text())["images"] for run in (kept, read)]
    assert [words.partition(";")[0] for words in told] == [
        "in memory",
        "read anew from files, batch by batch",
    ]


@pytest.mark.long
def test_workers_give_what_one_gives_of_what_is_plugged_in(base, tmp_path):
    """All three are sent there."""

    def callbacks(fold):
        import keras

        assert not fold.test
        return [keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + len(fold.name)))]

    plugged = {
        "new_model": linear(),
        "callbacks": callbacks,
        "augment": keras.layers.RandomTranslation(0.2, 0.2),
    }
    one, two = (
        TrainConfig(
            base.lists, base.data_root, str(tmp_path / str(workers)), epochs=3, batch_size=5, workers=workers
        )
        for workers in (1, 2)
    )
    one, two = (run_loso(config, **plugged).predictions for config in (one, two))
    np.testing.assert_allclose(two.probabilities, one.probabilities, atol=1e-5)


@pytest.mark.long
def test_error_in_a_worker_names_the_fold(small, tmp_path):
    """Last, as it ends the workers."""
    with pytest.raises(DualATMEError, match=r"fold \w+, epoch \d+: Expected a finite loss. Received: nan"):
        rerun(small, tmp_path / "nan", learning_rate=1e39, workers=2)  # infinite in float32
