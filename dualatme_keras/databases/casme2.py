"""CASME II (Yan et al., PLOS ONE 9(1), 2014): annotation file -> clips.

CASME2-coding-*.xlsx            Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame, Action Units,
                                Estimated Emotion
ROOT/sub01/EP02_01f/img46.jpg   RAW, or reg_img46.jpg in Cropped
"""

import dataclasses
import os

from dualatme_keras.data.records import ClipRecord
from dualatme_keras.databases.coded_clips import read_coded_clips

COLUMNS = {
    "clip": "Filename",
    "subject": "Subject",
    "onset": "OnsetFrame",
    "apex": "ApexFrame",
    "offset": "OffsetFrame",
    "action_units": "Action Units",
    "emotion": "Estimated Emotion",
}

LABELS = {
    "disgust": 0,
    "repression": 0,
    "happiness": 1,
    "surprise": 2,
    "others": None,
    "fear": None,
    "sadness": None,
}
"""MEGC2019's class of each emotion; None takes no part."""

LEFT_OUT = ("sub04_EP12_01f", "sub05_EP09_05f")
"""Clips of these classes that the organisers of MEGC2019 left out."""


def read_casme2(annotations: str | os.PathLike) -> list[ClipRecord]:
    """All clips of the annotation file, with `label=None` where they take no part in MEGC2019.

    Args:
        annotations: the workbook, or the same table as CSV. A subject may be the text `01` or the number 1.

    Raises:
        DualATMEError: see `read_coded_clips`.
    """
    records = read_coded_clips(annotations, "casme2", COLUMNS, LABELS, "sub{:02d}".format)
    return [
        dataclasses.replace(record, label=None if record.name in LEFT_OUT else record.label)
        for record in records
    ]
