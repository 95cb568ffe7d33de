"""The door of the package."""

import pytest

import dualatme_keras
from dualatme_keras.recognition import Recognizer


def test_names_that_load_when_they_are_used():
    assert dualatme_keras.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="'dualatme_keras' has no attribute 'nope'"):
        _ = dualatme_keras.nope
