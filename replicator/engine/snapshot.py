"""A snapshot: everything that was read from one side in one go, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from replicator.address import Address, Side
from replicator.resources import TYPES
from replicator.resources.base import Observed


@dataclass(frozen=True, slots=True)
class Metastore:
    """Who answered: the metastore's uuid, its sharing identifier `cloud:region:uuid`, the host and the principal
    we are."""

    metastore_id: str
    global_id: str
    host: str
    principal: str


@dataclass(frozen=True)
class Scope:
    """What to read of one side: nothing outside it is listed.

    `catalogs` maps a catalog to the schemas whose tables are listed, None for all of them, empty for none (the schemas
    themselves are always listed). `grants` and `tags` name what they are on, as `type/full.name`. `names` are objects,
    as `kind/name`, that are asked for by name when a listing leaves them out: it may only not be allowed to show them.
    `glance` names catalogs whose tables are only copied from: to know that such a table is there, and of what kind, is
    enough while its data stands still. The schemas that it maps to hold more than that, and are read in full.
    """

    catalogs: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    shares: frozenset[str] = frozenset()
    recipients: bool = False
    providers: bool = False
    grants: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    glance: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def named_tables(self) -> Mapping[str, list[str]]:
        """The tables among `names`, by schema (`catalog.schema`)."""
        found: dict[str, list[str]] = {}
        for key in self.names:
            kind, _, name = key.partition("/")
            if kind == "table":
                found.setdefault(name.rpartition(".")[0], []).append(name)
        return found

    @cached_property
    def named_schemas(self) -> Mapping[str, set[str]]:
        """The schemas among `names`, and those of the tables among them, by catalog."""
        found: dict[str, set[str]] = {}
        for key in self.names:
            kind, _, name = key.partition("/")
            if kind in ("schema", "table"):
                catalog, schema, *_ = name.split(".")
                found.setdefault(catalog, set()).add(schema)
        return found


@dataclass(frozen=True, slots=True)
class ReadStats:
    """What reading cost: HTTP calls, SQL statements, bytes received, seconds of wall time in which something was
    asked; how many calls were refused as too many (429), and how many calls and statements were sent again."""

    calls: int = 0
    statements: int = 0
    bytes: int = 0
    seconds: float = 0.0
    refused: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Snapshot:
    """`objects` maps kind (catalog, schema, table, share, …) to name to what was found.

    `unknown` maps "kind/name" or "kind/container.*" to the reason why it could not be read: unknown is not absent.
    `scope` is what was asked for, None for everything; `notes` are sentences on how it was read.
    """

    side: Side
    metastore: Metastore
    objects: Mapping[str, Mapping[str, Observed]]
    unknown: Mapping[str, str] = field(default_factory=dict)
    stats: ReadStats = ReadStats()
    scope: Scope | None = None
    notes: tuple[str, ...] = ()

    def find(self, address: Address) -> Observed | None:
        """The object at an address, None when the side does not have it (or it is unknown)."""
        return self.objects.get(TYPES[address.type].kind, {}).get(address.name)

    def unknown_reason(self, address: Address) -> str | None:
        """Why nothing can be said about an address, or None."""
        kind, name = TYPES[address.type].kind, address.name
        candidates = [f"{kind}/{name}"]
        while name:
            name = name.rpartition(".")[0]
            candidates.append(f"{kind}/{name}.*" if name else f"{kind}/*")
        return next((self.unknown[key] for key in candidates if key in self.unknown), None)

    def silent_about(self, table: Address) -> str | None:
        """Why it says nothing of a table that it does not hold: it is unknown, or nobody asked. None: it is absent."""
        if self.find(table) is not None:
            return None
        catalog, *inside = table.parts
        schemas = self.scope.catalogs.get(catalog, frozenset()) if self.scope is not None else None
        if schemas is not None and inside[0] not in schemas:
            return "nobody looked for it"
        return self.unknown_reason(table)
