"""Tags, grants and keys of many tables at once: what a listing of tables leaves out, one statement for each kind and
catalog, whatever the number of tables.

information_schema shows what our principal may see. What it does not show is not proven absent, so that a difference
in these is told, and never decides a verdict.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from replicator.errors import WorkspaceError
from replicator.resources.base import Reader
from replicator.sqltext import literal, quote

STATEMENTS_AT_ONCE = 8

Row = Mapping[str, Any]


class Aspect(StrEnum):
    """What is read in bulk."""

    TAGS = "tags"
    COLUMN_TAGS = "tags of columns"
    GRANTS = "grants"
    KEYS = "keys"


@dataclass
class Governance:
    """What was read of one side, by full name of the table. `unread` maps an aspect and a catalog to why it could not
    be."""

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    column_tags: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    grants: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    primary_keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: dict[str, set[str]] = field(default_factory=dict)
    unread: dict[tuple[Aspect, str], str] = field(default_factory=dict)

    def knows(self, aspect: Aspect, table: str) -> bool:
        return (aspect, table.partition(".")[0]) not in self.unread

    def constraints(self, table: str) -> frozenset[str]:
        """Keys as schema comparison words them."""
        key = self.primary_keys.get(table)
        primary = {f"PRIMARY KEY ({', '.join(key)})"} if key else set()
        return frozenset(primary | self.foreign_keys.get(table, set()))


def read_governance(reader: Reader, tables: Iterable[str]) -> Governance:
    """Read what is known of the catalogs that hold these tables. Whatever cannot be read is in `unread`."""
    schemas: dict[str, set[str]] = {}
    for table in tables:
        catalog, schema, _ = table.split(".", 2)
        schemas.setdefault(catalog, set()).add(schema)
    found = Governance()
    asked = [(aspect, catalog) for catalog in sorted(schemas) for aspect in Aspect]

    def ask(item: tuple[Aspect, str]) -> list[dict[str, Any]] | WorkspaceError:
        aspect, catalog = item
        try:
            return reader.query(statement(aspect, catalog, sorted(schemas[catalog])))
        except WorkspaceError as error:
            return error

    with ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix=f"governance-{reader.side}") as pool:
        for (aspect, catalog), answer in zip(asked, pool.map(ask, asked), strict=True):
            if isinstance(answer, WorkspaceError):
                found.unread[aspect, catalog] = answer.message
            else:
                _TAKE[aspect](found, catalog, answer)
    return found


def statement(aspect: Aspect, catalog: str, schemas: Iterable[str]) -> str:
    """The statement that reads one aspect of some schemas of a catalog."""
    columns, views, schema = _READ[aspect]
    inside = f"{schema} IN ({', '.join(map(literal, schemas))})"
    return f"SELECT {columns} FROM {views.format(c=quote(catalog))} WHERE {inside}"


_READ: Mapping[Aspect, tuple[str, str, str]] = {
    Aspect.TAGS: (
        "schema_name AS s, table_name AS t, tag_name, tag_value",
        "{c}.information_schema.table_tags",
        "schema_name",
    ),
    Aspect.COLUMN_TAGS: (
        "schema_name AS s, table_name AS t, column_name, tag_name, tag_value",
        "{c}.information_schema.column_tags",
        "schema_name",
    ),
    Aspect.GRANTS: (
        "table_schema AS s, table_name AS t, grantee, privilege_type",
        "{c}.information_schema.table_privileges",
        "inherited_from = 'NONE' AND table_schema",
    ),
    Aspect.KEYS: (
        "k.table_schema AS s, k.table_name AS t, k.constraint_type, u.constraint_name, u.column_name,"
        " u.ordinal_position",
        "{c}.information_schema.table_constraints k JOIN {c}.information_schema.key_column_usage u"
        " ON u.constraint_schema = k.constraint_schema AND u.constraint_name = k.constraint_name"
        " AND u.table_name = k.table_name",
        "k.table_schema",
    ),
}
"""Aspect to columns, views and the column with the name of the schema."""


def _take_tags(found: Governance, catalog: str, rows: Iterable[Row]) -> None:
    for row in rows:
        found.tags.setdefault(_name(catalog, row), {})[row["tag_name"]] = row["tag_value"] or ""


def _take_column_tags(found: Governance, catalog: str, rows: Iterable[Row]) -> None:
    for row in rows:
        key = (row["column_name"].lower(), row["tag_name"])
        found.column_tags.setdefault(_name(catalog, row), {})[key] = row["tag_value"] or ""


def _take_grants(found: Governance, catalog: str, rows: Iterable[Row]) -> None:
    for row in rows:
        privilege = row["privilege_type"].replace("_", " ")
        found.grants.setdefault(_name(catalog, row), set()).add((row["grantee"], privilege))


def _take_keys(found: Governance, catalog: str, rows: Iterable[Row]) -> None:
    columns: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for row in rows:
        key = (_name(catalog, row), row["constraint_type"], row["constraint_name"])
        columns.setdefault(key, []).append((row["ordinal_position"], row["column_name"]))
    for (table, kind, _), parts in columns.items():
        names = tuple(name for _, name in sorted(parts))
        if kind == "PRIMARY KEY":
            found.primary_keys[table] = names
        elif kind == "FOREIGN KEY":
            found.foreign_keys.setdefault(table, set()).add(f"FOREIGN KEY ({', '.join(names)})")


_TAKE: Mapping[Aspect, Callable[[Governance, str, Iterable[Row]], None]] = {
    Aspect.TAGS: _take_tags,
    Aspect.COLUMN_TAGS: _take_column_tags,
    Aspect.GRANTS: _take_grants,
    Aspect.KEYS: _take_keys,
}


def _name(catalog: str, row: Row) -> str:
    return f"{catalog}.{row['s']}.{row['t']}"
