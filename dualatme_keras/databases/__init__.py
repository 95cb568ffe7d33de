"""Tier 2: what is on the user's disk, per database -> clips."""

from dualatme_keras.databases.casme2 import read_casme2
from dualatme_keras.databases.folder import read_folder
from dualatme_keras.databases.places import clip_numbers, open_clip
from dualatme_keras.databases.samm import read_samm
from dualatme_keras.databases.smic import read_smic

__all__ = ["clip_numbers", "open_clip", "read_casme2", "read_folder", "read_samm", "read_smic"]
