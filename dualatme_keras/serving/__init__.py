"""Tier 3: the network where others can call it: exports, and a client for the servers that run them.

Importing this package does not import TensorFlow; what exports does when it is first used.
"""

from dualatme_keras.lazy import lazy_names
from dualatme_keras.serving.client import Client, RequestRefused, ServerUnavailable

__all__ = [
    "Client",
    "ExportResult",
    "LocalExport",
    "RequestRefused",
    "ServerUnavailable",
    "export_run",
    "export_saved_model",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ExportResult": "run_export",
        "LocalExport": "local_export",
        "export_run": "run_export",
        "export_saved_model": "export",
    },
)
