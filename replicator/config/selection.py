"""Selectors over a snapshot: which tables a section means. Unknown is not absent, and neither is silently skipped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from replicator.address import Address, Side
from replicator.config.building import Building, SourceIndex
from replicator.config.levels import Levels
from replicator.config.names import is_pattern
from replicator.config.problems import did_you_mean
from replicator.config.sections import CatalogEntry, SchemaEntry
from replicator.engine.desired import Position
from replicator.resources.base import Observed
from replicator.wording import listed

PIPELINE_TYPES = frozenset({"STREAMING_TABLE", "MATERIALIZED_VIEW"})
COPYABLE_TYPES = frozenset({"MANAGED", "EXTERNAL"}) | PIPELINE_TYPES
_HIDDEN = ("__materialization_", "__dlt_")
"""Backing tables of pipelines stand in the schema beside the table that they hold
(https://docs.databricks.com/ldp/developer/ldp-python-ref-streaming-table); nobody means them by `all tables`."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One selected table, by full name. `named` says that it was not found by a pattern."""

    name: str
    observed: Observed
    at: Position
    levels: Levels
    named: bool

    @property
    def schema(self) -> str:
        return self.name.split(".")[1]

    @property
    def table(self) -> str:
        return self.name.split(".")[2]

    @property
    def of_pipeline(self) -> bool:
        return self.observed.info.get("table_type") in PIPELINE_TYPES


@dataclass(frozen=True, slots=True)
class PickedSchema:
    """One selected schema. `whole` says that every table of it is meant; `skipped` are tables that cannot be copied,
    with their type."""

    name: str
    at: Position
    levels: Levels
    whole: bool
    picks: tuple[Pick, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass
class _Choice:
    """Which name is meant by which selector (its index), and what is odd about the selectors."""

    found: dict[str, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    twice: list[tuple[int, str]] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _choose(selectors: Sequence[str], available: Iterable[str], excluded: Sequence[str]) -> _Choice:
    """An exact name goes before a pattern; two patterns, or two exact names, may not mean the same."""
    choice, names = _Choice(), sorted(available)
    known = set(names)
    for index, selector in sorted(enumerate(selectors), key=lambda item: is_pattern(item[1])):
        if not is_pattern(selector):
            if _matches(selector, excluded):
                choice.excluded.append(index)
            elif selector not in known:
                choice.missing.append(index)
            elif selector in choice.found:
                choice.twice.append((index, selector))
            else:
                choice.found[selector] = index
            continue
        meant = [name for name in names if fnmatchcase(name, selector) and not _matches(name, excluded)]
        if not meant:
            choice.empty.append(index)
        for name in meant:
            first = choice.found.setdefault(name, index)
            if first != index and is_pattern(selectors[first]):
                choice.twice.append((index, name))
    return choice


def expand(
    building: Building, index: SourceIndex, entry: CatalogEntry, path: tuple[str | int, ...], above: Levels
) -> list[PickedSchema]:
    """The schemas and tables that one catalog entry means, in order of name."""
    catalog = entry.catalog_name
    at = building.config.at(*path, "catalog_name")
    reason = building.source.unknown_reason(Address(Side.SOURCE, "catalog", catalog))
    if reason is not None and catalog not in index.catalogs:
        building.problem(at, f"whether the source has the catalog {catalog} is unknown: {reason}")
        return []
    if catalog not in index.catalogs:
        near = did_you_mean(catalog, index.catalogs)
        building.problem(at, f"the source has no catalog `{catalog}`{near}")
        return []
    available = [name.partition(".")[2] for name in index.schemas.get(catalog, ())]
    levels = (entry, *above)
    picked: list[PickedSchema] = []
    for schema, selector in _schemas(building, entry, path, available):
        where = path if selector is None else (*path, "schemas", selector)
        inner = levels if selector is None or entry.schemas is None else (entry.schemas[selector], *levels)
        picked.append(_tables(building, index, f"{catalog}.{schema}", inner, where))
    return picked


def _schemas(
    building: Building, entry: CatalogEntry, path: tuple[str | int, ...], available: list[str]
) -> list[tuple[str, int | None]]:
    """The chosen schemas with the index of their selector, None where the whole catalog is meant."""
    catalog, config = entry.catalog_name, building.config
    visible = [name for name in available if name != "information_schema"]
    patterns = ["*"] if entry.schemas is None else [s.schema_name for s in entry.schemas if is_pattern(s.schema_name)]
    if patterns and not _schemas_known(building, catalog, patterns, entry.exclude_schemas, visible, path):
        return []
    if entry.schemas is None:
        return [(name, None) for name in visible if not _matches(name, entry.exclude_schemas)]
    selectors = [schema.schema_name for schema in entry.schemas]
    choice = _choose(selectors, visible, entry.exclude_schemas)
    for number in choice.missing:
        at = config.at(*path, "schemas", number, "schema_name")
        address = Address(Side.SOURCE, "schema", f"{catalog}.{selectors[number]}")
        _absent(building, at, "schema", address, visible)
    _oddities(building, choice, selectors, (*path, "schemas"), "schema_name", catalog)
    return sorted(choice.found.items())


def _schemas_known(
    building: Building,
    catalog: str,
    patterns: Sequence[str],
    excluded: Sequence[str],
    visible: Sequence[str],
    path: tuple[str | int, ...],
) -> bool:
    """Whether the patterns can be answered; what stands in the way is reported."""
    at = building.config.at(*path)
    reason = building.source.unknown_reason(Address(Side.SOURCE, "schema", f"{catalog}.*"))
    if reason is not None:
        building.problem(at, f"which schemas {catalog} has is unknown: {reason}")
        return False
    for key, why in sorted(building.source.unknown.items()):
        name = key.removeprefix(f"schema/{catalog}.")
        if name not in (key, *visible) and _matches(name, patterns) and not _matches(name, excluded):
            text = f"{catalog}.{name} is unknown: {why}; get access to it, or put it under `exclude_schemas`"
            building.problem(at, text)
    return True


def _absent(building: Building, at: Position, what: str, address: Address, near: Iterable[str]) -> None:
    reason = building.source.unknown_reason(address)
    if reason is not None:
        building.problem(at, f"whether the source has the {what} {address.name} is unknown: {reason}")
    else:
        building.problem(at, f"the source has no {what} `{address.name}`{did_you_mean(address.parts[-1], near)}")


def _oddities(
    building: Building,
    choice: _Choice,
    selectors: Sequence[str],
    path: tuple[str | int, ...],
    key: str,
    container: str,
) -> None:
    config = building.config
    for number in choice.excluded:
        text = f"`{selectors[number]}` is both selected and excluded"
        building.problem(config.at(*path, number, key), text)
    for number, name in choice.twice:
        first = config.at(*path, choice.found[name], key)
        building.problem(config.at(*path, number, key), f"{container}.{name} is selected twice; first at {first}")
    for number in choice.empty:
        at = config.at(*path, number, key)
        building.notices.append(f"{at}: nothing in {container} matches `{selectors[number]}`")


def _tables(
    building: Building, index: SourceIndex, schema: str, levels: Levels, path: tuple[str | int, ...]
) -> PickedSchema:
    entry = levels[0] if isinstance(levels[0], SchemaEntry) else None
    tables = entry.tables if entry is not None else None
    excluded = entry.exclude_tables if entry is not None else ()
    selectors = ["*"] if tables is None else [table.table_name for table in tables]
    names = {name.rpartition(".")[2]: observed for name, observed in index.tables.get(schema, {}).items()}
    visible = {name for name in names if name in selectors or not name.startswith(_HIDDEN)}
    _check_unknown(building, index, schema, selectors, excluded, path)
    choice = _choose(selectors, visible, excluded)
    if tables is not None:
        _report_tables(building, schema, choice, selectors, visible, path)
    picks: list[Pick] = []
    skipped: list[tuple[str, str]] = []
    for name, number in sorted(choice.found.items()):
        inner = levels if tables is None else (tables[number], *levels)
        at = building.config.at(*path) if tables is None else building.config.at(*path, "tables", number)
        pick = Pick(f"{schema}.{name}", names[name], at, inner, not is_pattern(selectors[number]))
        refused = _refused(pick)
        if refused is None:
            picks.append(pick)
        elif pick.named:
            building.problem(at, f"{pick.name} is {refused}, which cannot be copied")
        else:
            skipped.append((pick.name, refused))
    whole = tables is None and not excluded
    return PickedSchema(schema, building.config.at(*path), levels, whole, tuple(picks), tuple(skipped))


def _report_tables(
    building: Building,
    schema: str,
    choice: _Choice,
    selectors: Sequence[str],
    visible: set[str],
    path: tuple[str | int, ...],
) -> None:
    for number in choice.missing:
        at = building.config.at(*path, "tables", number, "table_name")
        _absent(building, at, "table", Address(Side.SOURCE, "table", f"{schema}.{selectors[number]}"), visible)
    _oddities(building, choice, selectors, (*path, "tables"), "table_name", schema)


def _check_unknown(
    building: Building,
    index: SourceIndex,
    schema: str,
    selectors: Sequence[str],
    excluded: Sequence[str],
    path: tuple[str | int, ...],
) -> None:
    """Report tables that a pattern may mean but that nobody here may read."""
    patterns = [selector for selector in selectors if is_pattern(selector)]
    if not patterns:
        return
    at = building.config.at(*path)
    reason = building.source.unknown_reason(Address(Side.SOURCE, "table", f"{schema}.*"))
    if reason is not None:
        building.problem(at, f"which tables {schema} has is unknown: {reason}")
        return
    for full_name, why in index.unknown.get(schema, {}).items():
        name = full_name.rpartition(".")[2]
        if _matches(name, patterns) and not _matches(name, excluded):
            building.problem(at, f"{full_name} is unknown: {why}; get access to it, or put it under `exclude_tables`")


def _refused(pick: Pick) -> str | None:
    """What a table is, if it is something that cannot be copied."""
    kind = str(pick.observed.info.get("table_type") or "MANAGED")
    stored = pick.observed.info.get("data_source_format")
    if kind not in COPYABLE_TYPES:
        return f"a {kind.lower().replace('_', ' ')}"
    if stored not in (None, "", "DELTA") and not pick.of_pipeline:
        return f"a table of format {stored}"
    return None


def skipped_notices(picked: Iterable[PickedSchema], done: str) -> Iterable[str]:
    """One sentence per schema that holds something that cannot be copied."""
    for schema in picked:
        if schema.skipped:
            names = [f"{name.rpartition('.')[2]} ({what})" for name, what in schema.skipped]
            yield f"not {done} of {schema.name}: {listed(names, 5)}"
