"""Blocks, flags, links and drawings of README and docs/, as far as seconds go; `make test-docs` runs them."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from blocks import LANGUAGES, PAGES, ROOT, read_blocks

BLOCKS = [block for page in PAGES for block in read_blocks(page)]
FOREIGN = {
    "--dry-run": "make",
    "--enable_batching": "TensorFlow Serving",
    "--batching_parameters_file": "TensorFlow Serving",
    "--model_config_file": "TensorFlow Serving",
    "--head": "Ray",
    "--address": "Ray",
    "--port": "Ray",
    "--help": "every command",
}
"""Flags of other programs that pages name."""


def name(page):
    return str(page.relative_to(ROOT))


def known_flags():
    """`{program: its flags}` of commands, scripts of the checkout and benchmarks."""
    flags = {}
    for line in (ROOT / "tests" / "public_interface.txt").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"(dualatme-\w+) --(\[no\])?(\w+)", line):
            flags.setdefault(found[1], set()).add(f"--{found[3]}")
            if found[2]:
                flags[found[1]].add(f"--no{found[3]}")
    # Old names of flags, which the list leaves out.
    for path in (ROOT / "dualatme_keras" / "commands").glob("[a-z]*.py"):
        for alias in re.findall(r'DEFINE_alias\("(\w+)"', path.read_text(encoding="utf-8")):
            flags[f"dualatme-{path.stem}"].add(f"--{alias}")
    for command in ("train", "evaluate"):
        flags[f"{command}.py"] = flags[f"dualatme-{command}"]
    for path in (*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/*_test.py")):
        source = path.read_text(encoding="utf-8")
        found = re.findall(r'(?:DEFINE_\w+\(|add_argument\()\s*"(?:--)?(\w+)"', source)
        flags[str(path.relative_to(ROOT))] = {f"--{one}" for one in found}
    return flags


FLAGS = known_flags()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_are_fenced_and_have_a_language(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"(?:\A|\n)\n {4}\S", text), "an indented block: fence it"
    assert {block.language for block in read_blocks(page)} <= set(LANGUAGES)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=lambda b: b.place)
def test_python_blocks_are_python(block):
    ast.parse(block.source)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "sh"], ids=lambda b: b.place)
def test_commands_and_flags_of_shell_blocks_exist(block):
    subprocess.run(["bash", "-n"], input=block.short_source, text=True, check=True)
    program = None
    for word in shlex.split(block.short_source, comments=True):
        if word in FLAGS:
            program = word
        elif word == "docker":
            program = None
        elif re.match(r"dualatme-\w+$|\S+\.py$", word):
            pytest.fail(f"{word} is no command, script or benchmark")
        elif program and (found := re.match(r"--[a-z]\w*", word)):
            assert found[0] in FLAGS[program], f"{program} has no {found[0]}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_in_the_text_exist(page):
    every = set().union(*FLAGS.values()) | FOREIGN.keys()
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*(?![\w-]*>)", page.read_text(encoding="utf-8")))
    assert named <= every, f"no command has {sorted(named - every)}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.run_with], ids=lambda b: b.place)
def test_what_a_block_is_run_with_has_an_effect(block):
    assert all(flag in block.short_source for flag in block.run_with.split()[1:])
    assert block.short_source != block.source


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.not_run], ids=lambda b: b.place)
def test_the_page_says_why_a_block_is_not_run(block):
    """In words, in the paragraphs before it; the comment does not show on the page."""
    before = block.page.read_text(encoding="utf-8").splitlines()[: block.line - 2]
    *_, what = block.not_run.split()
    shown = re.sub("<!--.*?-->", "", "\n".join(before[-8:]))
    assert what.lower() in shown.lower()
    assert re.search(r"not run|tests of this\s+documentation", shown)


def anchors(page):
    """Anchors of a page's headings, as GitHub and mkdocs make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "data" / "README.md"], ids=name)
def test_links_lead_somewhere(page):
    """mkdocs looks at docs/ only."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match("https?:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if target.parent.name == "api" or target.name in ("changelog.md", "contributing.md"):
            continue  # mkdocs makes these pages, and checks links to them
        assert target.is_file(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_the_drawing_is_that_of_the_imports(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from architecture_drawing import OUTPUT, draw, import_graph, reduced

    drawn = draw(reduced(import_graph()))
    assert OUTPUT.read_text(encoding="utf-8") == drawn, "call: python benchmarks/architecture_drawing.py"


def test_the_drawing_leaves_out_what_a_longer_way_says(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from architecture_drawing import reduced

    graph = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set(), "d": set()}
    assert reduced(graph) == {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}


def test_notebooks_have_code_that_parses_and_no_outputs():
    for path in (ROOT / "docs").rglob("*.ipynb"):
        cells = [
            one for one in json.loads(path.read_text(encoding="utf-8"))["cells"] if one["cell_type"] == "code"
        ]
        assert cells
        for cell in cells:
            ast.parse("".join(cell["source"]))
            assert not cell["outputs"]
            assert cell["execution_count"] is None


def test_all_commands_are_named_in_the_docs():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for command in FLAGS:
        if command.startswith("dualatme-"):
            assert f"`{command}`" in pages, command
