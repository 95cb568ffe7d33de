"""Scripts and commands called in this process, as a fresh one would."""

import importlib.util
from pathlib import Path


def call(path, *arguments):
    """Runs a file's command with these arguments."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.run([str(path), *map(str, arguments)])
