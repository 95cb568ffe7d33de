"""Scores of given weights on given lists, without training."""

import numpy as np

from dualatme_keras.data import ImageTable, audit, read_lists
from dualatme_keras.models import DualATME, prediction_model
from dualatme_keras.runs import Predictions

_MEMORY = 2**29
"""Bytes that decoded images may take; more are read batch by batch, as each is looked at once."""


def predict_lists(model: DualATME, lists, data_root=None, batch_size=128) -> Predictions:
    """Answers of one network for every clip of the test lists, see `answer_lists`."""
    return answer_lists(model, lists, data_root, batch_size)[0]


def answer_lists(
    model: DualATME, lists, data_root=None, batch_size=128
) -> tuple[Predictions, np.ndarray | None]:
    """Answers of one network for every clip of the test lists, action units too.

    Nothing here knows what the network was trained on: only clips of other people than those are a test.

    Args:
        model: the network.
        lists: folder of `subName.txt` and the lists.
        data_root: where the images lie, see `data.find_image`.
        batch_size: clips per step; does not change the answers.

    Returns:
        Predictions in the order of the lists; the probability of each of the network's action units on the
        side where it is the larger one, `(clips, units)`, or None.

    Raises:
        DualATMEError: lists or images are not as expected.
    """
    read = read_lists(lists, model.class_names)
    inputs = [tensor.name for tensor in model.inputs]
    report = audit(read, data_root=data_root, puzzled="puzzled" in inputs, check_files=True)
    report.raise_if_failed()
    if report.warnings:
        print(report)
    table = ImageTable(read.clips, model.image_size, inputs, data_root, _MEMORY)
    answers = prediction_model(model).predict(table.dataset(read.clips, batch_size), verbose=0)
    predictions = Predictions.of_clips(read.clips, answers["probabilities"], model.class_names)
    return predictions, answers["action_units"].max(axis=-1) if model.action_units else None
