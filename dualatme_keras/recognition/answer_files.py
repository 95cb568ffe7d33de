"""Answers as the content of files."""

import csv
import io
import json
from collections.abc import Sequence

from dualatme_keras.recognition.result import Recognition, table_columns


def table_file(rows: Sequence[dict], class_names: Sequence[str]) -> bytes:
    """Rows of `Recognition.row` as a CSV in UTF-8, with the columns of `table_columns`."""
    content = io.StringIO()
    writer = csv.DictWriter(content, table_columns(class_names), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue().encode()


def json_file(recognitions: Sequence[Recognition]) -> bytes:
    """Answers as JSON in UTF-8: a list of objects, with numbers where the table has text.

    Each has `clip`, `label`, `probabilities` by class, `networks` (those of each network), `action_units` (by
    number the probabilities on the image-left and the image-right side), `shown_units`, `similarity`,
    `motion`, `onset`, `apex`, `offset` and their seconds, `apex_found`, `landmarks` (in pixels of the onset
    frame), `boxes` (in fractions of the aligned face), and `doubts`. What is not known is null.
    """
    return json.dumps([_facts(one) for one in recognitions], indent=2, ensure_ascii=False).encode()


def _facts(recognition):
    boxes = recognition.boxes
    return {
        "clip": recognition.name,
        "label": recognition.label,
        "probabilities": recognition.probabilities,
        "networks": recognition.members.tolist(),
        "action_units": {str(unit): list(sides) for unit, sides in recognition.action_units.items()},
        "shown_units": list(recognition.shown_units),
        "similarity": recognition.similarity,
        "motion": recognition.motion,
        "onset": recognition.onset,
        "apex": recognition.apex,
        "offset": recognition.offset,
        "onset_seconds": recognition.onset_seconds,
        "apex_seconds": recognition.apex_seconds,
        "offset_seconds": recognition.offset_seconds,
        "apex_found": recognition.onset_apex.apex_found,
        "landmarks": recognition.onset_apex.landmarks.tolist(),
        "boxes": None if boxes is None else boxes.tolist(),
        "doubts": list(recognition.doubts),
    }
