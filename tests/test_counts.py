"""What is counted stands in the singular where there is one of it: every message asks `many` for its noun."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "replicator"
OURS = sorted(path for path in ROOT.rglob("*.py") if "emulator" not in path.relative_to(ROOT).parts[:1])


def _strings(node: ast.AST) -> list[str]:
    return [item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def _nouns() -> set[str]:
    """Every noun that some message counts, in the plural."""
    found: set[str] = set()
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "many"
            if named and isinstance(node, ast.Call) and len(node.args) > 1:
                words = [text.split(" ")[-1 if len(node.args) == 2 else 0] for text in _strings(node.args[-1])]
                found |= {word + "s" * (len(node.args) == 2) for word in words}
    return found - {"", "s", "more"}


def _counted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """A value and the word right after it, in every f-string; constants of a module are limits, and never one, and an
    address is no number."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            shown = ast.unparse(value.value) if isinstance(value, ast.FormattedValue) else ""
            limit = shown.isupper() or shown.endswith("address")
            if isinstance(value, ast.FormattedValue) and not limit and isinstance(after, ast.Constant):
                text = str(after.value)
                yield node.lineno, text[1:].split(" ")[0].strip(".,;:()\n") if text.startswith(" ") else ""


def test_nouns_are_found() -> None:
    assert {"rows", "copies", "resources", "objects", "statements", "versions"} <= _nouns()


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_stands_before_a_bare_plural(path: Path) -> None:
    nouns = _nouns()
    assert [(line, word) for line, word in _counted(ast.parse(path.read_text())) if word in nouns] == []
