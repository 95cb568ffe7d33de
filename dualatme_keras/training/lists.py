"""The lists of a run, and what it asks of them; read before Keras and TensorFlow are there."""

from pathlib import Path

from dualatme_keras.data import LosoLists, read_lists
from dualatme_keras.data.folds import choose_folds
from dualatme_keras.errors import DualATMEError
from dualatme_keras.training.config import TrainConfig


def read_training_lists(config: TrainConfig) -> LosoLists:
    """Reads the lists of a run, and checks the names of databases and folds that it asks for.

    Raises:
        DualATMEError: no lists, malformed ones, or a name that they do not have.
    """
    if not Path(config.lists).is_dir():
        raise DualATMEError(
            "Expected a folder of train and test lists. "
            f"Received: `lists={config.lists!r}`, which is not there. "
            "data/README.md says how to get the databases and make their lists; `make demo` trains on "
            "generated data instead."
        )
    lists = read_lists(config.lists, config.class_names)
    choose_folds(lists, config.protocol, config.databases, config.subjects)
    return lists
