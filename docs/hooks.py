"""What `make docs` builds besides docs/: the API reference, a page a room, and two pages of the root."""

import importlib
import inspect
import pkgutil
from pathlib import Path

from mkdocs.structure.files import File

import dualatme_keras

ROOT = Path(__file__).parents[1]


def on_files(files, config):
    """Adds the pages; called by mkdocs."""
    rooms = {}
    for found in pkgutil.iter_modules(dualatme_keras.__path__):
        room = importlib.import_module(f"dualatme_keras.{found.name}") if found.ispkg else None
        if hasattr(room, "__all__"):
            rooms[found.name] = room
    for name, room in rooms.items():
        files.append(File.generated(config, f"api/{name}.md", content=_reference(name, room)))
    files.append(File.generated(config, "api/index.md", content=_list_of_rooms(rooms)))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    return files


def _list_of_rooms(rooms):
    lines = [f"- [`dualatme_keras.{name}`]({name}.md): {_purpose(room)}" for name, room in rooms.items()]
    return (
        "# API reference\n\nThe public names of each room, from their docstrings.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _purpose(room):
    first = inspect.getdoc(room).splitlines()[0].rstrip(":")
    return first.partition(": ")[2] if first.startswith("Tier") else first


def _reference(name, room):
    eager = set(vars(room))
    lines = [f"# {name}", "", inspect.getdoc(room), ""]
    for public in room.__all__:
        value = getattr(room, public)
        # A name that is imported late is not to be seen in the room's file.
        place = room.__name__ if public in eager else value.__module__
        lines += [f"::: {place}.{public}", ""]
    return "\n".join(lines)
