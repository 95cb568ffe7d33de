"""SAMM (Davison et al., IEEE Transactions on Affective Computing 9(1), 2018): annotation file -> clips.

SAMM_Micro_FACS_Codes_v2.xlsx   Subject, Filename, Onset Frame, Apex Frame, Offset Frame, Action Units,
                                Estimated Emotion and others; header on row 14, or on row 1
ROOT/006/006_1_2/006_05562.jpg
"""

import os

from dualatme_keras.data.records import ClipRecord
from dualatme_keras.databases.coded_clips import read_coded_clips

COLUMNS = {
    "clip": "Filename",
    "subject": "Subject",
    "onset": "Onset Frame",
    "apex": "Apex Frame",
    "offset": "Offset Frame",
    "action_units": "Action Units",
    "emotion": "Estimated Emotion",
}

LABELS = {
    "anger": 0,
    "contempt": 0,
    "disgust": 0,
    "fear": 0,
    "sadness": 0,
    "happiness": 1,
    "surprise": 2,
    "other": None,
}
"""MEGC2019's class of each emotion; None takes no part."""


def read_samm(annotations: str | os.PathLike) -> list[ClipRecord]:
    """All clips of the annotation file, with `label=None` where they take no part in MEGC2019.

    Args:
        annotations: the workbook, or the same table as CSV. A subject may be the text `006` or the number 6.

    Raises:
        DualATMEError: see `read_coded_clips`.
    """
    return read_coded_clips(annotations, "samm", COLUMNS, LABELS, "{:03d}".format)
