"""Planning 10,000 tables of 12 columns from snapshots in memory."""

from collections.abc import Iterator

from benchmarks.figures import Figure, best_seconds
from replicator.address import Side
from replicator.engine.desired import Declared, Desired
from replicator.engine.planner import make_plan
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Metastore, Snapshot
from replicator.engine.state import Entry, State
from replicator.resources.base import Observed, Resource
from replicator.resources.catalog import Catalog
from replicator.resources.schema import Schema
from replicator.resources.table import Column, Table

TABLES, SCHEMAS, COLUMNS = 10_000, 100, 12


def _world(changed: int) -> tuple[Desired, dict[Side, Snapshot], State]:
    columns = tuple(Column(name=f"c{number}", type="string") for number in range(COLUMNS))
    found_columns = {column.name: {"type": "string", "nullable": True} for column in columns}
    resources: list[Resource] = [Catalog(side=Side.TARGET, name="m", comment="old")]
    resources += [Schema(side=Side.TARGET, name=f"m.s{number}", comment="old") for number in range(SCHEMAS)]
    resources += [
        Table(
            side=Side.TARGET,
            name=f"m.s{number % SCHEMAS}.t{number}",
            columns=columns,
            comment="new" if number < changed else "old",
        )
        for number in range(TABLES)
    ]
    objects: dict[str, dict[str, Observed]] = {}
    entries: dict[str, Entry] = {}
    for item in resources:
        fields = {"comment": "old", **({"columns": found_columns} if item.type == "table" else {})}
        objects.setdefault(item.type, {})[item.name] = Observed(name=item.name, fields=fields, id=item.name)
        entries[str(item.address)] = Entry(inputs=fields)
    wanted = Desired("bench", "sha256:" + "0" * 64, {item.address: Declared(item) for item in resources})
    identity = Metastore("uuid", "aws:here:uuid", "https://here", "me")
    snapshots = {
        Side.SOURCE: Snapshot(Side.SOURCE, identity, {}),
        Side.TARGET: Snapshot(Side.TARGET, identity, objects),
    }
    return wanted, snapshots, State(environment="bench", lineage="x", resources=entries)


def measure() -> Iterator[Figure]:
    for changed, limit in ((0, 2.0), (5_000, 4.0)):
        world = _world(changed)
        policy = Policy(allow=("TH101",))
        assert len(make_plan(*world, policy).actions) == changed
        name = f"plan {TABLES:,} tables in memory, {changed:,} changed"
        yield Figure(name, best_seconds(lambda world=world, policy=policy: make_plan(*world, policy)), "s", limit)
