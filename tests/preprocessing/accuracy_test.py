"""Flow, apex and boxes against the truth of made-up clips; `benchmarks/preparation_accuracy.py` has more."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "preparation_accuracy.py"


@pytest.fixture(scope="module")
def accuracy():
    spec = importlib.util.spec_from_file_location("preparation_accuracy", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("clips", [4, pytest.param(12, marks=pytest.mark.long)])
def test_flow_apex_and_boxes_are_right(clips, accuracy):
    """Each class with each number of blinks, which repeat after 12 clips; a few of them by default."""
    errors, motion, distances, held = accuracy.measure(clips)
    assert errors.mean() < 0.25
    assert errors.mean() < 0.5 * motion.mean()
    assert (distances <= 2).mean() >= 0.9
    assert held.all()


@pytest.mark.long
def test_fast_flow_is_right_too(accuracy):
    errors, motion, *_ = accuracy.measure(6, "dis")
    assert errors.mean() < 0.3
    assert np.all(motion > 0.1)
