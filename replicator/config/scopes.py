"""scope: what must be read of each side before the configuration can be compiled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from replicator.address import Address, Side, split_column
from replicator.config.levels import Levels, made_schema, setting
from replicator.config.loading import Config
from replicator.config.names import is_pattern
from replicator.config.sections import (
    BackupConfig,
    CatalogEntry,
    DeltaShareConfig,
    ReplicationConfig,
    SchemaEntry,
)
from replicator.engine.snapshot import Scope
from replicator.resources import TYPES

_LISTED = frozenset({"schema", "table", "recipient"})
"""Kinds that are read in listings, which leave out what one may not see; the others are asked for by name anyway,
or cannot be."""
_INTERNAL = "__databricks_internal"
"""Databricks' own catalog, which may not be listed; what is in it is found from the pipeline's table."""


@dataclass
class _Growing:
    """A scope while it is collected; None stands for all schemas."""

    catalogs: dict[str, set[str] | None] = field(default_factory=dict)
    whole: dict[str, set[str] | None] = field(default_factory=dict)
    shares: set[str] = field(default_factory=set)
    grants: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    recipients: bool = False
    providers: bool = False

    def add(self, catalog: str, schemas: Iterable[str] | None = ()) -> None:
        """Schemas that hold what is managed."""
        listed = None if schemas is None else set(schemas)
        _widen(self.catalogs, catalog, listed)
        _widen(self.whole, catalog, listed)

    def add_origins(self, catalog: str, schemas: Iterable[str] | None) -> None:
        """Schemas whose tables are copied from."""
        _widen(self.catalogs, catalog, None if schemas is None else set(schemas))

    def frozen(self) -> Scope:
        return Scope(
            catalogs={
                name: None if schemas is None else frozenset(schemas) for name, schemas in sorted(self.catalogs.items())
            },
            shares=frozenset(self.shares),
            recipients=self.recipients,
            providers=self.providers,
            grants=frozenset(self.grants),
            tags=frozenset(self.tags),
            names=frozenset(self.names),
            glance={
                name: frozenset(whole)
                for name in sorted(self.catalogs)
                if (whole := self.whole.get(name, set())) is not None
            },
        )


def _widen(known: dict[str, set[str] | None], catalog: str, schemas: set[str] | None) -> None:
    already = known.setdefault(catalog, set())
    if schemas is None:
        known[catalog] = None
    elif already is not None:
        already.update(schemas)


Sides = dict[Side, _Growing]


def scope(
    config: Config, state_addresses: Iterable[Address | str] = (), origins: Iterable[Address] = ()
) -> dict[Side, Scope]:
    """What to read: everything that the configuration selects, makes or declares, with what that copies, and everything
    that state knows: `state_addresses` are those of its entries, `origins` what they copy."""
    sides = {side: _Growing() for side in Side}
    document = config.document
    backup, sharing = document.backup_config, document.delta_share_config
    replication, reconciliation = document.replication_config, document.reconciliation_config
    copies = any(section is not None and section.enabled for section in (replication, reconciliation))
    shares = sharing is not None and sharing.enabled
    if backup is not None and (backup.enabled or shares or copies):
        _backup(backup, sides)
    if sharing is not None and (shares or copies):
        _sharing(sharing, sides)
    if copies:
        _replication(replication or ReplicationConfig(), sharing, sides)
    for declared in config.declared.values():
        if getattr(declared.resource, "provider_id", None) is not None:
            sides[declared.resource.side].providers = True
    known = [item if isinstance(item, Address) else Address.parse(item) for item in state_addresses]
    for address in known:
        if address.type == "schema":  # it may be about to go: what it holds is in the way
            sides[address.side].add(address.parts[0], address.parts[1:])
    for address in (*config.declared, *config.moved, *config.moved.values(), *known):
        _object(address, sides[address.side])
    for address in (*_origins(config), *origins):
        _origin(address, sides[address.side])
    return {side: growing.frozen() for side, growing in sides.items()}


def _origins(config: Config) -> Iterator[Address]:
    """What the declared copies are copies of."""
    for declared in config.declared.values():
        rtype = TYPES[declared.resource.address.type]
        origin = rtype.origin(rtype.declared(declared.resource)) if rtype.origin else None
        if origin is not None:
            yield origin


def _selected(entry: CatalogEntry) -> list[SchemaEntry] | None:
    """The schemas that an entry names, None when only listing can tell."""
    if entry.schemas is None or any(is_pattern(schema.schema_name) for schema in entry.schemas):
        return None
    return list(entry.schemas)


def _names(entry: CatalogEntry) -> list[str] | None:
    selected = _selected(entry)
    return None if selected is None else [schema.schema_name for schema in selected]


def _made(entry: CatalogEntry, above: Levels, what: Literal["backup", "target"]) -> list[str] | None:
    """The schemas that an entry's copies go to."""
    selected = _selected(entry)
    if selected is None:
        return None
    return [made_schema(schema.schema_name, (schema, *above), what) for schema in selected]


def _backup(section: BackupConfig, sides: Sides) -> None:
    for entry in section.catalogs:
        sides[Side.SOURCE].add_origins(entry.catalog_name, _names(entry))
        sides[Side.SOURCE].add(entry.backup_catalog, _made(entry, (entry, section), "backup"))


def _sharing(section: DeltaShareConfig, sides: Sides) -> None:
    sides[Side.SOURCE].recipients = sides[Side.TARGET].providers = True
    for entry in section.shares:
        sides[Side.SOURCE].shares.add(entry.share_name)
        sides[Side.SOURCE].grants.add(f"share/{entry.share_name}")
        sides[Side.SOURCE].add_origins(entry.catalog_name, _names(entry))
        if entry.shared_catalog_name is not None:
            sides[Side.TARGET].add(entry.shared_catalog_name)


def _replication(section: ReplicationConfig, sharing: DeltaShareConfig | None, sides: Sides) -> None:
    if section.catalogs is None:
        for share in sharing.shares if sharing is not None else ():
            made = _made(share, (section,), "target")
            sides[Side.TARGET].add(share.catalog_name, made)
            if section.intermediate_catalog is not None:
                sides[Side.TARGET].add(section.intermediate_catalog, made)
    for entry in section.catalogs or ():
        levels = (entry, section)
        made = _made(entry, levels, "target")
        sides[Side.SOURCE].add_origins(entry.catalog_name, _names(entry))
        sides[Side.TARGET].add(entry.target_catalog or entry.catalog_name, made)
        for key in ("source_catalog", "backup_catalog", "dpm_backing_table_catalog"):
            if (through := setting(key, levels)) is not None:
                sides[Side.TARGET].add(through)
                sides[Side.TARGET].providers = True
        intermediate = setting("intermediate_catalog", levels)
        if intermediate is not None:
            sides[Side.TARGET].add(intermediate, made)


def _origin(address: Address, growing: _Growing) -> None:
    """What must be known of a table that is copied."""
    if address.parts[0] == _INTERNAL or TYPES[address.type].kind != "table":
        _object(address, growing)
        return
    growing.names.add(f"table/{address.name}")
    growing.add_origins(address.parts[0], address.parts[1:2])


def _object(address: Address, growing: _Growing) -> None:
    """What must be read to know one object."""
    kind, parts = address.type, address.parts
    if TYPES[kind].kind in _LISTED:
        growing.names.add(f"{TYPES[kind].kind}/{address.name}")
    if kind in ("grants", "tags"):
        (growing.grants if kind == "grants" else growing.tags).add(address.name)
        kind = address.name.partition("/")[0]
        kind = "table" if kind == "column" else kind
        if kind == "table":
            growing.names.add(f"table/{split_column(address.name.partition('/')[2])[0]}")
    if kind == "share":
        growing.shares.add(parts[0])
        growing.grants.add(f"share/{parts[0]}")
    elif kind == "recipient":
        growing.recipients = True
    elif kind == "provider":
        growing.providers = True
    elif parts[0] == _INTERNAL:
        return
    elif kind in ("table", "clone", "view"):
        growing.add(parts[0], parts[1:2])
    elif kind in ("catalog", "schema"):
        growing.add(parts[0])
