"""The bulk snapshot: everything that one side has within a scope, read in listings, many at a time.

Absence is only believed where the platform said so (404): what it refused to tell, or failed to tell, is unknown, with
all that is under it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from replicator.address import Address
from replicator.engine.snapshot import Metastore, Scope, Snapshot
from replicator.errors import NotFound, WorkspaceError
from replicator.resources import provider, recipient, schema
from replicator.resources.base import Reader
from replicator.workspace.attached import Many, asked, attached, in_bulk
from replicator.workspace.backing import with_backing_tables
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.failures import reason_unknown
from replicator.workspace.limiter import MOST
from replicator.workspace.parts import Found, Part, attempt, listed, single, some
from replicator.workspace.tables import listings

_HOLDERS = {"schema": "catalog", "table": "schema"}
"""Without the one there is none of the other, so that nobody needs to ask."""


def read_snapshot(reader: WorkspaceReader, scope: Scope, *, workers: int = MOST) -> Snapshot:
    """Read what the scope names, `workers` requests at once at most. Raises WorkspaceError when the workspace itself
    cannot be used: no answer, refused credentials; a part of it that answers with an error is unknown."""
    metastore = reader.identity()
    found, notes = Found(), list[str]()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=f"read-{reader.side}") as pool:
        many = in_bulk(reader, scope, notes)
        answers = asked(reader, many, pool)
        others = [pool.submit(attempt, *part) for part in _others(reader, scope, many)]
        catalogs = {name: pool.submit(_read_catalog, reader, name, scope) for name in sorted(scope.catalogs)}
        for name in catalogs:
            found.take(catalogs[name].result())
        tables = listings(reader, scope, found, pool, notes)
        for future in (*tables, *others):
            found.take(future.result())
        for future in [pool.submit(attempt, *part) for part in _left_out(reader, metastore, scope, found)]:
            found.take(future.result())
        for future in [pool.submit(attempt, *part) for part in attached(reader, many, answers, found, notes)]:
            found.take(future.result())
        found.objects["table"] = with_backing_tables(reader, found.objects.get("table", {}), pool)
    return Snapshot(
        side=reader.side,
        metastore=metastore,
        objects={kind: dict(sorted(items.items())) for kind, items in sorted(found.objects.items())},
        unknown=dict(sorted(found.unknown.items())),
        stats=reader.stats(),
        scope=scope,
        notes=tuple(notes),
    )


def _others(reader: Reader, scope: Scope, many: Many) -> Iterable[Part]:
    """What stands in no catalog: shares, few grants and few tags one by one; recipients and providers in one listing
    each."""
    in_statements = {f"{what}/{key}" for (what, _), keys in many.items() for key in keys}
    for kind, names in (("share", scope.shares), ("grants", scope.grants), ("tags", scope.tags)):
        for name in sorted(name for name in names if f"{kind}/{name}" not in in_statements):
            yield kind, [f"{kind}/{name}"], single(reader, Address(reader.side, kind, name))
    if scope.recipients:
        yield "recipient", ["recipient/*"], lambda: [recipient.observe(raw) for raw in listed(reader, "recipients")]
    if scope.providers:
        yield "provider", ["provider/*"], lambda: some(map(provider.observe, listed(reader, "providers")))


def _left_out(reader: Reader, metastore: Metastore, scope: Scope, found: Found) -> Iterable[Part]:
    """What is named and that no listing showed, although what holds it is there: it is absent, or it is hidden."""
    told = Snapshot(reader.side, metastore, found.objects, found.unknown)
    for key in sorted(scope.names):
        kind, _, name = key.partition("/")
        at, holder = Address(reader.side, kind, name), _HOLDERS.get(kind)
        held = holder is None or name.rpartition(".")[0] in found.objects.get(holder, {})
        if held and told.find(at) is None and told.unknown_reason(at) is None:
            yield kind, [key], single(reader, at)


def _read_catalog(reader: Reader, name: str, scope: Scope) -> Found:
    """One catalog and its schemas. Listings leave out what one may not see, so a schema that is not among them is asked
    for by name when it is wanted, or holds something that is named: all of that would else pass for absent."""
    wanted = (scope.catalogs[name] or frozenset()) | scope.named_schemas.get(name, set())
    inside = [f"schema/{name}.*", f"table/{name}.*"]
    found = attempt("catalog", [f"catalog/{name}", *inside], single(reader, Address(reader.side, "catalog", name)))
    found.objects["schema"] = {}
    if not found.objects["catalog"]:
        return found
    try:
        found.add("schema", map(schema.observe, listed(reader, "schemas", {"catalog_name": name})))
    except NotFound as error:
        # The catalog is there: its share was withdrawn, or it is being dropped. Either way nobody said it is empty.
        found.unknown |= dict.fromkeys(inside, error.message)
        return found
    except WorkspaceError as error:
        found.unknown |= dict.fromkeys(inside, reason_unknown(error))
        return found
    for hidden in sorted(wanted):
        full = f"{name}.{hidden}"
        if full not in found.objects["schema"]:
            at = Address(reader.side, "schema", full)
            found.take(attempt("schema", [f"schema/{full}", f"table/{full}.*"], single(reader, at)))
    return found
