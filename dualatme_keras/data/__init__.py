"""List files, leave-one-subject-out splits, their audit, predictions, and the tf.data pipeline.

Importing this package does not import TensorFlow; `ImageTable` and `decode_image` do when first used.
"""

from dualatme_keras.data.audit import audit
from dualatme_keras.data.clips import Clip
from dualatme_keras.data.findings import AuditReport, Finding
from dualatme_keras.data.ground_truth import GroundTruth, clips_from_ground_truth, read_ground_truth
from dualatme_keras.data.lists import ListEntry, read_list, write_lists
from dualatme_keras.data.paths import find_image, puzzled_path
from dualatme_keras.data.records import ClipRecord
from dualatme_keras.data.splits import Fold, Protocol, make_folds, read_protocol
from dualatme_keras.lazy import lazy_names

__all__ = [
    "AuditReport",
    "Clip",
    "ClipRecord",
    "Finding",
    "Fold",
    "GroundTruth",
    "ImageTable",
    "ListEntry",
    "Protocol",
    "audit",
    "clips_from_ground_truth",
    "decode_image",
    "find_image",
    "make_folds",
    "puzzled_path",
    "read_ground_truth",
    "read_list",
    "read_protocol",
    "write_lists",
]

__getattr__, __dir__ = lazy_names(__name__, {"ImageTable": "pipeline", "decode_image": "pipeline"})
