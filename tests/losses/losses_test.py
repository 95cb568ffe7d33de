"""Classification losses against the published values and hand-computed ones."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from gradients import gradient

from dualatme_keras.errors import DualATMEError
from dualatme_keras.losses import LOSSES, ActionUnitLoss, BalancedLoss, CosineLoss, FocalLoss, get_loss

PUBLISHED = {
    "focal_gamma2": FocalLoss(),
    "focal_gamma0": FocalLoss(gamma=0.0),
    "balanced_gamma2": BalancedLoss(),
    "cosine": CosineLoss(),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values(name, expected):
    value = PUBLISHED[name](expected["loss.labels"], expected["loss.logits"])
    np.testing.assert_allclose(value, expected[f"loss.{name}"], atol=1e-6, rtol=0)


def test_crossentropy_is_focal_without_focus(expected):
    arguments = expected["loss.labels"], expected["loss.logits"]
    np.testing.assert_allclose(
        get_loss("crossentropy")(*arguments), FocalLoss(gamma=0.0)(*arguments), rtol=1e-6
    )


def test_focal_by_hand():
    # softmax([0, ln 3]) = [1/4, 3/4]
    value = FocalLoss(gamma=1.0, alpha=2.0)(np.array([1]), np.array([[0.0, np.log(3.0)]], "float32"))
    np.testing.assert_allclose(value, -2.0 * 0.25 * np.log(0.75), rtol=1e-6)


def test_cosine_by_hand():
    value = CosineLoss()(np.array([1]), np.array([[3.0, 4.0, 0.0]], "float32"))
    np.testing.assert_allclose(value, 1.0 - 4.0 / 5.0, rtol=1e-6)
    short = CosineLoss()(np.array([1]), np.array([[0.03, 0.04, 0.0]], "float32"))
    np.testing.assert_allclose(short, value, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_finite_at_extremes_with_finite_gradients(name):
    logits = np.array([[60.0, -60.0, 0.0], [-90.0, 90.0, 0.0], [0.0, 0.0, 0.0]], "float32")
    labels = np.array([0, 0, 2])
    assert np.isfinite(get_loss(name)(labels, logits))
    assert np.isfinite(gradient(lambda values: get_loss(name)(labels, values), logits)).all()


@pytest.mark.parametrize("loss", [FocalLoss(1.5, 0.5), BalancedLoss(1.0), CosineLoss(reduction="sum")])
def test_config_round_trip(loss, expected):
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert copy.get_config() == loss.get_config()
    arguments = expected["loss.labels"], expected["loss.logits"]
    np.testing.assert_allclose(copy(*arguments), loss(*arguments))


def test_labels_may_be_a_column(expected):
    labels, logits = expected["loss.labels"], expected["loss.logits"]
    np.testing.assert_allclose(FocalLoss()(labels[:, None], logits), FocalLoss()(labels, logits))


def test_unknown_names_and_values_are_refused():
    with pytest.raises(DualATMEError, match="focal, balanced, cosine, crossentropy"):
        get_loss("focus")
    with pytest.raises(ValueError, match="gamma=-1"):
        FocalLoss(gamma=-1)


def test_action_units_by_hand():
    """Logits of ln 3 say 3/4; the unit is there on the left side alone, and counts twice."""
    intensity = np.array([[[0.5, 0.2]], [[0.0, 0.0]]], "float32")  # (2 clips, 1 unit, 2 sides)
    logits = np.full((2, 1, 2), np.log(3.0), "float32")
    loss = ActionUnitLoss(present_from=0.3, present_weight=2.0)
    absent, present = -np.log(0.25), -2.0 * np.log(0.75)
    np.testing.assert_allclose(loss(intensity, logits), ((present + absent) / 2 + absent) / 2, rtol=1e-6)
    weights = np.array([1.0, 0.0], "float32")
    np.testing.assert_allclose(loss(intensity, logits, weights), (present + absent) / 4, rtol=1e-6)
    again = ActionUnitLoss.from_config(loss.get_config())
    np.testing.assert_allclose(again(intensity, logits), loss(intensity, logits))
    extreme = np.array([[[1e4, -1e4]], [[-1e4, 1e4]]], "float32")
    assert np.isfinite(loss(intensity, extreme))
    with pytest.raises(DualATMEError, match="positive `present_from` and `present_weight`"):
        ActionUnitLoss(present_weight=0.0)
