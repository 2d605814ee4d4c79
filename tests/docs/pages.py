"""Reading a page of docs/: its sections, their tables, and its fenced blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is where its text begins."""

    kind: str
    text: str
    line: int


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    return [
        Block(match["kind"].strip(), match["text"], text.count("\n", 0, match.start("text")) + 1)
        for match in _FENCE.finditer(text)
    ]


def sections(text: str) -> dict[str, str]:
    """The text under each heading, up to the next heading of any level."""
    bare = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    heads = list(_HEADING.finditer(bare))
    ends = [head.start() for head in heads[1:]] + [len(bare)]
    return {head["title"].strip("`"): bare[head.end() : end] for head, end in zip(heads, ends, strict=True)}


def rows(text: str, header: str) -> Iterator[dict[str, str]]:
    """The rows of every table whose first column is called `header`, as column to cell."""
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif not set(cells[0]) <= set(":- ") and columns[0] == header:
            yield dict(zip(columns, cells, strict=True))


def code(cell: str) -> str:
    """The first word in backticks of a cell, or the cell itself."""
    match = _CODE.search(cell)
    return match[1] if match else cell
