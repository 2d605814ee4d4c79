"""Imports only go down the floors; the emulator stands beside the house."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "replicator"
FLOORS = {
    "errors": 0,
    "address": 0,
    "values": 0,
    "sqltext": 0,
    "wording": 0,
    "resources": 1,
    "engine": 2,
    "config": 3,
    "workspace": 4,
    "execution": 5,
    "reconciliation": 5,
    "render": 6,
    "cli": 7,
    "__main__": 7,
}
OPENS_THE_EMULATOR = {"workspace", "cli"}
HEAVY = {"databricks", "networkx", "deepdiff", "sqlglot", "pandas", "duckdb", "deltalake", "pyarrow"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(tree: ast.AST) -> set[str]:
    """Rooms of replicator that a module imports, at top level or inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "replicator" and len(parts) > 1 and (parts[1] in FLOORS or parts[1] == "emulator"):
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    here, needs = room(path), imported(ast.parse(path.read_text()))
    if here in ("__init__", "emulator"):
        assert needs <= {"errors", "emulator"}
        return
    assert here in FLOORS, f"{here} has no floor"
    assert {need for need in needs if FLOORS.get(need, -1) > FLOORS[here]} == set()
    assert "emulator" not in needs or here in OPENS_THE_EMULATOR


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if room(path) not in ("emulator", "workspace", "execution", "reconciliation")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    top = ast.parse(path.read_text()).body
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in top if isinstance(node, ast.ImportFrom) and node.module}
    assert {name.split(".")[0] for name in names} & HEAVY == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= (600 if room(path) == "emulator" else 500)
