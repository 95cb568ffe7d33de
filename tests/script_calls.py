"""Scripts and commands called in this process, as a fresh one would."""

import importlib.util
from pathlib import Path


def call(path, *arguments):
    """Runs a script or console command with these arguments, under the name that users call it by."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = Path(path)
    name = f"dualatme-{path.stem}" if path.parent.name == "commands" else str(path)
    module.run([name, *map(str, arguments)])
