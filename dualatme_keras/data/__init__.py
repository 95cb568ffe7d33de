"""List files, leave-one-subject-out splits, their audit, predictions, and the tf.data pipeline.

Importing this package does not import TensorFlow; `ImageTable` and `decode_image` do when first used.
"""

from dualatme_keras.data.audit import audit
from dualatme_keras.data.clips import Clip, Fold
from dualatme_keras.data.findings import AuditReport, Finding
from dualatme_keras.data.folds import PROTOCOLS, make_folds
from dualatme_keras.data.ground_truth import GroundTruth, clips_from_ground_truth, read_ground_truth
from dualatme_keras.data.intervals import LabelledInterval, read_intervals, write_intervals
from dualatme_keras.data.lists import ListEntry, read_list, write_lists
from dualatme_keras.data.loso_lists import LosoLists, read_lists
from dualatme_keras.data.paths import find_image, puzzled_path
from dualatme_keras.data.records import ClipRecord
from dualatme_keras.lazy import lazy_names

__all__ = [
    "PROTOCOLS",
    "AuditReport",
    "Clip",
    "ClipRecord",
    "Finding",
    "Fold",
    "GroundTruth",
    "ImageTable",
    "LabelledInterval",
    "ListEntry",
    "LosoLists",
    "audit",
    "clips_from_ground_truth",
    "decode_image",
    "find_image",
    "make_folds",
    "puzzled_path",
    "read_ground_truth",
    "read_intervals",
    "read_list",
    "read_lists",
    "write_intervals",
    "write_lists",
]

__getattr__, __dir__ = lazy_names(__name__, {"ImageTable": "pipeline", "decode_image": "pipeline"})
