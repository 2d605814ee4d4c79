"""Two metastores as dictionaries, behind the same functions that every resource type offers.

The executor knows a type only through `ResourceType`; so do these tests. Failures are injected around every effect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from replicator.address import Address, Side
from replicator.engine.actions import Action, Plan
from replicator.engine.desired import Declared, Desired
from replicator.engine.moves import carried
from replicator.engine.planner import make_plan
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Metastore, Snapshot
from replicator.errors import AlreadyExists, NotFound, Unavailable
from replicator.execution.apply import Options, execute
from replicator.execution.events import Event, Events
from replicator.execution.folder import Folder
from replicator.execution.job import Hands, Verdict
from replicator.execution.pending import resolved
from replicator.execution.results import ApplyResult
from replicator.execution.retrying import Retry
from replicator.execution.store import Opened, StateStore
from replicator.resources import TYPES
from replicator.resources.base import (
    CloneRecord,
    DeltaVersion,
    Fields,
    Lag,
    LagReport,
    Observed,
    Outputs,
    Resource,
    Task,
)

ME = "runner@example.com"
MARKED = ("catalog", "schema", "table", "clone")


class Crash(BaseException):
    """The process dies here."""


@dataclass
class World:
    """`objects` by `side:kind/name`. `around(k, moment, what)` is called around the k-th effect and may raise."""

    objects: dict[str, Observed] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    around: Callable[[int, str, str], None] = lambda k, moment, what: None
    born: int = 0
    silent: bool = False

    def key(self, address: Address) -> str:
        return f"{address.side}:{TYPES[address.type].kind}/{address.name}"

    def read(self, reader: Any, address: Address) -> Observed | None:
        if self.silent:
            raise Unavailable(f"no answer to read {address}")
        return self.objects.get(self.key(address))

    def effect(self, what: str, address: Address, change: Callable[[], None]) -> Outputs:
        k = len(self.effects)
        self.effects.append(f"{what} {address}")
        self.around(k, "before", f"{what} {address}")
        change()
        self.around(k, "after", f"{what} {address}")
        return {}

    def put(self, address: Address, fields: Fields, *, mark: str | None = None, id: str | None = None) -> None:
        self.born += 1
        info = {"created_by": ME, "created_at": "2999-01-01T00:00:00+00:00"}
        self.objects[self.key(address)] = Observed(address.name, fields, id or f"id-{self.born}", mark, info=info)

    def create(self, writer: Any, task: Task) -> Outputs:
        def change() -> None:
            if self.key(task.address) in self.objects:
                raise AlreadyExists(f"{task.address} already exists")
            mark = task.lineage if task.address.type in MARKED else None
            self.put(task.address, {**task.desired, "owner": ME}, mark=mark)
            if task.address.type == "clone":
                self.copy(task)
            if task.address.type == "catalog":
                self.put(Address(task.address.side, "schema", f"{task.address.name}.default"), {"owner": ME})

        return self.effect("create", task.address, change)

    def update(self, writer: Any, task: Task) -> Outputs:
        def change() -> None:
            known = self.objects.get(self.key(task.address))
            if known is None:
                raise NotFound(f"{task.address} does not exist")
            fields = {**known.fields, **{name: task.desired[name] for name in task.changed & task.desired.keys()}}
            self.objects[self.key(task.address)] = replace(known, fields=fields)

        return self.effect(f"update[{','.join(sorted(task.changed))}]", task.address, change)

    def rename(self, writer: Any, task: Task) -> Outputs:
        """All that is inside goes along."""

        def change() -> None:
            assert task.before is not None
            former = Address(task.address.side, task.address.type, task.before.name)
            if self.key(former) not in self.objects:
                raise NotFound(f"{former} does not exist")
            for key, found in list(self.objects.items()):
                side, _, rest = key.partition(":")
                kind, _, name = rest.partition("/")
                now = carried(Address(Side(side), kind, name), former, task.address)
                if now is not None:
                    del self.objects[key]
                    self.objects[self.key(now)] = replace(found, name=now.name)

        return self.effect("rename", task.address, change)

    def delete(self, writer: Any, task: Task) -> Outputs:
        def change() -> None:
            if self.objects.pop(self.key(task.address), None) is None:
                raise NotFound(f"{task.address} does not exist")

        return self.effect("delete", task.address, change)

    def sync(self, writer: Any, task: Task) -> Outputs:
        self.effect("sync", task.address, lambda: self.copy(task))
        assert task.origin is not None
        assert task.origin.version is not None
        return {"source_version": task.origin.version.version}

    def copy(self, task: Task) -> None:
        """A clone: the origin's version is recorded, and the copy's comment is lost, as CLONE does not keep it."""
        assert task.origin is not None
        assert task.origin.version is not None
        known = self.objects[self.key(task.address)]
        own = known.version.version + 1 if known.version else 0
        record = CloneRecord(task.desired["source"], task.origin.version.version, own)
        fields = {name: value for name, value in known.fields.items() if name != "comment" or task.before is None}
        self.objects[self.key(task.address)] = replace(known, fields=fields, version=DeltaVersion(own, "", record))

    def advance(self, text: str, by: int = 1) -> None:
        """Somebody wrote to a table."""
        key = self.key(Address.parse(text))
        known = self.objects[key]
        version = (known.version.version if known.version else -1) + by
        clone = known.version.clone if known.version else None
        foreign = (version, "WRITE") if clone else None
        self.objects[key] = replace(known, version=DeltaVersion(version, "", clone, foreign))

    def versions(self, address: Address, *, clones: bool) -> DeltaVersion | None:
        found = self.objects.get(self.key(address))
        return found.version if found else None

    def snapshot(self, side: Side) -> Snapshot:
        by_kind: dict[str, dict[str, Observed]] = {}
        for key, found in self.objects.items():
            if key.startswith(f"{side}:"):
                by_kind.setdefault(key.partition(":")[2].partition("/")[0], {})[found.name] = found
        identity = Metastore(f"uuid-{side}", f"aws:{side}:uuid-{side}", f"https://{side}", ME)
        return Snapshot(side, identity, by_kind)


def lag(desired: Fields, copy: Observed | None, origin: Observed | None, outputs: Mapping[str, Any]) -> LagReport:
    if origin is None or origin.version is None:
        return LagReport(Lag.UNKNOWN, "the origin is missing")
    if copy is None or copy.version is None or copy.version.clone is None:
        return LagReport(Lag.NEVER_COPIED, "never copied")
    if copy.version.foreign:
        return LagReport(Lag.FOREIGN_WRITE, "somebody wrote to the copy")
    behind = origin.version.version - copy.version.clone.source_version
    return LagReport(Lag.BEHIND, "behind", behind) if behind else LagReport(Lag.CURRENT, "current")


def install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every type act on the world."""
    moves = {"lag": lag, "sync": world.sync, "origin": lambda fields: Address.parse(fields["origin"])}
    for name, rtype in list(TYPES.items()):
        if not rtype.is_check:
            drivers = {"read": world.read, "create": world.create, "update": world.update, "delete": world.delete}
            drivers |= {"rename": world.rename} if rtype.rename else {}
            extra = moves if name == "clone" else {"settled": None}
            monkeypatch.setitem(TYPES, name, replace(rtype, **drivers, **extra))  # type: ignore[arg-type]


def wanted(*resources: Resource, moved: Mapping[Address, Address] | None = None) -> Desired:
    return Desired(
        environment="test",
        config_hash="sha256:" + "0" * 64,
        resources={item.address: Declared(item) for item in resources},
        moved=moved or {},
    )


@dataclass
class Bench:
    """A world and a state folder, planned and applied as the commands do it."""

    world: World
    folder: Path
    events: list[Event] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def backend(self) -> Folder:
        return Folder(self.folder, "test")

    @property
    def store(self) -> StateStore:
        return StateStore(self.backend)

    def check(self, action: Action, known: Mapping[str, Any], copied: Mapping[str, Any]) -> Verdict:
        """Every copy is equal at its versions, unless a test says otherwise."""
        copy = self.world.objects[self.world.key(Address.parse(action.desired["copy_of"]))]
        key = [copy.version.clone.source_version, copy.version.version] if copy.version and copy.version.clone else None
        return self.verdict or Verdict(True, key)

    def opened(self) -> Opened:
        return resolved(self.store.open(), {side: self.world.snapshot(side) for side in Side})

    def plan(self, desired: Desired, policy: Policy | None = None) -> Plan:
        snapshots = {side: self.world.snapshot(side) for side in Side}
        return make_plan(desired, snapshots, self.opened().state, policy or Policy())

    def apply(
        self, desired: Desired, policy: Policy | None = None, plan: Plan | None = None, **options: Any
    ) -> ApplyResult:
        opened = self.opened()
        made = plan or self.plan(desired, policy)
        settings = {"workers": 1, "retry": Retry(attempts=3, delay=0.0, timeout=60.0), **options}
        stop = settings.pop("stop", None)
        writers: Any = {side: side for side in Side}
        hands = Hands(writers, self.world.versions, self.check)
        events = Events("run", self.events.append)
        chosen = Options(policy=policy or Policy(), **settings)
        return execute(made, desired, opened, self.store, hands, events, chosen, stop)


def lost(world: World, at: int, moment: str) -> None:
    """The answer of one effect does not arrive."""

    def around(k: int, when: str, what: str) -> None:
        if (k, when) == (at, moment):
            raise Unavailable(f"no answer to {what}")

    world.around = around
