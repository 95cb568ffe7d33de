"""What tests of training share: images, and settings whose compiled network serves many tests."""

import dataclasses
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import SETTINGS, write_settings
from demo_data import write_colours

from dualatme_keras.training import TrainConfig


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("colours")
    write_colours(directory)
    write_settings(directory, SETTINGS)
    return directory


@pytest.fixture(scope="session")
def base(data, tmp_path_factory):
    return TrainConfig(
        lists=str(data / "lists"),
        data_root=str(data),
        workdir=str(tmp_path_factory.mktemp("runs") / "base"),
        preset="convolution",  # traced in a third of the time of Inception
        epochs=20,
        batch_size=7,  # 12 clips to train on: the last batch is a small one; 6 to test, traced once
        learning_rate=2e-3,
        final_model=True,
        tensorboard=True,
        workers=1,  # in this process, which keeps its compiled network
    )


@pytest.fixture(scope="session")
def small(base):
    """For what is not the network's: one that is traced yet faster."""
    return dataclasses.replace(base, model="ststnet", preset="paper", learning_rate=0.02)
