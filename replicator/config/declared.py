"""The `resources:` section: every entry becomes the resource model of its type, with its place in the file."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from replicator.address import Address, Side
from replicator.config import names
from replicator.config.nodes import Node, Path, Tree, child, describe, plain
from replicator.config.problems import Problem, did_you_mean
from replicator.config.shorthands import expand_shorthands
from replicator.config.validation import problems_of
from replicator.engine.desired import Declared
from replicator.resources import TYPES
from replicator.resources.base import Resource

Fields = dict[str, Any]

SECURABLES = frozenset({"catalog", "schema", "table", "share"})
"""What grants can be declared on."""


def _one_part(name: str) -> str:
    return names.full_name(name, 1, "name")


def _two_parts(name: str) -> str:
    return names.full_name(name, 2, "catalog.schema")


def _three_parts(name: str) -> str:
    return names.full_name(name, 3, "catalog.schema.table")


def _securable(name: str) -> str:
    kind, slash, full = name.partition("/")
    if not slash or kind not in SECURABLES:
        listed = ", ".join(f"{known}/…" for known in sorted(SECURABLES))
        raise ValueError(f"expected type/full.name with one of {listed}, got {names.printable(name)}")
    return f"{kind}/{_NAMES[kind](full)}"


_NAMES: Mapping[str, Callable[[str], str]] = {
    "catalog": _one_part,
    "schema": _two_parts,
    "table": _three_parts,
    "clone": _three_parts,
    "share": _one_part,
    "recipient": _one_part,
    "grants": _securable,
}
"""How an object of a type is named; returns the folded name or raises ValueError."""

KEYS: Mapping[str, str] = {
    "catalogs": "catalog",
    "schemas": "schema",
    "tables": "table",
    "clones": "clone",
    "shares": "share",
    "recipients": "recipient",
    "grants": "grants",
}


def declared_resources(tree: Tree, problems: list[Problem]) -> dict[Address, Declared]:
    """All entries by address. What is wrong, and what is declared twice, is appended to `problems`."""
    found: dict[Address, Declared] = {}
    taken: dict[tuple[Side, str, str], Declared] = {}
    for side, kind, name, path, fields in _entries(tree, problems):
        resource = _resource(tree, side, kind, name, path, fields, problems)
        if resource is None:
            continue
        at = tree.at(path, key=True)
        slot = (side, TYPES[kind].kind, resource.name)
        if slot in taken:
            first = taken[slot]
            problems.append(
                Problem(
                    at, f"{resource.address} is declared a second time; first as {first.resource.address} at {first.at}"
                )
            )
            continue
        taken[slot] = found[resource.address] = Declared(resource, at)
    return found


def _entries(tree: Tree, problems: list[Problem]) -> Iterator[tuple[Side, str, str, Path, Fields]]:
    """Side, type, name, path and plain fields of every entry, nested grants as entries of their own."""
    for side_key, _ in _items(tree, ("resources",), problems):
        side = next((side for side in Side if side.value == side_key), None)
        if side is None:
            at = tree.at(("resources", side_key), key=True)
            problems.append(Problem(at, f"unknown key `{side_key}`, expected `source` or `target`"))
            continue
        for key, _ in _items(tree, ("resources", side_key), problems):
            path: Path = ("resources", side_key, key)
            if key not in KEYS:
                problems.append(Problem(tree.at(path, key=True), _unknown_type(key)))
                continue
            for name, entry in _items(tree, path, problems):
                yield from _entry(tree, side, KEYS[key], name, (*path, name), entry, problems)


def _unknown_type(key: str) -> str:
    return f"unknown key `{key}`{did_you_mean(key, KEYS)} (there are: {', '.join(KEYS)})"


def _items(tree: Tree, path: Path, problems: list[Problem]) -> list[tuple[str, Node]]:
    """The entries of the mapping at a path; a path that does not exist has none."""
    node = tree.root
    for step in path:
        below = child(node, step)
        if below is None:
            return []
        node = below
    if not isinstance(node.value, dict):
        problems.append(Problem(tree.at(path), f"`{path[-1]}`: expected a mapping, got {describe(node.value)}"))
        return []
    return list(node.value.items())


def _entry(
    tree: Tree, side: Side, kind: str, name: str, path: Path, entry: Node, problems: list[Problem]
) -> Iterator[tuple[Side, str, str, Path, Fields]]:
    fields = plain(entry)
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        problems.append(Problem(tree.at(path), f"`{name}`: expected a mapping, got {describe(fields)}"))
        return
    grants = fields.pop("grants", None) if kind in SECURABLES else None
    yield side, kind, name, path, fields
    if grants is not None:
        yield side, "grants", f"{kind}/{name}", (*path, "grants"), {"privileges": grants}


def _resource(
    tree: Tree, side: Side, kind: str, name: str, path: Path, fields: Fields, problems: list[Problem]
) -> Resource | None:
    try:
        folded = _NAMES[kind](name)
    except ValueError as error:
        problems.append(Problem(tree.at(path, key=True), str(error)))
        return None
    for reserved in ("side", "name", "type"):
        if reserved in fields:
            at = tree.at((*path, reserved), key=True)
            problems.append(Problem(at, f"`{reserved}` is told by where the entry stands, and cannot be set"))
            return None
    expanded = expand_shorthands(tree, side, kind, folded, path, fields, problems)
    if expanded is None:
        return None
    try:
        document = json.dumps(expanded | {"side": side.value, "name": folded})
        return TYPES[kind].model.model_validate_json(document, strict=True)
    except ValidationError as error:
        problems.extend(problems_of(error, TYPES[kind].model, tree, path))
        return None
