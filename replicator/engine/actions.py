"""The plan as data: what will be done to which resource, why, and against what it was planned.

Everything a person, a pull request or apply needs is in these models; `docs/plan-schema.json` is generated from them.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from replicator.address import Address
from replicator.resources.base import Effect


class Do(StrEnum):
    """What happens to a resource, by severity."""

    NOOP = "noop"
    CHECK = "check"
    IMPORT = "import"
    SYNC = "sync"
    UPDATE = "update"
    RENAME = "rename"
    CREATE = "create"
    REPLACE = "replace"
    FORGET = "forget"
    DELETE = "delete"


class Cause(StrEnum):
    """Who made the difference."""

    CONFIG = "config"
    DRIFT = "drift"
    BOTH = "both"
    IMPORT = "import"
    LAG = "lag"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why this action and no other."""

    NOT_PRESENT = "not_present"
    FIELDS_DIFFER = "fields_differ"
    IMMUTABLE_FIELD = "immutable_field"
    RENAMED = "renamed"
    SOURCE_ADVANCED = "source_advanced"
    REPLICA_WRITTEN = "replica_written"
    SOURCE_RECREATED = "source_recreated"
    NEVER_COPIED = "never_copied"
    INCOMPLETE = "incomplete"
    NOT_IN_CONFIG = "not_in_config"
    GONE = "gone"
    IMPORTED_THEN_REMOVED = "imported_then_removed"
    EXISTS_UNMANAGED = "exists_unmanaged"
    NOT_VERIFIED = "not_verified"
    UNKNOWN = "unknown"
    ORIGIN_MISSING = "origin_missing"
    EXPECTED_SOON = "expected_soon"
    REQUESTED = "requested"


class Risk(StrEnum):
    NONE = "none"
    ADDITIVE = "additive"
    ACCESS_LOSS = "access_loss"
    DATA_LOSS = "data_loss"


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(Model):
    """One field. `applied`, `before` and `after` are state, metastore and configuration; None stands for unset."""

    path: tuple[str, ...]
    applied: Any = None
    before: Any = None
    after: Any = None
    cause: Cause
    effect: Effect
    lossy: bool = False
    why: str = ""


class Block(Model):
    """A guard that holds an action back, or would; `release` is what a person types to let it pass."""

    code: str
    message: str
    release: str = ""


class Precondition(Model):
    """What must still be true right before the action: whether the object exists, and as what."""

    exists: bool
    fingerprint: str | None = None


class Estimate(Model):
    """What a copy will get. `removed` are the rows that it will lose, by the operation that took them from its origin;
    None where the origin's history does not say how many."""

    versions: int | None = None
    files: int | None = None
    bytes: int | None = None
    source_version: int | None = None
    removed: dict[str, int | None] = Field(default_factory=dict)


class DeclaredAt(Model):
    file: str
    line: int


class Action(Model):
    """What to do with one resource. `desired` are all its managed fields; `moves_data` says that a copy is brought
    to its origin's version, before any change of fields; `depends_on` names other actions of the same plan;
    `released` are the guards that would hold it back, had a person not let it go on."""

    address: str
    do: Do
    cause: Cause
    reason: Reason
    message: str = ""
    risk: Risk = Risk.NONE
    previous_address: str | None = None
    depends_on: tuple[str, ...] = ()
    precondition: Precondition
    desired: dict[str, Any] = Field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    moves_data: bool = False
    estimate: Estimate | None = None
    blocked: tuple[Block, ...] = ()
    released: tuple[Block, ...] = ()
    declared_at: DeclaredAt | None = None

    @property
    def at(self) -> Address:
        return Address.parse(self.address)


class SideRef(Model):
    """One metastore as the plan saw it, and what reading it cost."""

    metastore_id: str
    global_id: str
    host: str
    principal: str
    objects: int = 0
    calls: int = 0
    statements: int = 0
    seconds: float = 0.0


class StateRef(Model):
    lineage: str | None
    serial: int = Field(ge=0)


class ConfigRef(Model):
    hash: str
    root: str = ""


class Notice(Model):
    code: str
    message: str
    address: str | None = None


class Plan(Model):
    """The only thing that apply executes. `actions` stand in execution order; unchanged resources are only counted.

    `released` are the guards and address patterns that were released for it; a saved plan carries a `signature`.
    """

    format_version: Literal["1.0"] = "1.0"
    replicator_version: str
    plan_id: str
    environment: str
    mode: Literal["normal", "destroy"] = "normal"
    created_at: str
    config: ConfigRef
    state: StateRef
    metastores: dict[str, SideRef]
    complete: bool = True
    applyable: bool
    unchanged: int = Field(ge=0)
    summary: dict[str, int]
    actions: tuple[Action, ...]
    notices: tuple[Notice, ...] = ()
    released: tuple[str, ...] = ()
    signature: str = ""
