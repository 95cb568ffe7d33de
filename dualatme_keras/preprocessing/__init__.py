"""Tier 1: from frames to flow images. NumPy and OpenCV; OpenCV and face detectors load when first needed."""

from dualatme_keras.geometry.face_proportions import FACE_LIMITS, face_measures
from dualatme_keras.geometry.flow_image import ENCODINGS
from dualatme_keras.geometry.regions import region_mask
from dualatme_keras.preprocessing.alignment import FACE_SIZE, align_face, eye_transform, transform_points
from dualatme_keras.preprocessing.apex import (
    LARGE_MOTION,
    LITTLE_MOTION,
    ExpressionCourse,
    expression_course,
    spot_apex,
)
from dualatme_keras.preprocessing.clip import PreparedClip, prepare_clip, prepare_onset_apex
from dualatme_keras.preprocessing.contact_sheet import draw_contact_sheet
from dualatme_keras.preprocessing.detection import FACE_CHOICES
from dualatme_keras.preprocessing.encoding import encode_flow, optical_strain
from dualatme_keras.preprocessing.face import Face, check_face
from dualatme_keras.preprocessing.face_window import SPOTTING_EYES
from dualatme_keras.preprocessing.flow import METHODS, optical_flow
from dualatme_keras.preprocessing.head_motion import head_motion
from dualatme_keras.preprocessing.landmarks import LANDMARK_COLUMNS, SOURCES, landmark_source, read_landmarks
from dualatme_keras.preprocessing.onset_apex import (
    OnsetApex,
    check_length,
    expression_motion,
    find_onset_apex,
    to_grey,
)
from dualatme_keras.preprocessing.settings import (
    NAMED_SETTINGS,
    PUZZLES,
    SETTINGS_FILE,
    PrepareSettings,
    differing_settings,
    read_settings,
)
from dualatme_keras.preprocessing.spotting import Interval, SpottingCourse, spot_intervals

__all__ = [
    "ENCODINGS",
    "FACE_CHOICES",
    "FACE_LIMITS",
    "FACE_SIZE",
    "LANDMARK_COLUMNS",
    "LARGE_MOTION",
    "LITTLE_MOTION",
    "METHODS",
    "NAMED_SETTINGS",
    "PUZZLES",
    "SETTINGS_FILE",
    "SOURCES",
    "SPOTTING_EYES",
    "ExpressionCourse",
    "Face",
    "Interval",
    "OnsetApex",
    "PrepareSettings",
    "PreparedClip",
    "SpottingCourse",
    "align_face",
    "check_face",
    "check_length",
    "differing_settings",
    "draw_contact_sheet",
    "encode_flow",
    "expression_course",
    "expression_motion",
    "eye_transform",
    "face_measures",
    "find_onset_apex",
    "head_motion",
    "landmark_source",
    "optical_flow",
    "optical_strain",
    "prepare_clip",
    "prepare_onset_apex",
    "read_landmarks",
    "read_settings",
    "region_mask",
    "spot_apex",
    "spot_intervals",
    "to_grey",
    "transform_points",
]
