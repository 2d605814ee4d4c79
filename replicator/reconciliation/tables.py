"""What Unity Catalog says about one table, read fresh for a check; and where its data stands."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote as percent

from replicator.reconciliation.policies import hiding
from replicator.reconciliation.typetext import Atom, Type, TypeSyntaxError, parse
from replicator.resources.base import DeltaVersion, Observed, Reader
from replicator.resources.table import column_facts

TableOf = Callable[[Reader, str], "TableInfo"]
"""What Unity Catalog says of a table. Raises NotFound."""

HidingOf = Callable[[Reader, str], Sequence[str]]

VersionOf = Callable[[Reader, str], DeltaVersion | None]
"""Where a table's data stands with its last CLONE; None when it keeps no versions (a view, a foreign table)."""

_TABLES = frozenset({"MANAGED", "EXTERNAL", "MANAGED_SHALLOW_CLONE", "EXTERNAL_SHALLOW_CLONE"})
_CHECK = "delta.constraints."


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column; `kind` is an atom named as the text where the text is no type that we know."""

    name: str
    type_text: str
    kind: Type
    nullable: bool = True
    comment: str | None = None
    default: str | None = None
    generated: str | None = None
    identity: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table. `versioned`: a Delta table, whose history must be readable. `constraints` are texts without names,
    which are local to a table; `primary_key` are column names."""

    name: str
    id: str | None
    columns: tuple[ColumnInfo, ...]
    filtered: bool = False
    versioned: bool = True
    comment: str | None = None
    primary_key: tuple[str, ...] = ()
    constraints: frozenset[str] = frozenset()
    partitioned_by: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_change_feed(self) -> bool:
        return self.properties.get("delta.enableChangeDataFeed", "").lower() == "true"


def read_table(reader: Reader, name: str) -> TableInfo:
    """GET one table. Raises NotFound, PermissionDenied and whatever else a reader raises."""
    return table_info(name, reader.get(f"/api/2.1/unity-catalog/tables/{percent(name, safe='')}"))


def version_of(reader: Reader, name: str) -> DeltaVersion | None:
    """Read DESCRIBE HISTORY of one table. Many checks are better served from one bulk read of all versions."""
    from replicator.workspace import WorkspaceReader, read_versions

    return read_versions(cast(WorkspaceReader, reader), [name], clones=True).get(name)


@dataclass(frozen=True, slots=True)
class Lookup:
    """How a check finds out about a table, where its data stands, and what policies may hide of it; `local` when that
    asks nobody."""

    table: TableOf = read_table
    version: VersionOf = version_of
    hiding: HidingOf = hiding
    local: bool = False


AFRESH = Lookup()


def table_info(name: str, document: Mapping[str, Any]) -> TableInfo:
    """From the REST document of a table, as `tables/get` returns it."""
    properties = {key: str(value) for key, value in (document.get("properties") or {}).items()}
    ordered = sorted(document.get("columns") or (), key=lambda item: item.get("position", 0))
    partitions = [item for item in ordered if item.get("partition_index") is not None]
    key, constraints = _constraints(document.get("table_constraints") or ())
    return TableInfo(
        name=name,
        id=document.get("table_id"),
        columns=tuple(_column(item) for item in ordered),
        filtered=bool(document.get("row_filter")),
        versioned=document.get("table_type") in _TABLES and document.get("data_source_format") == "DELTA",
        comment=document.get("comment") or None,
        primary_key=key,
        constraints=frozenset(constraints | _checks(properties)),
        partitioned_by=tuple(item["name"] for item in sorted(partitions, key=lambda item: item["partition_index"])),
        clustered_by=_clustering(properties.get("clusteringColumns")),
        properties=properties,
    )


def from_snapshot(observed: Observed) -> TableInfo:
    """From what a snapshot holds. Listings leave out primary and foreign keys; everything else is as fetched."""
    fields, special = observed.fields, observed.info.get("columns", {})
    properties = fields.get("properties") or {}
    info = observed.info
    return TableInfo(
        name=observed.name,
        id=observed.id,
        columns=tuple(
            _column_info({"name": name, **value, "type_text": value.get("type", "")}, special.get(name.lower(), {}))
            for name, value in (fields.get("columns") or {}).items()
        ),
        filtered=bool(info.get("row_filter")),
        versioned=info.get("table_type") in _TABLES and info.get("data_source_format") == "DELTA",
        comment=fields.get("comment"),
        constraints=frozenset(_checks(properties)),
        partitioned_by=tuple(fields.get("partitioned_by") or ()),
        clustered_by=tuple(fields.get("clustered_by") or ()),
        properties=properties,
    )


def _checks(properties: Mapping[str, str]) -> set[str]:
    return {f"CHECK {text}" for name, text in properties.items() if name.startswith(_CHECK)}


def _column(item: Mapping[str, Any]) -> ColumnInfo:
    return _column_info(item, column_facts(item))


def _column_info(item: Mapping[str, Any], facts: Mapping[str, Any]) -> ColumnInfo:
    text = str(item.get("type_text") or item.get("type_name") or "")
    return ColumnInfo(
        name=item["name"],
        type_text=text,
        kind=kind_of(text),
        nullable=item.get("nullable", True) is not False,
        comment=item.get("comment") or None,
        default=facts.get("default"),
        generated=str(facts["generated"]) if "generated" in facts else None,
        identity=bool(facts.get("identity")),
        masked=bool(facts.get("mask")),
    )


def kind_of(text: str) -> Type:
    """A type's tree; an atom named as the text where it is none that we know."""
    try:
        return parse(text)
    except TypeSyntaxError:
        return Atom(text.lower())


def _clustering(text: str | None) -> tuple[str, ...]:
    """Unity Catalog keeps clustering columns as JSON `[["a"],["b","c"]]` in a property."""
    if not text:
        return ()
    try:
        return tuple(".".join(part) for part in json.loads(text))
    except (ValueError, TypeError):
        return (text,)


def _constraints(items: Any) -> tuple[tuple[str, ...], set[str]]:
    key: tuple[str, ...] = ()
    found: set[str] = set()
    for item in items:
        if primary := item.get("primary_key_constraint"):
            key = tuple(primary.get("child_columns") or ())
            found.add(f"PRIMARY KEY ({', '.join(key)})")
        if foreign := item.get("foreign_key_constraint"):
            found.add(f"FOREIGN KEY ({', '.join(foreign.get('child_columns') or ())})")
    return key, found
