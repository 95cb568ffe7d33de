"""Names of clips, and the organisers' log format."""

import numpy as np
import pytest

from dualatme_keras.evaluation import clip_name, format_challenge_log
from dualatme_keras.runs import Predictions


@pytest.mark.parametrize(
    ("path", "database", "clip"),
    [
        ("/d/casme2/flow/sub01_EP02_01f_img59-img46_flow.png", "casme2", "EP02_01f"),
        ("sub09_EP09f_img64-img26_flow.png", "casme2", "EP09f"),
        ("sub12_EP09_06_img111-img66_flow.png", "casme2", "EP09_06"),
        ("sub12_EP09_06_111-66_flow.png", "casme2", "EP09_06"),
        ("sub26_EP15_04_02_img1-img2_flow.png", "casme2", "EP15_04_02"),
        ("sub26_EP15_04_02_5_flow.png", "casme2", "EP15_04_02"),
        ("sub03_EP09_01f_flow.png", "casme2", "EP09_01f"),
        ("s01_s01_ne_01_image559753-image559740_flow.png", "smic", "s01_ne_01"),
        ("s03_sur_04_flow.png", "smic", "s03_sur_04"),
        ("s08_s08_po_04_image406244-image406204_flow_puzzle.png", "smic", "s08_po_04"),
        ("006_1_2_flow.png", "samm", "006_1_2"),
        ("006_1_2_006_05588-006_05562_flow.png", "samm", "006_1_2"),
        ("006_006_1_2_006_05588-006_05562_flow.png", "samm", "006_1_2"),
        ("033_1_12_5588-5562_flow.png", "samm", "033_1_12"),
        ("C:\\data\\samm\\flow\\006_1_2_flow.png", "samm", "006_1_2"),
        ("my/own clip_flow.jpg", "samm", "own clip"),
        ("sub01_party.v2.png", "casme2", "sub01_party.v2"),
        ("EP02x_flow.png", "casme2", "EP02x"),
        ("lab/flow/sub01_EP02_01f_flow.png", "lab", "sub01_EP02_01f"),
    ],
)
def test_clip_names(path, database, clip):
    assert clip_name(path, database) == clip


def test_log_format():
    predictions = Predictions(
        np.array(["sub01_EP02_01f_flow.png", "006_1_2_flow.png", "sub01_EP19_05f_flow.png", "a b_flow.png"]),
        np.array(["sub01", "6", "sub01", "s 1"]),
        np.array(["casme2", "samm", "casme2", "smic"]),
        np.array([1, 0, 0, 2]),
        np.array([1, 2, 1, 2]),
        np.full((4, 3), 1 / 3, np.float32),
    )
    assert format_challenge_log(predictions) == (
        "casme2 sub01\nEP02_01f 1 1\nEP19_05f 0 1\n\nsamm 006\n006_1_2 0 2\n\nsmic s_1\na_b 2 2\n\n"
    )
