"""Many tables: what is read of them, counted, and what a reader in bulk must not take for granted."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.metastores import SOURCE, TARGET, Size, build
from replicator.address import Address, Side
from replicator.config import load
from replicator.config.connection import Connection, SecretRef
from replicator.emulator import Endpoint, requestlog, sql, start, stop
from replicator.emulator.faults import Rule
from replicator.engine.actions import Do, Plan
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Scope
from replicator.execution import standing
from replicator.execution.running import apply_plan
from replicator.execution.session import Seen, observe, open_session, prepare
from replicator.workspace import open_reader, read_snapshot

SIZE = Size(tables=40, schemas=20)
COPY, ORIGIN = "target:clone/dr.s0007.t00001", "main.s0007.t00001"


@dataclass
class Many:
    """Two metastores of many tables in a folder, as a test plans over them and changes them behind the tool's back."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / ".replicator" / "emulator"

    def endpoint(self, name: str) -> Endpoint:
        return start(name, self.root)

    def run(self, name: str, *statements: str, by: str | None = None) -> None:
        for statement in statements:
            sql.execute(self.endpoint(name).session(by), statement)

    def plan(self, **options: bool) -> Plan:
        with open_session(load(self.folder / "replicator.yaml"), **options) as session:
            return prepare(session).plan

    def seen(self) -> Seen:
        with open_session(load(self.folder / "replicator.yaml")) as session:
            return observe(session)

    def counted(self, since: int) -> Counter[str]:
        """What was asked since then: `side path` without names, and `side statement kind`."""
        return Counter(map(_asked, requestlog.read(self.root, since)))


def _asked(entry: dict[str, str]) -> str:
    side = "source" if entry["metastore"] == SOURCE else "target"
    text = entry.get("statement")
    if text:
        view = re.search(r"information_schema\.(\w+)", text)
        return f"{side} statement {view[1] if view else 'history'}"
    path = re.sub(r"/(dr|main)\.s\d{4}(\.t\d+)?$", "/…", entry["path"].partition("?")[0])
    return f"{side} {entry['method']} {path.removeprefix('/api/2.1/unity-catalog/')}"


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Many]:
    build(tmp_path, SIZE, columns=3)
    yield Many(tmp_path)
    for name in (SOURCE, TARGET):
        stop(start(name, tmp_path / ".replicator" / "emulator"))


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty copies are many here."""
    monkeypatch.setattr(standing, "TRUSTED_FROM", 10)


def test_nothing_changed_costs_no_request_per_object(many: Many, trusting: None) -> None:
    since = requestlog.position(many.root)
    assert many.plan().actions == ()
    counted = many.counted(since)
    assert counted["target GET tables"] == SIZE.schemas + 1  # and the schema `default`
    assert counted["source GET tables"] == 1  # `default`, of which a glance shows nothing
    assert not [key for key in counted if "permissions/" in key and "…" in key]
    statements = {key: times for key, times in counted.items() if "statement" in key}
    assert statements == {
        "source statement tables": 1,
        "source statement history": 1,
        "target statement schema_privileges": 2,
        "target statement table_privileges": 2,
        "target statement catalog_privileges": 1,
    }


def test_an_origin_that_moved_is_read_in_full_and_its_copy_too(many: Many, trusting: None) -> None:
    _of_its_own(many)
    many.run(SOURCE, f"INSERT INTO {ORIGIN} VALUES ('1', 2, 3)")
    since = requestlog.position(many.root)
    plan = many.plan()
    assert [(action.address, action.do) for action in plan.actions] == [(COPY, Do.SYNC)]
    counted = many.counted(since)
    assert counted["source GET tables"] == 2  # its schema, and `default`
    assert counted["target statement history"] == 1


def test_a_glance_shows_the_comment_that_a_copy_has_too(many: Many, trusting: None) -> None:
    many.run(SOURCE, f"COMMENT ON TABLE {ORIGIN} IS 'Orders'")
    action = next(action for action in many.plan().actions if action.address == COPY)
    assert [(change.path, change.after) for change in action.changes] == [(("comment",), "Orders")]


def _of_its_own(many: Many) -> None:
    """Give the origin a history of its own, and let an apply see it."""
    _made_anew(many)
    policy = Policy(allow=(COPY,))
    for _ in range(2):
        with open_session(load(many.folder / "replicator.yaml"), locked_for="apply") as session:
            done = apply_plan(session, prepare(session, policy), policy=policy)
        assert not done.exit_code, done


def _made_anew(many: Many) -> None:
    """Another table under the origin's name. (DROP TABLE would remove the one Delta log that all of them have.)"""
    many.endpoint(SOURCE).store.delete(SOURCE, "table", *ORIGIN.split("."))
    many.run(
        SOURCE, f"CREATE TABLE {ORIGIN} (column_00 STRING, column_01 BIGINT, column_02 BIGINT) COMMENT 'one of many'"
    )


def test_an_origin_that_was_made_anew_at_the_same_version_is_seen(many: Many, trusting: None) -> None:
    _made_anew(many)
    action = next(action for action in many.plan().actions if action.address == COPY)
    assert action.reason == "source_recreated"
    assert action.blocked


def test_a_copy_that_others_may_write_to_is_read(many: Many, trusting: None) -> None:
    name = Address.parse(COPY).name
    many.run(TARGET, "GRANT MODIFY ON SCHEMA dr.s0007 TO `bob@example.com`")
    many.run(TARGET, f"INSERT INTO {name} VALUES ('1', 2, 3)")
    actions = many.plan().actions
    # The copies are one Delta log here, so the other one of that schema was written to as well; that of others was
    # too, which nobody may know without reading it.
    assert {action.address for action in actions} == {COPY, "target:clone/dr.s0007.t00000"}
    assert {action.reason for action in actions} == {"replica_written"}


def test_drift_and_a_plan_that_trusts_nobody_read_every_copy(many: Many, trusting: None) -> None:
    many.run(TARGET, "INSERT INTO dr.s0003.t00001 VALUES ('1', 2, 3)")
    assert many.plan().actions == ()
    assert len(many.plan(trusting=False).actions) == SIZE.tables
    tables = many.seen().snapshots[Side.TARGET].objects["table"].values()
    assert all(table.version is not None and table.version.foreign for table in tables if table.name.startswith("dr."))


def test_what_a_glance_does_not_show_is_asked_for_by_name(many: Many) -> None:
    """information_schema may lag behind, and it is filtered by privilege: neither makes a table absent."""
    endpoint = many.endpoint(SOURCE)
    endpoint.store.delete(SOURCE, "table", "main", "s0007", "t00001")
    since = requestlog.position(many.root)
    snapshot = many.seen().snapshots[Side.SOURCE]
    assert ORIGIN not in snapshot.objects["table"]
    counted = many.counted(since)
    assert counted["source GET tables"] == 2  # its schema, and `default`
    assert counted["source GET tables/…"] == 1


GRANTED = frozenset(f"schema/dr.{name}" for name in SIZE.schema_names())


def _read_by(many: Many, principal: str, monkeypatch: pytest.MonkeyPatch) -> tuple[frozenset[str], str]:
    """The securables whose grants somebody sees in a client that was told of no warehouse, and how they were read."""
    endpoint = many.endpoint(TARGET)
    monkeypatch.setenv("ITS_TOKEN", endpoint.token_for(principal))
    connection = Connection(host=endpoint.url, token=SecretRef(env="ITS_TOKEN"))
    with open_reader(connection, Side.TARGET, directory=many.folder) as reader:
        snapshot = read_snapshot(reader, Scope(catalogs={"dr": frozenset()}, grants=GRANTED))
    return frozenset(snapshot.objects.get("grants", {})), " ".join(snapshot.notes)


def test_without_a_warehouse_it_reads_one_by_one_and_says_so(many: Many, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = many.endpoint(TARGET)
    for warehouse in endpoint.store.list(TARGET, "warehouse"):
        endpoint.store.delete(TARGET, "warehouse", warehouse["id"])
    found, notes = _read_by(many, endpoint.metastore.owner, monkeypatch)
    assert found == GRANTED
    assert "no SQL warehouse" in notes
    assert "the grants on 20 objects (schema) were read one by one" in notes


def test_grants_that_are_not_shown_in_full_are_asked_for(many: Many, monkeypatch: pytest.MonkeyPatch) -> None:
    """A principal that owns nothing is shown its own grants only, and must not take the others for revoked."""
    many.run(TARGET, "GRANT USE CATALOG ON CATALOG dr TO `bob@example.com`")
    many.run(TARGET, "GRANT BROWSE ON CATALOG dr TO `bob@example.com`")
    found, notes = _read_by(many, "bob@example.com", monkeypatch)
    assert found == GRANTED
    assert "read one by one" in notes


def test_many_tags_are_one_statement(many: Many) -> None:
    many.run(TARGET, "ALTER TABLE dr.s0007.t00001 ALTER COLUMN column_01 SET TAGS ('pii' = 'yes')")
    many.run(TARGET, "ALTER SCHEMA dr.s0003 SET TAGS ('team' = 'sales', 'flag')")
    columns = {f"column/dr.{schema}.{table}.column_01" for schema, table in SIZE.places()}
    scope = Scope(catalogs={"dr": None}, tags=frozenset(columns | GRANTED))
    with open_reader(Connection(host=f"emulator://{TARGET}"), Side.TARGET, directory=many.folder) as reader:
        since = requestlog.position(many.root)
        found = read_snapshot(reader, scope).objects["tags"]
    assert {name: item.fields["tags"] for name, item in found.items()} == {
        "column/dr.s0007.t00001.column_01": {"pii": "yes"},
        "schema/dr.s0003": {"team": "sales", "flag": ""},
    }
    counted = many.counted(since)
    assert counted["target statement column_tags"] == counted["target statement schema_tags"] == 1
    assert not [key for key in counted if "tag-assignments" in key]


def test_a_statement_that_is_refused_is_replaced_by_requests(many: Many) -> None:
    refused = Rule(
        "statement_error",
        statement="information_schema",
        times=None,
        error_class="INSUFFICIENT_PERMISSIONS",
        sqlstate="42501",
    )
    many.endpoint(SOURCE).faults.add(refused)
    try:
        with open_session(load(many.folder / "replicator.yaml")) as session:
            prepared = prepare(session)
    finally:
        many.endpoint(SOURCE).faults.clear()
    assert prepared.plan.actions == ()
    notes = [note for snapshot in prepared.snapshots.values() for note in snapshot.notes]
    assert len([note for note in notes if "one by one" in note]) == 3
