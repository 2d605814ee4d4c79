"""The configuration as a tree of values that know where they stand in the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from replicator.engine.desired import Position

Mark = tuple[int, int]
"""Line and column, counted from 1."""

Path = tuple[str | int, ...]
"""The keys and indexes that lead from the root to a value."""


@dataclass(slots=True, eq=False)
class Node:
    """A scalar, a `dict[str, Node]` or a `list[Node]`; `key` is where the key of this value stands, if it has one."""

    value: Any
    mark: Mark
    key: Mark | None = None


@dataclass(frozen=True)
class Tree:
    """A whole file."""

    file: str
    root: Node

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """Where a path stands: its value, or its key. A path that leads nowhere gives the nearest place above."""
        node = find(self.root, path)
        line, column = node.key if key and node.key is not None else node.mark
        return Position(self.file, line, column)


def find(node: Node, path: Sequence[str | int]) -> Node:
    """The node at a path, or the deepest one on the way to it."""
    for step in path:
        below = child(node, step)
        if below is None:
            return node
        node = below
    return node


def child(node: Node, step: str | int) -> Node | None:
    """What stands under a key or an index, None when there is nothing."""
    if isinstance(node.value, dict):
        found: Node | None = node.value.get(step)
        return found
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        item: Node = node.value[step]
        return item
    return None


def plain(node: Node) -> Any:
    """The value without its places: dict, list and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {name: plain(below) for name, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    return value


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, parents first."""
    yield path, node
    if isinstance(node.value, dict):
        for name, below in node.value.items():
            yield from walk(below, (*path, name))
    elif isinstance(node.value, list):
        for index, below in enumerate(node.value):
            yield from walk(below, (*path, index))


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`: mappings merge key by key, everything else (lists too) is replaced."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(base.value)
    for name, below in over.value.items():
        merged[name] = merge(merged[name], below) if name in merged else below
    return Node(merged, base.mark, base.key)


def without(node: Node, *names: str) -> Node:
    """A mapping without some of its keys."""
    return Node({name: below for name, below in node.value.items() if name not in names}, node.mark, node.key)


def describe(value: Any) -> str:
    """What a value is, for a message; never what it says."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list"
