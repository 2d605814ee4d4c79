"""What `system.information_schema` says of many objects in one statement: what REST tells of one object a request.

Its rows are filtered by privilege, so that a row that is missing proves nothing by itself: `Sight` says of which
objects this principal is shown everything (https://docs.databricks.com/sql/language-manual/sql-ref-information-schema).
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from replicator.engine.snapshot import Snapshot
from replicator.resources import canonical
from replicator.resources.base import Observed
from replicator.sqltext import literal
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.columns import milliseconds, texts

Objects = Mapping[str, Mapping[str, Observed]]
Privileges = dict[str, dict[str, list[str]]]
"""Full name of a securable to principal to privileges."""

WORTH_A_STATEMENT = 16
"""So many requests go out together anyway; a statement in their place would only wait for the warehouse."""
_VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "catalog": ("catalog_privileges", ("catalog_name",)),
    "schema": ("schema_privileges", ("catalog_name", "schema_name")),
    "table": ("table_privileges", ("table_catalog", "table_schema", "table_name")),
}
SECURABLES = frozenset(_VIEWS)
_TAG_VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "catalog": ("catalog_tags", ("catalog_name",)),
    "schema": ("schema_tags", ("catalog_name", "schema_name")),
    "table": ("table_tags", ("catalog_name", "schema_name", "table_name")),
    "column": ("column_tags", ("catalog_name", "schema_name", "table_name", "column_name")),
}
TAGGED = frozenset(_TAG_VIEWS)
_WRITES = frozenset({"MODIFY", "ALL_PRIVILEGES", "ALL PRIVILEGES", "MANAGE"})
"""What lets somebody write to a table, or grant that to itself and take it back unseen."""
_SYSTEM_SCHEMA = "information_schema"


@dataclass(frozen=True)
class Sight:
    """What one principal is shown in full: what it, or a group of its, owns or owns a container of."""

    reader: WorkspaceReader
    objects: Objects

    def whole(self, name: str) -> bool:
        """Whether every grant on a securable is shown. False where that is not certain."""
        who = self.reader.who()
        return who.is_metastore_owner or any(map(who.is_one_of_us, self._owners(name)))

    def is_mine(self, name: str) -> bool:
        """Whether this principal itself owns a securable and all that it stands in."""
        return all(map(self.reader.who().is_me, self._owners(name)))

    def _owners(self, name: str) -> Iterator[str | None]:
        """Whom a securable and all that it stands in belong to, as far as that is shown."""
        parts = name.split(".")
        return (
            self._owner(level, ".".join(parts[: size + 1])) for size, level in enumerate(_VIEWS) if size < len(parts)
        )

    def _owner(self, kind: str, name: str) -> str | None:
        found = self.objects.get(kind, {}).get(name)
        return found.fields.get("owner") if found is not None else None


def read_privileges(reader: WorkspaceReader, kind: str, catalogs: Iterable[str]) -> Privileges:
    """The direct grants on all securables of a kind in some catalogs, by name in lower case, as far as this principal
    is shown them."""
    view, names = _VIEWS[kind]
    rows = reader.query_arrow(
        f"SELECT {', '.join(names)}, grantee, privilege_type FROM system.information_schema.{view} "
        f"WHERE {names[0]} IN ({_literals(catalogs)}) AND (inherited_from IS NULL OR inherited_from IN ('', 'NONE'))"
    )
    found: Privileges = {}
    for *parts, principal, privilege in zip(*map(texts, rows.columns), strict=True):
        found.setdefault(".".join(parts).lower(), {}).setdefault(principal, []).append(privilege)
    return found


def read_tags(reader: WorkspaceReader, kind: str, catalogs: Iterable[str]) -> dict[str, dict[str, str]]:
    """The tags on all objects of a kind in some catalogs, by their names in lower case, as far as this principal is
    shown them."""
    view, names = _TAG_VIEWS[kind]
    rows = reader.query_arrow(
        f"SELECT {', '.join(names)}, tag_name, tag_value FROM system.information_schema.{view} "
        f"WHERE {names[0]} IN ({_literals(catalogs)})"
    )
    found: dict[str, dict[str, str]] = {}
    for *parts, tag, value in zip(*map(texts, rows.columns), strict=True):
        found.setdefault(".".join(parts).lower(), {})[tag] = value or ""
    return found


def read_names(reader: WorkspaceReader, catalogs: Iterable[str]) -> dict[str, list[Observed]]:
    """The tables of some catalogs by schema (`catalog.schema`), as one glance shows them: name, kind and comment,
    which belongs to their copies too."""
    rows = reader.query_arrow(
        "SELECT table_catalog, table_schema, table_name, table_type, data_source_format, created_by, created, comment "
        f"FROM system.information_schema.tables WHERE table_catalog IN ({_literals(catalogs)}) "
        f"AND table_schema <> {literal(_SYSTEM_SCHEMA)}"
    )
    found: dict[str, list[Observed]] = {}
    columns = (milliseconds(rows[name]) if name == "created" else texts(rows[name]) for name in rows.column_names)
    for catalog, schema, name, kind, stored, author, created, comment in zip(*columns, strict=True):
        facts = {"table_type": kind, "data_source_format": stored, "created_by": author, "glance": True}
        facts["created_at"] = created
        info = {key: value for key, value in facts.items() if value is not None}
        fields = {"comment": canonical.text(comment)}
        found.setdefault(f"{catalog}.{schema}", []).append(Observed(f"{catalog}.{schema}.{name}", fields, info=info))
    return found


def only_we_write(reader: WorkspaceReader, snapshot: Snapshot, names: Iterable[str]) -> frozenset[str]:
    """Those of the tables to which, by all grants that there are, nobody but this principal may write, or let itself.

    A table that belongs to somebody else, or stands in what does, or whose grants we are not shown in full, is none of
    them.
    """
    sight = Sight(reader, snapshot.objects)
    own = [name for name in names if sight.is_mine(name) and _told_of_all(sight, name)]
    catalogs = sorted({name.partition(".")[0] for name in own})
    if not catalogs:
        return frozenset()
    who = reader.who()
    with ThreadPoolExecutor(len(_VIEWS), thread_name_prefix=f"grants-{reader.side}") as pool:
        read = list(pool.map(lambda kind: read_privileges(reader, kind, catalogs), _VIEWS))
    open_to_others = {
        name
        for found in read
        for name, granted in found.items()
        if any(_WRITES & {word.upper() for word in words} and not who.is_me(by) for by, words in granted.items())
    }
    return frozenset(name for name in own if not open_to_others.intersection(_with_containers(name)))


def _told_of_all(sight: Sight, table: str) -> bool:
    catalog, schema, name = _with_containers(table)
    return sight.whole(catalog) and sight.whole(schema) and sight.whole(name)


def _with_containers(table: str) -> tuple[str, str, str]:
    catalog, schema, _ = table.split(".")
    return catalog, f"{catalog}.{schema}", table


def _literals(values: Iterable[str]) -> str:
    return ", ".join(map(literal, sorted(values)))
