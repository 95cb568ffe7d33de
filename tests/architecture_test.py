"""The tiers of docs/architecture.md: an import points to a lower tier, siblings do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dualatme_keras"
TIERS = {
    "choices": 0,
    "errors": 0,
    "files": 0,
    "geometry": 0,
    "lazy": 0,
    "megc2019": 0,
    "plots": 0,
    "progress": 0,
    "text": 0,
    "versions": 0,
    "video": 0,
    "workers": 0,
    "data": 1,
    "layers": 1,
    "losses": 1,
    "metrics": 1,
    "preprocessing": 1,
    "workbooks": 1,
    "databases": 2,
    "models": 2,
    "runs": 2,
    "synthetic": 2,
    "evaluation": 3,
    "preparation": 3,
    "recognition": 3,
    "serving": 3,
    "training": 3,
    "app": 4,
    "commands": 5,
}
OPEN = ("errors", "text")
"""What messages are made of, for rooms of tier 0 too."""

KERAS_ONLY = ("layers", "losses", "metrics", "models")
WITHOUT_KERAS = (
    "choices",
    "errors",
    "files",
    "geometry",
    "lazy",
    "megc2019",
    "plots",
    "progress",
    "text",
    "versions",
    "video",
    "workbooks",
    "workers",
    "preprocessing",
    "databases",
    "runs",
    "synthetic",
)
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Dotted names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute here"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted):
    parts = dotted.split(".")
    return parts[1] if parts[0] == "dualatme_keras" and len(parts) > 1 else None


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_what_is_open_to_all_needs_no_room():
    for name in OPEN:
        assert not {room(dotted) for dotted in imports(PACKAGE / f"{name}.py")} - {None}


def test_every_room_has_a_tier():
    assert {room_of(path) for path in FILES} - {"__init__"} == set(TIERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = room_of(path)
    if own == "__init__":
        assert {room(name) for name in imports(path)} <= {None, "lazy"}
        return
    for name in imports(path):
        other = room(name)
        if other in TIERS and other not in (own, *OPEN):
            assert TIERS[other] < TIERS[own], f"{own} (tier {TIERS[own]}) imports {name}"
        top = name.split(".")[0]
        assert not (top == "tensorflow" and own in KERAS_ONLY), f"{own} runs on every backend: {name}"
        assert not (top in ("keras", "tensorflow") and own in WITHOUT_KERAS), f"{own} is NumPy only: {name}"
        assert own == "commands" or not name.startswith("absl"), f"flags belong to scripts: {name}"
        assert name != "pickle", "nothing is unpickled"
