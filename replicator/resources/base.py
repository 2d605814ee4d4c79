"""What every resource type is made of: a model, its field rules, and functions that read and change the object.

The engine knows a type only through `ResourceType`. Values travel as plain JSON (`Fields`), so that the three
values of a field, applied (state), desired (configuration) and actual (metastore), are compared without knowing
the type.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from replicator.address import Address, Side

Fields = dict[str, Any]
"""Field name to canonical JSON value; a field that is absent is unmanaged (desired, applied) or unknown (actual)."""

Path = tuple[str, ...]
"""Field name, then the keys inside it."""

MARK = "replicator.lineage"
"""The property that says which deployment created an object."""


class Effect(StrEnum):
    """What changing a field does to the object."""

    UPDATE = "update"
    ADDITIVE = "additive"
    RENAME = "rename"
    REPLACE = "replace"
    OWNER = "owner"
    IGNORED = "ignored"


def identity(value: Any) -> Any:
    return value


def never(path: Path, before: Any, after: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field is compared and changed; attached to a model field with `Annotated[...]`.

    `canonical` gives the one spelling of a value; it must be idempotent and is applied to all three values.
    `keyed` says how many levels of the canonical value are mappings whose keys are things of their own, of which only
    declared ones are managed (columns: 1, principals and their privileges: 2). Deeper keys are attributes of a thing.
    `prune(desired fields)` (keyed only) says that keys which nobody declared are removed. Otherwise they are left
    alone.
    `effect_of(path, before, after)` refines `effect` where it depends on the values (a widened type, an added column).
    `lossy(path, before, after)` says that this change may lose data or access.
    `write_only`: the server never returns it; compared with state alone.
    `server_default`: an unset value that the server fills is no difference.
    `watch` (keyed only): additions behind our back are drift although plan leaves them alone (they open access).
    """

    effect: Effect = Effect.UPDATE
    effect_of: Callable[[Path, Any, Any], Effect] | None = None
    canonical: Callable[[Any], Any] = identity
    keyed: int = 0
    prune: Callable[[Fields], bool] | None = None
    watch: bool = False
    lossy: Callable[[Path, Any, Any], bool] = never
    write_only: bool = False
    server_default: bool = False
    secret: bool = False
    why: str = ""


class Lifecycle(BaseModel):
    """How much the tool may do with one object. `None` takes the type's default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protect: bool | None = None
    ignore: tuple[str, ...] = ()
    on_existing: Literal["import", "fail"] | None = None
    on_removed: Literal["delete", "forget"] | None = None


class Resource(BaseModel):
    """A declared object. Subclasses add its fields; a field that was not set is unmanaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    identity_fields: ClassVar[frozenset[str]] = frozenset({"name"})

    side: Side
    name: str
    lifecycle: Lifecycle = Lifecycle()
    after: tuple[Address, ...] = ()

    @property
    def address(self) -> Address:
        return Address(self.side, self.type, self.name)

    def depends_on(self) -> Iterable[Address]:
        """Addresses that must be settled first, if they are part of the same graph."""
        return self.after


@dataclass(frozen=True, slots=True)
class CloneRecord:
    """The last CLONE commit in a table's own Delta history."""

    source: str
    source_version: int
    at_version: int


@dataclass(frozen=True, slots=True)
class DeltaVersion:
    """Where a table's data stands, read from DESCRIBE HISTORY.

    `version` is the newest commit, `timestamp` its ISO-8601 UTC time. `clone` is the last CLONE commit, if any.
    `foreign` is the newest commit after that clone that changed data, as (version, operation): somebody wrote to
    the replica.
    """

    version: int
    timestamp: str
    clone: CloneRecord | None = None
    foreign: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """One object as found in a metastore.

    `id` is the server's identity (a re-created object gets another one), `mark` the lineage that created it,
    `version` is only set where versions were asked for. `info` holds facts that are no fields (table_type,
    pipeline_id…).
    """

    name: str
    fields: Fields
    id: str | None = None
    mark: str | None = None
    version: DeltaVersion | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


class Lag(StrEnum):
    """How a copy stands to its origin."""

    CURRENT = "current"
    BEHIND = "behind"
    FOREIGN_WRITE = "foreign_write"
    RECREATED = "recreated"
    NEVER_COPIED = "never_copied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LagReport:
    """`versions` counts the source's commits not yet copied; `why` is a sentence for people; `breaks` names the
    differences between both schemas that a copy may not silently carry over."""

    lag: Lag
    why: str
    versions: int = 0
    breaks: tuple[str, ...] = ()


class Reader(Protocol):
    """One workspace, read only. Paths are relative to the host, names in them already percent-encoded."""

    side: Side

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """GET one JSON object. Raises NotFound, PermissionDenied, Unavailable, WorkspaceError."""
        ...

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """GET every page of a list and return all items; never a partial list."""
        ...

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement that reads; one dict per row."""
        ...


class Writer(Reader, Protocol):
    """One workspace that may be changed; exists only inside apply."""

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST, PATCH, PUT or DELETE once, never blindly re-sent. Raises Unavailable when the outcome is unknown."""
        ...

    def execute(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement that changes something; must be safe to run twice."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a type's functions get: the object, what is wanted, what there is, and whom we act for.

    `desired` holds only managed fields; `changed` names the top-level fields that differ (update only);
    `before` is the object that the plan saw; `lineage` is the deployment's mark;
    `origin` is the observed origin of a copy.
    """

    address: Address
    desired: Fields
    lineage: str
    before: Observed | None = None
    changed: frozenset[str] = frozenset()
    applied: Fields = field(default_factory=dict)
    origin: Observed | None = None


Without = Callable[[Fields, Fields, frozenset[Address]], tuple[Fields, frozenset[Address]]]
"""`without(desired, held, failed)`: the desired fields that can be had although the `failed` addresses do not exist,
and those of them that had to be left out. `held` are the object's present fields: what it holds already stays."""

Outputs = dict[str, Any]
"""What a write returned that is worth remembering (copied files, bytes, versions)."""


@dataclass(frozen=True)
class ResourceType:
    """One kind of object, as the engine and the executor see it.

    `kind` is the snapshot's kind of object (a clone is observed as a table); of tables, `table_types` says which types
    of Unity Catalog it may be (none: any). `read` fetches one object, None when
    it does not exist; it must give the same fields as the bulk listing. `create`, `update`, `delete` and `replace`
    change it and must be safe to run again. `sync` moves data, `lag` judges a copy, `origin` names what it copies from.
    `rename` gives the object of `task.before` the name of the address; without it, a type cannot be renamed.
    `without` says what can still be had when some of what it depends on failed; without it, nothing can.
    `check` types never appear in a metastore: they are run after what they depend on. A type that `is_value` is a
    set of values on another object (grants): it is never imported or forgotten, only added to and taken from.
    `fleeting` outputs are true until the next write.
    """

    name: str
    model: type[Resource]
    rules: Mapping[str, Rule]
    kind: str
    table_types: frozenset[str] = frozenset()
    bears_data: bool = False
    holds_children: bool = False
    observed_only: bool = False
    is_check: bool = False
    is_value: bool = False
    fleeting: frozenset[str] = frozenset()
    default_on_existing: Literal["import", "fail"] = "import"
    default_on_removed: Literal["delete", "forget"] = "delete"
    read: Callable[[Reader, Address], Observed | None] | None = None
    create: Callable[[Writer, Task], Outputs] | None = None
    update: Callable[[Writer, Task], Outputs] | None = None
    delete: Callable[[Writer, Task], Outputs] | None = None
    rename: Callable[[Writer, Task], Outputs] | None = None
    sync: Callable[[Writer, Task], Outputs] | None = None
    settled: Callable[[Reader, Task], bool] | None = None
    without: Without | None = None
    origin: Callable[[Fields], Address | None] | None = None
    lag: Callable[[Fields, Observed | None, Observed | None, Mapping[str, Any]], LagReport] | None = None

    def canonical(self, values: Mapping[str, Any]) -> Fields:
        """The canonical form of each field; fields without a rule pass as they are."""
        return {
            name: self.rules[name].canonical(value) if name in self.rules and value is not None else value
            for name, value in values.items()
        }

    def declared(self, resource: Resource) -> Fields:
        """The managed fields of a declared resource: those that were written, canonical."""
        plain = resource.model_dump(mode="json", exclude_unset=True)
        skipped = resource.identity_fields | {"side", "lifecycle", "after"}
        return self.canonical({name: value for name, value in plain.items() if name not in skipped})


def rules_of(model: type[Resource]) -> dict[str, Rule]:
    """The rules annotated on a model's fields; a field without one gets the plain rule."""
    found: dict[str, Rule] = {}
    for name, info in model.model_fields.items():
        if name in model.identity_fields | {"side", "lifecycle", "after"}:
            continue
        rules: Sequence[Rule] = [item for item in info.metadata if isinstance(item, Rule)]
        found[name] = rules[0] if rules else Rule()
    return found
