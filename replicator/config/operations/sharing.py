"""delta_share_config: recipient, shares with their objects and grants, and on the target what makes them a catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from replicator.address import Address, Side
from replicator.config.building import Building, add, index_source
from replicator.config.operations.common import backing_of
from replicator.config.sections import DeltaShareConfig, Share
from replicator.config.selection import Pick, PickedSchema, expand, skipped_notices
from replicator.engine.desired import Position
from replicator.resources import catalog, grants, provider, recipient, share
from replicator.resources.share import SharedObject
from replicator.wording import LISTED, listed, many

SECTION = "delta_share"
MAX_TABLES = 1000
"""Databricks documents at most 1,000 tables per share (https://docs.databricks.com/resources/limits)."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One table as the target sees it. `catalog` is None when the target makes no catalog of the share; `origin` is
    what was shared, and so what a version is of."""

    pick: Pick
    share: str
    catalog: str | None
    schema: str
    table: str
    origin: Address

    @property
    def name(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.table}"


@dataclass
class _Content:
    """What goes into one share, by type and name."""

    at: Position
    objects: dict[tuple[str, str], SharedObject] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    comment: str | None = None


def compile_sharing(
    building: Building, section: DeltaShareConfig, backups: Mapping[str, Address]
) -> tuple[Exposure, ...]:
    """Declare recipient, shares, grants, provider and shared catalogs. Returns every shared table that can be
    copied."""
    if building.same_metastore:
        at = building.config.at("delta_share_config", key=True)
        building.problem(at, "source and target are the same metastore, and a metastore cannot share with itself")
        return ()
    contents, exposures = _contents(building, section, backups)
    named = _recipient(building, section)
    at = building.config.at("delta_share_config", "recipient_id")
    add(building, named, at, SECTION)
    for name, content in contents.items():
        _declare_share(building, name, content, named.name)
    _declare_catalogs(building, section)
    return exposures


def exposed(building: Building, section: DeltaShareConfig, backups: Mapping[str, Address]) -> tuple[Exposure, ...]:
    """What a disabled section says is shared: replication reads through it although it is not managed now."""
    return _contents(building, section, backups)[1]


def _contents(
    building: Building, section: DeltaShareConfig, backups: Mapping[str, Address]
) -> tuple[dict[str, _Content], tuple[Exposure, ...]]:
    index, contents, exposures = index_source(building), dict[str, _Content](), list[Exposure]()
    for number, entry in enumerate(section.shares):
        path = ("delta_share_config", "shares", number)
        content = contents.setdefault(entry.share_name, _Content(building.config.at(*path)))
        content.comment = entry.comment or content.comment
        picked = expand(building, index, entry, path, (section,))
        whole = {schema.name for schema in picked if _whole(entry, schema)}
        for schema in picked:
            if schema.name in whole:
                content.objects["SCHEMA", schema.name] = SharedObject(name=schema.name, type="SCHEMA")
                exposures.extend(_within(building, entry, pick) for pick in schema.picks)
            else:
                exposures.extend(_one_by_one(building, entry, schema, content, backups))
        building.notices.extend(skipped_notices([schema for schema in picked if schema.name not in whole], "shared"))
        if whole:
            named = listed(sorted(whole))
            which = f"{many(len(whole), 'schema')} whole ({named})" if len(whole) > LISTED else f"{named} whole"
            building.notices.append(
                f"share {entry.share_name} exposes {which}: whatever is added there later is shared too"
            )
    _check_sizes(building, contents)
    return contents, tuple(exposures)


def _whole(entry: Share, schema: PickedSchema) -> bool:
    renamed = entry.schema_prefix or entry.schema_suffix
    return schema.whole and not renamed and not any(pick.of_pipeline for pick in schema.picks)


def _within(building: Building, entry: Share, pick: Pick) -> Exposure:
    origin = backing_of(building, pick)
    if origin is None:
        raise AssertionError("a schema with tables of pipelines is not shared whole")
    return Exposure(pick, entry.share_name, entry.shared_catalog_name, pick.schema, pick.table, origin)


def _one_by_one(
    building: Building, entry: Share, schema: PickedSchema, content: _Content, backups: Mapping[str, Address]
) -> list[Exposure]:
    alias_schema = f"{entry.schema_prefix or ''}{schema.name.partition('.')[2]}{entry.schema_suffix or ''}"
    found: list[Exposure] = []
    for pick in schema.picks:
        origin = _shared_table(building, entry, pick, backups)
        alias = f"{alias_schema}.{pick.table}"
        if origin is None:
            continue
        if content.aliases.setdefault(alias, pick.name) != pick.name:
            other = content.aliases[alias]
            building.problem(pick.at, f"{pick.name} and {other} would both be {alias} in share {entry.share_name}")
            continue
        content.objects["TABLE", origin.name] = SharedObject(name=origin.name, shared_as=alias)
        found.append(Exposure(pick, entry.share_name, entry.shared_catalog_name, alias_schema, pick.table, origin))
    return found


def _shared_table(building: Building, entry: Share, pick: Pick, backups: Mapping[str, Address]) -> Address | None:
    """The table to share for a selected one: of a pipeline's table its backup, or else what is behind it."""
    if pick.of_pipeline and pick.name in backups:
        return backups[pick.name]
    origin = backing_of(building, pick)
    if origin is not None and pick.of_pipeline:
        building.notices.append(
            f"share {entry.share_name} exposes the backing table of {pick.name}: "
            "row filters and column masks of the pipeline's table do not apply to it"
        )
    return origin


def _check_sizes(building: Building, contents: Mapping[str, _Content]) -> None:
    for name, content in contents.items():
        tables = sum(kind == "TABLE" for kind, _ in content.objects)
        if tables > MAX_TABLES:
            text = f"share {name} would hold {many(tables, 'table')}, and a share holds at most {MAX_TABLES:,}"
            building.problem(content.at, f"{text}; share whole schemas, or use several shares")


def _recipient(building: Building, section: DeltaShareConfig) -> recipient.Recipient:
    """The recipient of the target's metastore: one that exists is used, whatever its name."""
    metastore_id = building.target.metastore.global_id
    wanted = section.recipient_id or ""
    existing = sorted(
        name
        for name, observed in building.source.objects.get("recipient", {}).items()
        if observed.fields.get("metastore_id") == metastore_id
    )
    if existing and wanted not in existing:
        building.notices.append(
            f"the source already has the recipient {existing[0]} for the target's metastore; "
            f"it is used instead of {wanted}"
        )
        wanted = existing[0]
    return recipient.Recipient(side=Side.SOURCE, name=wanted, metastore_id=metastore_id)


def _declare_share(building: Building, name: str, content: _Content, recipient_name: str) -> None:
    objects = tuple(content.objects[key] for key in sorted(content.objects))
    made = share.Share(side=Side.SOURCE, name=name, objects=objects)
    if content.comment is not None:
        made = made.model_copy(update={"comment": content.comment})
    add(building, made, content.at, SECTION)
    granted = grants.Grants(side=Side.SOURCE, name=f"share/{name}", privileges={recipient_name: ("SELECT",)})
    add(building, granted, content.at, SECTION)


def _declare_catalogs(building: Building, section: DeltaShareConfig) -> None:
    provider_id = building.source.metastore.global_id
    for number, entry in enumerate(section.shares):
        if entry.shared_catalog_name is None:
            continue
        at = building.config.at("delta_share_config", "shares", number, "shared_catalog_name")
        add(building, provider.Provider(side=Side.TARGET, name=provider_id), at, SECTION)
        made = catalog.Catalog(
            side=Side.TARGET, name=entry.shared_catalog_name, share_name=entry.share_name, provider_id=provider_id
        )
        add(building, made, at, SECTION)
