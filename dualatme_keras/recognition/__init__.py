"""Tier 3: one clip in, one answer out. Preprocessing and network together."""

from dualatme_keras.recognition.recognizer import Recognizer
from dualatme_keras.recognition.remote import RemoteRecognizer
from dualatme_keras.recognition.result import Recognition, SpottedVideo

__all__ = ["Recognition", "Recognizer", "RemoteRecognizer", "SpottedVideo"]
