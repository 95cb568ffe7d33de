"""The shell and Python blocks of README, CONTRIBUTING and docs/, and what the comments before them say.

<!-- not run: REASON -->             the next block is not run; the text says so, too
<!-- run with: PROGRAM FLAGS -->     the next block is run with these flags of PROGRAM added or replaced
"""

import dataclasses
import re
from pathlib import Path

from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = ("sh", "python", "text", "yaml")

_COMMENT = re.compile(r"<!-- (not run|run with): ([^>]+?) -->")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: its file.
        line: of its opening fence.
        language: `sh`, `python`, `text` or `yaml`.
        source: its lines.
        not_run: why it is not run; empty where it is.
        run_with: program and flags of the comment before it; empty without one.
    """

    page: Path
    line: int
    language: str
    source: str
    not_run: str = ""
    run_with: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def short_source(self) -> str:
        """The source as it is run."""
        if not self.run_with:
            return self.source
        program, *flags = self.run_with.split()
        source = self.source
        for flag in flags:
            name, _, _ = flag.partition("=")
            source, replaced = re.subn(rf"{name}(=\S+)?(?=\s)", flag, source)
            if not replaced:
                source = re.sub(rf"(?<!\S)(\S*{re.escape(program)})(?=\s)", rf"\1 {flag}", source)
        return source


def read_blocks(page):
    """Blocks of a page, from top to bottom; a comment belongs to the next block."""
    document = Document.parse(str(page))
    end = 0
    lexer = FencedCodeBlockLexer(r"\w*", mapping={"language": "language", "source": "source"})
    for region in sorted(lexer(document), key=lambda region: region.start):
        comments = dict(_COMMENT.findall(document.text[end : region.start]))
        end = region.end
        yield Block(
            page,
            document.text.count("\n", 0, region.start) + 1,
            region.lexemes["language"],
            region.lexemes["source"],
            comments.get("not run", ""),
            comments.get("run with", ""),
        )
