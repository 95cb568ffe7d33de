"""Tier 3: databases on disk -> flow images, lists and a record of how each came about."""

from dualatme_keras.preparation.config import DATASETS, PrepareConfig
from dualatme_keras.preparation.runner import PrepareResult, audit_database, prepare_database

__all__ = ["DATASETS", "PrepareConfig", "PrepareResult", "audit_database", "prepare_database"]
