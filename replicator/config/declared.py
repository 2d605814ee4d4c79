"""The `resources:` section: every entry becomes the resource model of its type, with its place in the file."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from replicator.address import Address, Side, split_column
from replicator.config import names
from replicator.config.nodes import Node, Path, Tree, child, describe, plain
from replicator.config.problems import Problem, did_you_mean
from replicator.config.shorthands import expand_shorthands
from replicator.config.validation import problems_of
from replicator.engine.desired import Declared
from replicator.resources import TYPES
from replicator.resources.base import MARK, Resource

Fields = dict[str, Any]

SECURABLES = frozenset({"catalog", "schema", "table", "share"})
"""What grants can be declared on."""

TAGGED = frozenset({"catalog", "schema", "table", "column"})
"""What tags can be declared on."""

_NESTED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "grants": ("privileges", {name: name for name in SECURABLES} | {"clone": "table", "view": "table"}),
    "tags": ("tags", {name: name for name in TAGGED - {"column"}} | {"clone": "table", "view": "table"}),
}
"""Keys inside an entry that declare a resource of their own: its field that they hold, and by the entry's type what
it is on."""


def _one_part(name: str) -> str:
    return names.full_name(name, 1, "name")


def _two_parts(name: str) -> str:
    return names.full_name(name, 2, "catalog.schema")


def _three_parts(name: str) -> str:
    return names.full_name(name, 3, "catalog.schema.table")


def _column(name: str) -> str:
    table, column = split_column(name)
    if not column.strip(". ") or not column.isprintable():
        raise ValueError(f"expected a full name like `catalog.schema.table.column`, got {names.printable(name)}")
    return f"{_three_parts(table)}{column.lower()}"


def _on(kinds: frozenset[str]) -> Callable[[str], str]:
    """Names of values on another object: `type/full.name` of one of these types."""

    def folded(name: str) -> str:
        kind, slash, full = name.partition("/")
        if not slash or kind not in kinds:
            listed = ", ".join(f"{known}/…" for known in sorted(kinds))
            raise ValueError(f"expected type/full.name with one of {listed}, got {names.printable(name)}")
        return f"{kind}/{_NAMES[kind](full)}"

    return folded


_NAMES: Mapping[str, Callable[[str], str]] = {
    "catalog": _one_part,
    "schema": _two_parts,
    "table": _three_parts,
    "column": _column,
    "clone": _three_parts,
    "view": _three_parts,
    "share": _one_part,
    "recipient": _one_part,
    "grants": _on(SECURABLES),
    "tags": _on(TAGGED),
}
"""How an object of a type is named; returns the folded name or raises ValueError."""

_OURS = MARK.partition(".")[0] + "."

KEYS: Mapping[str, str] = {
    "catalogs": "catalog",
    "schemas": "schema",
    "tables": "table",
    "clones": "clone",
    "views": "view",
    "shares": "share",
    "recipients": "recipient",
    "grants": "grants",
    "tags": "tags",
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
    """Side, type, name, path and plain fields of every entry; grants and tags inside it are entries of their own."""
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
    nested = [(key, fields.pop(key)) for key, (_, on) in _NESTED.items() if kind in on and fields.get(key) is not None]
    columns = list(_tags_of_columns(fields)) if kind == "table" else []
    yield side, kind, name, path, fields
    for key, value in nested:
        held, on = _NESTED[key]
        yield side, key, f"{on[kind]}/{name}", (*path, key), {held: value}
    for index, column, tags in columns:
        yield side, "tags", f"column/{name}.{column}", (*path, "columns", index, "tags"), {"tags": tags}


def _tags_of_columns(fields: Fields) -> Iterator[tuple[int, str, Any]]:
    """Take the tags out of the columns of a table's entry: index, name and tags of each column that has some."""
    listed = fields.get("columns")
    for index, column in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(column, dict) and isinstance(column.get("name"), str) and "tags" in column:
            yield index, column["name"], column.pop("tags")


def _reserved_properties(fields: Fields) -> list[str]:
    """Properties by which deployments know their objects: setting one would make an object another deployment's."""
    given = fields.get("properties")
    return sorted(key for key in given if key.startswith(_OURS)) if isinstance(given, dict) else []


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
    for own in _reserved_properties(fields):
        at = tree.at((*path, "properties", own), key=True)
        problems.append(Problem(at, f"`{own}`: what begins with `{_OURS}` says whose an object is, and cannot be set"))
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
