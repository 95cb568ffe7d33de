"""Tier 3: the network where others can call it: exports, and a client for the servers that run them.

Importing this package does not import TensorFlow; the names of `_LAZY` do when they are first used.
"""

import importlib

from dualatme_keras.serving.client import Client, RequestRefused, ServerUnavailable

_LAZY = {
    "ExportResult": "run_export",
    "LocalExport": "local_export",
    "export_run": "run_export",
    "export_saved_model": "export",
}

__all__ = [
    "Client",
    "ExportResult",
    "LocalExport",
    "RequestRefused",
    "ServerUnavailable",
    "export_run",
    "export_saved_model",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
