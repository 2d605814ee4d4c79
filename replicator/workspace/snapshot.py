"""The bulk snapshot: everything that one side has within a scope, read in listings, many at a time.

Absence is only believed where the platform said so (404): what it refused to tell is unknown, with all that is
under it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from replicator.address import Address
from replicator.engine.snapshot import Scope, Snapshot
from replicator.errors import NotFound, PermissionDenied
from replicator.resources import TYPES, catalog, provider, recipient, rest, schema, table
from replicator.resources.base import Observed
from replicator.workspace.backing import with_backing_tables
from replicator.workspace.client import WorkspaceReader

_EVERYTHING = {"max_results": 0}


@dataclass
class _Found:
    """A snapshot while it is collected. `objects` maps kind to name to object."""

    objects: dict[str, dict[str, Observed]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, items: Iterable[Observed]) -> None:
        self.objects.setdefault(kind, {}).update({item.name: item for item in items})

    def refused(self, what: str, error: PermissionDenied) -> None:
        self.unknown[what] = error.message


def read_snapshot(reader: WorkspaceReader, scope: Scope, *, workers: int = 16) -> Snapshot:
    """Read what the scope names. Raises Unavailable rather than return a part of a listing."""
    metastore = reader.identity()
    found = _Found()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=f"read-{reader.side}") as pool:
        singles = _start_singles(pool, reader, scope)
        schemas = _read_catalogs(pool, reader, scope, found)
        _read_tables(pool, reader, schemas, found)
        for kind, name, future in singles:
            _collect(found, kind, name, future)
        tables = with_backing_tables(reader, found.objects.get("table", {}), pool)
    found.objects["table"] = tables
    return Snapshot(
        side=reader.side,
        metastore=metastore,
        objects={kind: dict(sorted(items.items())) for kind, items in sorted(found.objects.items())},
        unknown=dict(sorted(found.unknown.items())),
        stats=reader.stats(),
    )


_Single = tuple[str, str, "Future[list[Observed]]"]


def _start_singles(pool: ThreadPoolExecutor, reader: WorkspaceReader, scope: Scope) -> list[_Single]:
    """What has no listing worth reading, or one listing for all: shares, recipients, providers, grants."""
    named = [("share", name) for name in sorted(scope.shares)] + [("grants", name) for name in sorted(scope.grants)]
    asked: list[_Single] = [(kind, name, pool.submit(_read_one, reader, kind, name)) for kind, name in named]
    if scope.recipients:
        asked.append(("recipient", "*", pool.submit(_observed, reader, "recipients", recipient.observe)))
    if scope.providers:
        asked.append(("provider", "*", pool.submit(_observed, reader, "providers", provider.observe)))
    return asked


def _read_one(reader: WorkspaceReader, kind: str, name: str) -> list[Observed]:
    read = TYPES[kind].read
    assert read is not None
    item = read(reader, Address(reader.side, kind, name))
    return [] if item is None else [item]


def _observed(
    reader: WorkspaceReader, what: str, observe: Callable[[Mapping[str, Any]], Observed | None]
) -> list[Observed]:
    return [item for raw in _list(reader, what) if (item := observe(raw)) is not None]


def _list(reader: WorkspaceReader, what: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return reader.pages(rest.path(what), what, {**_EVERYTHING, **(query or {})})


def _collect(found: _Found, kind: str, name: str, future: "Future[list[Observed]]") -> None:
    found.objects.setdefault(kind, {})
    try:
        found.add(kind, future.result())
    except PermissionDenied as error:
        found.refused(f"{kind}/{name}", error)


def _read_catalogs(
    pool: ThreadPoolExecutor, reader: WorkspaceReader, scope: Scope, found: _Found
) -> list[tuple[str, str]]:
    """Read the catalogs and their schemas; return (catalog, schema) of those whose tables are to be listed."""
    ids = _provider_ids(reader, scope)
    asked = {name: pool.submit(_read_catalog, reader, name, ids) for name in sorted(scope.catalogs)}
    wanted: list[tuple[str, str]] = []
    found.objects.update({"catalog": {}, "schema": {}})
    for name, future in asked.items():
        try:
            read = future.result()
        except PermissionDenied as error:
            for what in (f"catalog/{name}", f"schema/{name}.*", f"table/{name}.*"):
                found.refused(what, error)
            continue
        if read is None:
            continue
        found.add("catalog", [read.catalog])
        found.add("schema", read.schemas)
        if read.refused is not None:
            found.refused(f"schema/{name}.*", read.refused)
            found.refused(f"table/{name}.*", read.refused)
        wanted += [(name, part) for part in _schemas_to_list(read.schemas, scope.catalogs[name])]
    return wanted


@dataclass(frozen=True)
class _Catalog:
    catalog: Observed
    schemas: Sequence[Observed]
    refused: PermissionDenied | None = None


def _read_catalog(reader: WorkspaceReader, name: str, ids: Mapping[str, str]) -> _Catalog | None:
    try:
        raw = reader.get(rest.path("catalogs", name))
    except NotFound:
        return None
    observed = catalog.observe(raw, ids)
    try:
        listed = _list(reader, "schemas", {"catalog_name": name})
    except NotFound:
        return _Catalog(observed, ())
    except PermissionDenied as error:
        return _Catalog(observed, (), error)
    return _Catalog(observed, [schema.observe(item) for item in listed])


def _provider_ids(reader: WorkspaceReader, scope: Scope) -> dict[str, str]:
    """Provider names to metastores, which a shared catalog is compared by; one listing for all catalogs."""
    if not scope.providers:
        return {}
    try:
        return provider.provider_ids(_list(reader, "providers"))
    except PermissionDenied:
        return {}  # the listing of providers itself is recorded as refused; a catalog's provider is then unknown


def _schemas_to_list(schemas: Iterable[Observed], wanted: frozenset[str] | None) -> list[str]:
    names = [item.name.partition(".")[2] for item in schemas]
    return [name for name in names if name != "information_schema" and (wanted is None or name in wanted)]


def _read_tables(
    pool: ThreadPoolExecutor, reader: WorkspaceReader, schemas: Iterable[tuple[str, str]], found: _Found
) -> None:
    found.objects.setdefault("table", {})
    asked = {
        (part, name): pool.submit(_list, reader, "tables", {"catalog_name": part, "schema_name": name})
        for part, name in schemas
    }
    for (part, name), future in asked.items():
        try:
            found.add("table", [table.observe(raw) for raw in future.result()])
        except NotFound:
            found.objects["schema"].pop(f"{part}.{name}", None)
        except PermissionDenied as error:
            found.refused(f"table/{part}.{name}.*", error)
