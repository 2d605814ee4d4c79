"""Small builders for the engine's plain inputs."""

from collections.abc import Mapping
from typing import Any

from replicator.address import Address, Side
from replicator.engine.actions import Action, Plan
from replicator.engine.desired import Declared, Desired
from replicator.engine.planner import make_plan
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Metastore, Snapshot
from replicator.engine.state import Entry, State
from replicator.resources import TYPES
from replicator.resources.base import Observed, Resource

LINEAGE = "11111111-1111-4111-8111-111111111111"


def desired(*resources: Resource, disabled: frozenset[str] = frozenset(), forget: tuple[str, ...] = ()) -> Desired:
    return Desired(
        environment="test",
        config_hash="sha256:" + "0" * 64,
        resources={item.address: Declared(item) for item in resources},
        disabled_sections=disabled,
        forget=frozenset(map(Address.parse, forget)),
    )


def found(kind: str, name: str, fields: Mapping[str, Any] | None = None, **rest: Any) -> tuple[str, Observed]:
    return kind, Observed(name=name, fields=TYPES[kind].canonical(fields or {}), **{"id": f"id-{name}", **rest})


def snapshot(side: Side, *objects: tuple[str, Observed], unknown: Mapping[str, str] | None = None) -> Snapshot:
    by_kind: dict[str, dict[str, Observed]] = {}
    for kind, item in objects:
        by_kind.setdefault(kind, {})[item.name] = item
    identity = Metastore(f"uuid-{side}", f"aws:{side}:uuid-{side}", f"https://{side}", "runner@example.com")
    return Snapshot(side, identity, by_kind, unknown or {})


def state(entries: Mapping[str, Entry] | None = None) -> State:
    return State(environment="test", lineage=LINEAGE, serial=7, resources=dict(entries or {}))


def plan(
    wanted: Desired,
    *,
    source: tuple[tuple[str, Observed], ...] = (),
    target: tuple[tuple[str, Observed], ...] = (),
    entries: Mapping[str, Entry] | None = None,
    policy: Policy | None = None,
    unknown: Mapping[str, str] | None = None,
) -> Plan:
    snapshots = {
        Side.SOURCE: snapshot(Side.SOURCE, *source),
        Side.TARGET: snapshot(Side.TARGET, *target, unknown=unknown),
    }
    return make_plan(wanted, snapshots, state(entries), policy or Policy())


def the_action(made: Plan, address: str) -> Action:
    return next(action for action in made.actions if action.address == address)


def address(text: str) -> Address:
    return Address.parse(text)
