"""Scripts and commands called in this process, as a fresh one would."""

import importlib.util
from pathlib import Path

from absl import flags


def call(path, *arguments):
    """Runs the `main` of a file with these arguments; its flags are gone afterwards."""
    known = set(flags.FLAGS)
    try:
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main(flags.FLAGS([str(path), *map(str, arguments)]))
    finally:
        for name in set(flags.FLAGS) - known:
            delattr(flags.FLAGS, name)
