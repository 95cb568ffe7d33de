"""Action units against a FACS coding."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import format_action_units, read_action_units, score_action_units

CODING = """subject,clip,label,action_units
sub01,EP02_01f,1,12
sub01,EP19_05f,0,4+L10
sub02,EP01,0,R4 + 12B
sub02,EP01_1,2,
"""
PATHS = [
    "casme2/flow/sub01_EP02_01f_img59-img46_flow.png",
    "casme2\\flow\\sub01_EP19_05f.png",
    "casme2/flow/EP01.png",
    "casme2/flow/EP01_1.png",
    "casme2/flow/sub03_EP02_01f.png",
]
SUBJECTS = ["sub01", "sub01", "sub02", "sub02", "sub03"]
ROWS = list(zip(PATHS, SUBJECTS, strict=True))


@pytest.fixture
def coding(tmp_path):
    (tmp_path / "coding.csv").write_text(CODING)
    return read_action_units(tmp_path / "coding.csv")


def test_units_are_read_without_side_and_intensity(coding):
    assert coding == {
        ("sub01", "EP02_01f"): {12},
        ("sub01", "EP19_05f"): {4, 10},
        ("sub02", "EP01"): {4, 12},
        ("sub02", "EP01_1"): set(),
    }


def test_scores_by_hand(coding):
    units = (4, 12, 17)
    probabilities = np.array(
        [[0.9, 0.8, 0.1], [0.7, 0.2, 0.6], [0.4, 0.5, 0.2], [0.1, 0.9, 0.1], [1.0, 1.0, 1.0]]
    )
    scores = score_action_units(coding, PATHS, SUBJECTS, units, probabilities)
    four, twelve, seventeen = scores["units"]
    # AU 4 is in the second and third clip: the second is found, the first is a false alarm.
    assert four == {"unit": 4, "clips": 2, "auc": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert (twelve["precision"], twelve["recall"], twelve["auc"]) == (2 / 3, 1.0, 0.5)
    assert (seventeen["clips"], seventeen["auc"], seventeen["f1"]) == (0, None, 0.0)
    assert (scores["clips"], scores["mean_f1"]) == (4, pytest.approx((0.5 + 0.8) / 2))
    lines = format_action_units(scores).splitlines()
    assert lines[1].split() == ["4", ".50", ".50", ".50", ".50", "2"]
    assert lines[3] == "2 action units in 4 coded clips: mean F1 .65"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[1:], "an image of each coded clip.*none of sub01 EP02_01f"),
        (
            [*ROWS, ("sub02_EP01_1_again.png", "sub02")],
            "one image of each coded clip.*again.png, a second one of EP01_1",
        ),
    ],
)
def test_clips_and_images_that_do_not_match(rows, message, coding):
    with pytest.raises(DualATMEError, match=message):
        score_action_units(coding, *zip(*rows, strict=True), (4,), np.zeros((len(rows), 1)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("subject,clip\n", "coding.csv:1: Expected the columns.*action_units"),
        ("subject,clip,action_units\na,b,4+x\n", "coding.csv:2: Expected action units.*'x'"),
        ("subject,clip,action_units\na,b,4\na,b,4\n", r"coding.csv:3: Expected each clip once.*\('a', 'b'\)"),
        (None, "a CSV of action units. Received: .*coding.csv: No such file"),
    ],
)
def test_what_is_no_coding(content, message, tmp_path):
    if content is not None:
        (tmp_path / "coding.csv").write_text(content)
    with pytest.raises(DualATMEError, match=message):
        read_action_units(tmp_path / "coding.csv")
