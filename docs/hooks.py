"""What `make docs` builds besides docs/: the API reference, a page a room, and two pages of the root."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import griffe
from mkdocs.exceptions import PluginError
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


def on_post_page(output, page, config):
    """Refuses a page that loads anything from another site; called by mkdocs."""
    if found := re.search(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="?https?:[^>]*>', output):
        raise PluginError(f"{page.file.src_uri} loads from another site: {found[0]}")
    return output


class CallArguments(griffe.Extension):
    """Shows `Call arguments:` of layers as a list, as `Args:` are."""

    def on_instance(self, *, obj, **_others):
        """Called by griffe for each object that it reads."""
        if obj.docstring:
            heading = re.compile("^( *)Call arguments:$", re.MULTILINE)
            obj.docstring.value = heading.sub(r"\1Args: Call arguments:", obj.docstring.value)


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
