"""Tier 4: a page in the browser: what a network sees in a clip, and how a run did. Gradio."""

import os

# Before Gradio is imported: it asks its makers' server for news and tells it that it runs.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from dualatme_keras.app.page import new_page, serve_page

__all__ = ["new_page", "serve_page"]
