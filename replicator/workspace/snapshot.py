"""The bulk snapshot: everything that one side has within a scope, read in listings, many at a time.

Absence is only believed where the platform said so (404): what it refused to tell, or failed to tell, is unknown, with
all that is under it.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from replicator.address import Address
from replicator.engine.snapshot import Metastore, Scope, Snapshot
from replicator.errors import NotFound, WorkspaceError
from replicator.resources import TYPES, provider, recipient, rest, schema, table
from replicator.resources.base import Observed, Reader
from replicator.workspace.backing import with_backing_tables
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.failures import reason_unknown

_HOLDERS = {"schema": "catalog", "table": "schema"}
"""Without the one there is none of the other, so that nobody needs to ask."""


@dataclass
class _Found:
    """What was read, by kind and name, and what could not be: "kind/name" or "kind/container.*" to the reason."""

    objects: dict[str, dict[str, Observed]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, items: Iterable[Observed]) -> None:
        self.objects.setdefault(kind, {}).update({item.name: item for item in items})

    def take(self, part: "_Found") -> None:
        for kind, items in part.objects.items():
            self.objects.setdefault(kind, {}).update(items)
        self.unknown |= part.unknown


def read_snapshot(reader: WorkspaceReader, scope: Scope, *, workers: int = 16) -> Snapshot:
    """Read what the scope names. Raises WorkspaceError when the workspace itself cannot be used: no answer, refused
    credentials; a part of it that answers with an error is unknown."""
    metastore = reader.identity()
    found = _Found()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=f"read-{reader.side}") as pool:
        others = [pool.submit(_attempt, *part) for part in _others(reader, scope)]
        catalogs = {
            name: pool.submit(_read_catalog, reader, name, scope.catalogs[name]) for name in sorted(scope.catalogs)
        }
        listings: list[Future[_Found]] = []
        for name, future in catalogs.items():
            part = future.result()
            found.take(part)
            for inner in _to_list(part.objects.get("schema", {}), scope.catalogs[name]):
                listings.append(pool.submit(_read_tables, reader, inner))
        for listing in (*listings, *others):
            found.take(listing.result())
        for single in [pool.submit(_attempt, *part) for part in _left_out(reader, metastore, scope, found)]:
            found.take(single.result())
        tables = with_backing_tables(reader, found.objects.get("table", {}), pool)
    found.objects["table"] = tables
    return Snapshot(
        side=reader.side,
        metastore=metastore,
        objects={kind: dict(sorted(items.items())) for kind, items in sorted(found.objects.items())},
        unknown=dict(sorted(found.unknown.items())),
        stats=reader.stats(),
        scope=scope,
    )


def _attempt(kind: str, keys: Iterable[str], work: Callable[[], Iterable[Observed]]) -> _Found:
    """The objects of one request; or `keys` as unknown, when the workspace refused or failed to answer just that."""
    part = _Found({kind: {}})
    try:
        part.add(kind, work())
    except NotFound:
        return part
    except WorkspaceError as error:
        part.unknown = {key: reason_unknown(error) for key in keys}
    return part


def _others(reader: Reader, scope: Scope) -> Iterable[tuple[str, list[str], Callable[[], list[Observed]]]]:
    """What stands in no catalog: shares and grants one by one, recipients and providers in one listing each."""
    for kind, names in (("share", scope.shares), ("grants", scope.grants), ("tags", scope.tags)):
        for name in sorted(names):
            yield kind, [f"{kind}/{name}"], _single(reader, Address(reader.side, kind, name))
    if scope.recipients:
        yield "recipient", ["recipient/*"], lambda: [recipient.observe(raw) for raw in _list(reader, "recipients")]
    if scope.providers:
        yield "provider", ["provider/*"], lambda: _some(map(provider.observe, _list(reader, "providers")))


def _left_out(
    reader: Reader, metastore: Metastore, scope: Scope, found: _Found
) -> Iterable[tuple[str, list[str], Callable[[], list[Observed]]]]:
    """What is named and that no listing showed, although what holds it is there: it is absent, or it is hidden."""
    told = Snapshot(reader.side, metastore, found.objects, found.unknown)
    for key in sorted(scope.names):
        kind, _, name = key.partition("/")
        at, holder = Address(reader.side, kind, name), _HOLDERS.get(kind)
        held = holder is None or name.rpartition(".")[0] in found.objects.get(holder, {})
        if held and told.find(at) is None and told.unknown_reason(at) is None:
            yield kind, [key], _single(reader, at)


def _single(reader: Reader, at: Address) -> Callable[[], list[Observed]]:
    read = TYPES[at.type].read
    assert read is not None, f"{at.type} cannot be read"
    return lambda: _some([read(reader, at)])


def _some(items: Iterable[Observed | None]) -> list[Observed]:
    return [item for item in items if item is not None]


def _list(reader: Reader, what: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return reader.pages(rest.path(what), what, {"max_results": 0, **(query or {})})


def _read_catalog(reader: Reader, name: str, wanted: frozenset[str] | None) -> _Found:
    """One catalog and its schemas. Listings leave out what one may not see, so a wanted schema that is not among them
    is asked for by name."""
    inside = [f"schema/{name}.*", f"table/{name}.*"]
    found = _attempt("catalog", [f"catalog/{name}", *inside], _single(reader, Address(reader.side, "catalog", name)))
    found.objects["schema"] = {}
    if not found.objects["catalog"]:
        return found
    try:
        found.add("schema", map(schema.observe, _list(reader, "schemas", {"catalog_name": name})))
    except NotFound as error:
        # The catalog is there: its share was withdrawn, or it is being dropped. Either way nobody said it is empty.
        found.unknown |= dict.fromkeys(inside, error.message)
        return found
    except WorkspaceError as error:
        found.unknown |= dict.fromkeys(inside, reason_unknown(error))
        return found
    for hidden in sorted(wanted or ()):
        full = f"{name}.{hidden}"
        if full not in found.objects["schema"]:
            at = Address(reader.side, "schema", full)
            found.take(_attempt("schema", [f"schema/{full}", f"table/{full}.*"], _single(reader, at)))
    return found


def _to_list(schemas: Iterable[str], wanted: frozenset[str] | None) -> list[str]:
    """The schemas whose tables are to be listed, by full name."""
    named = ((full, full.partition(".")[2]) for full in schemas)
    return [full for full, name in named if name != "information_schema" and (wanted is None or name in wanted)]


def _read_tables(reader: Reader, full_name: str) -> _Found:
    container, _, name = full_name.partition(".")
    part = _Found({"table": {}})
    try:
        part.add("table", map(table.observe, _list(reader, "tables", {"catalog_name": container, "schema_name": name})))
    except NotFound as error:
        part.unknown[f"table/{full_name}.*"] = error.message
    except WorkspaceError as error:
        part.unknown[f"table/{full_name}.*"] = reason_unknown(error)
    return part
