"""Tier 2: what is on the user's disk, per database -> clips; and made-up databases."""

from dualatme_keras.databases.casme2 import read_casme2
from dualatme_keras.databases.folder import read_folder
from dualatme_keras.databases.frames import clip_numbers, open_frames
from dualatme_keras.databases.records import ClipRecord
from dualatme_keras.databases.samm import read_samm
from dualatme_keras.databases.smic import read_smic
from dualatme_keras.databases.synthetic import write_synthetic

__all__ = [
    "ClipRecord",
    "clip_numbers",
    "open_frames",
    "read_casme2",
    "read_folder",
    "read_samm",
    "read_smic",
    "write_synthetic",
]
