"""The tables in a scope: a listing for each schema, or one glance at those that are only copied from."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from replicator.engine.snapshot import Scope, Snapshot
from replicator.errors import NotFound, WorkspaceError
from replicator.resources import rest, table
from replicator.resources.base import Observed
from replicator.wording import many
from replicator.workspace.backing import PIPELINE_TYPES
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.failures import reason_unknown
from replicator.workspace.information import WORTH_A_STATEMENT, read_names
from replicator.workspace.limiter import MOST
from replicator.workspace.parts import Found, listed, shortly


def read_in_full(
    reader: WorkspaceReader, snapshot: Snapshot, schemas: Iterable[str], *, workers: int = MOST
) -> Snapshot:
    """The same, with the tables of some schemas (`catalog.schema`) that it has only had a glance at listed in full.

    Their versions are kept. A table that the listing does not show stays as the glance had it.
    """
    tables = dict(snapshot.objects.get("table", {}))
    unknown = dict(snapshot.unknown)
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix=f"read-{reader.side}") as pool:
        for part in pool.map(lambda schema: _read_tables(reader, schema), sorted(schemas)):
            unknown |= part.unknown
            for name, observed in part.objects["table"].items():
                known = tables.get(name)
                tables[name] = replace(observed, version=known.version) if known is not None else observed
    return replace(snapshot, objects={**snapshot.objects, "table": tables}, unknown=unknown, stats=reader.stats())


def listings(
    reader: WorkspaceReader, scope: Scope, found: Found, pool: ThreadPoolExecutor, notes: list[str]
) -> list[Future[Found]]:
    """The tables of every schema in the scope, the largest schemas first: their pages come one after the other."""
    full, glance = list[str](), list[str]()
    for catalog, wanted in scope.catalogs.items():
        inside = [name for name in found.objects.get("schema", {}) if name.partition(".")[0] == catalog]
        whole = scope.glance.get(catalog)
        for schema in _to_list(inside, wanted):
            (full if whole is None or schema.partition(".")[2] in whole else glance).append(schema)
    glanced: dict[str, list[Observed]] = {}
    if len(glance) > WORTH_A_STATEMENT:
        glanced = _glance(reader, glance, notes)
        full += [schema for schema in glance if _needs_more(scope, schema, glanced.get(schema))]
    else:
        full += glance
    skipped = set(full)
    for schema, tables in glanced.items():
        if schema not in skipped:
            found.add("table", tables)
    sizes = _sizes(reader, full, pool)
    return [
        pool.submit(_read_tables, reader, schema)
        for schema in sorted(full, key=lambda name: (-sizes.get(name, 0), name))
    ]


def _glance(reader: WorkspaceReader, schemas: Iterable[str], notes: list[str]) -> dict[str, list[Observed]]:
    """The tables of some schemas as information_schema shows them; nothing where it cannot be asked."""
    wanted = set(schemas)
    missing = reader.lacks_warehouse()
    if missing is not None:
        notes.append(f"{missing}; {many(len(wanted), 'schema was', 'schemas were')} listed one by one")
        return {}
    try:
        read = read_names(reader, {schema.partition(".")[0] for schema in wanted})
    except WorkspaceError as error:
        notes.append(f"{shortly(error)}; {many(len(wanted), 'schema was', 'schemas were')} listed one by one")
        return {}
    return {schema: tables for schema, tables in read.items() if schema in wanted}


def _needs_more(scope: Scope, schema: str, glanced: list[Observed] | None) -> bool:
    """Whether a glance is not enough: nothing was shown, something that must be there was not, or a pipeline's tables
    are, whose rows live elsewhere."""
    if not glanced:
        return True
    if any(item.info["table_type"] in PIPELINE_TYPES for item in glanced):
        return True
    names = {item.name for item in glanced}
    return any(name not in names for name in scope.named_tables.get(schema, ()))


def _sizes(reader: WorkspaceReader, schemas: Sequence[str], pool: ThreadPoolExecutor) -> dict[str, int]:
    """How many tables each schema has, one request per 10,000 of them; asked where there are too many to begin all of
    them at once."""
    if len(schemas) <= MOST:
        return {}

    def counted(catalog: str) -> Counter[str]:
        summaries = reader.pages(
            rest.path("table-summaries"), "tables", {"catalog_name": catalog, "max_results": 10_000}
        )
        return Counter(str(item["full_name"]).rpartition(".")[0] for item in summaries)

    sizes: Counter[str] = Counter()
    for found in pool.map(lambda name: _unless_refused(counted, name), sorted({s.partition(".")[0] for s in schemas})):
        sizes.update(found)
    return sizes


def _unless_refused(counted: Callable[[str], Counter[str]], catalog: str) -> Counter[str]:
    """Sizes only put the work in order: without them it takes longer."""
    try:
        return counted(catalog)
    except WorkspaceError:
        return Counter()


def _to_list(schemas: Iterable[str], wanted: frozenset[str] | None) -> list[str]:
    """The schemas whose tables are to be listed, by full name."""
    named = ((full, full.partition(".")[2]) for full in schemas)
    return [full for full, name in named if name != "information_schema" and (wanted is None or name in wanted)]


def _read_tables(reader: WorkspaceReader, full_name: str) -> Found:
    container, _, name = full_name.partition(".")
    part = Found({"table": {}})
    try:
        part.add(
            "table", map(table.observe, listed(reader, "tables", {"catalog_name": container, "schema_name": name}))
        )
    except NotFound as error:
        part.unknown[f"table/{full_name}.*"] = error.message
    except WorkspaceError as error:
        part.unknown[f"table/{full_name}.*"] = reason_unknown(error)
    return part
