"""What others do, and what breaks, between a plan and its end: each row with its outcome, exit code and words.

| between plan and apply, or during it            | what becomes of it                                          | exit |
|-------------------------------------------------|-------------------------------------------------------------|------|
| the planned version of the source is vacuumed   | refused with the newest version; nothing half copied        | 5    |
| the source is made anew under its name          | refused; then held back as DL203 until a person says yes    | 5    |
| the source gets another name                    | failed by name; nothing is taken for it                     | 1    |
| the replica is dropped                          | that one refused, others go on; then made again             | 3    |
| a copy's comment is changed                     | that one refused, others go on; then brought back           | 3    |
| somebody writes to the replica                  | that one refused, others go on; then held back as DL202     | 3    |
| the replica's schema is dropped midway          | that one failed, others go on; then all is made again       | 3    |
| the clone succeeds and its comment fails        | partial in state; only the comment is planned next          | 3    |
| an administrator cancels the statement          | failed, and not sent again by itself                        | 3    |
| the warehouse is deleted                        | failed by name; what is done stays done                     | 3    |
| a statement takes long                          | waited for; it is sent once                                 | 0    |
| the warehouse is stopped (its answer is 503)    | waited for and tried again                                  | 0    |
| a first and a second interrupt                  | `test_apply`, `test_over_the_wire`, `tests/cli`             | 130  |
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from replicator.config import load
from replicator.emulator import requestlog, sql, start
from replicator.emulator.faults import Rule
from replicator.engine.policy import Policy
from replicator.errors import ExitCode
from replicator.execution.results import ApplyResult
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from tests.execution import wire
from tests.invariants.worlds import copied

BACKUP, REPLICA = "source:clone/bk.sales.orders", "target:clone/dr.sales.orders"
CHECK = "target:check/dr.sales.orders"

Act = Callable[[Path], None]


def on(metastore: str, *statements: str) -> Act:
    """Somebody runs SQL as the metastore's owner."""

    def act(folder: Path) -> None:
        session = start(metastore, wire.root(folder)).session()
        for statement in statements:
            sql.execute(session, statement)

    return act


def on_target(folder: Path, query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = sql.execute(start("eu-west", wire.root(folder)).session(), query).table.to_pylist()
    return found


def without_warehouse(folder: Path) -> None:
    target = start("eu-west", wire.root(folder))
    assert target.store.delete("eu-west", "warehouse", target.warehouse_id)


def cancelling(folder: Path) -> None:
    """An administrator cancels the first clone on the target that runs."""
    statements = start("eu-west", wire.root(folder)).workspace.statements
    seen = threading.Event()

    def watch() -> None:
        while not seen.wait(0.02):
            for statement in list(statements._known.values()):
                if "DEEP CLONE" in statement.text and not statement.done.is_set():
                    statements.cancel(statement)
                    seen.set()

    threading.Thread(target=watch, daemon=True).start()


@dataclass(frozen=True)
class Row:
    """What happens after the plan, and what the apply of that plan then comes to, by address: its end and words of it.

    `next` are the actions of the next plan with the guards that hold them back; `sent` is how often the replica's clone
    may arrive (what is not found on a share is looked for again).
    """

    exit_code: ExitCode
    became: dict[str, tuple[str, str]]
    acts: Sequence[Act] = ()
    weather: Sequence[Rule] = ()
    next: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    sent: int = 1


DONE = ("done", "")
BEHIND = ("skipped", f"because {REPLICA} failed")
SYNCED_NEXT: dict[str, tuple[str, list[str]]] = {REPLICA: ("sync", []), CHECK: ("check", [])}

ROWS = {
    "vacuumed": Row(
        ExitCode.STALE,
        {BACKUP: ("stale", "the newest version is 5"), REPLICA: ("stale", "the newest version is 5"), CHECK: BEHIND},
        [
            on(
                "us-east",
                "UPDATE main.sales.orders SET note = 'z'",
                "SET spark.databricks.delta.retentionDurationCheck.enabled = false",
                "VACUUM main.sales.orders RETAIN 0 HOURS",
            )
        ],
        next={BACKUP: ("sync", []), **SYNCED_NEXT},
    ),
    "source made anew": Row(
        ExitCode.STALE,
        {
            BACKUP: ("stale", "the source was dropped and created again; this was not planned"),
            REPLICA: ("stale", "the source was dropped and created again; this was not planned"),
            CHECK: BEHIND,
        },
        [on("us-east", "DROP TABLE main.sales.orders", "CREATE TABLE main.sales.orders (id BIGINT, note STRING)")],
        next={BACKUP: ("sync", ["DL203"]), REPLICA: ("update", ["DL203"]), CHECK: ("check", [])},
    ),
    "source renamed": Row(
        ExitCode.ERROR,
        {
            BACKUP: ("failed", "source:table/main.sales.orders is gone"),
            REPLICA: ("failed", "source:table/main.sales.orders is gone"),
            CHECK: BEHIND,
        },
        [on("us-east", "ALTER TABLE main.sales.orders RENAME TO main.sales.sold")],
        next={
            "source:clone/bk.sales.sold": ("create", []),
            "source:share/out": ("update", []),
            "target:clone/dr.sales.sold": ("create", []),
            "target:check/dr.sales.sold": ("check", []),
            BACKUP: ("noop", ["UN102"]),  # nobody asked for it to go, and its origin is gone
            CHECK: ("forget", []),
            REPLICA: ("noop", ["UN102"]),
        },
    ),
    "replica dropped": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("stale", f"{REPLICA} is gone since it was planned"), CHECK: BEHIND},
        [on("eu-west", "DROP TABLE dr.sales.orders")],
        next={REPLICA: ("create", []), CHECK: ("check", [])},
    ),
    "copy altered": Row(
        ExitCode.PARTIAL,
        {BACKUP: ("stale", f"{BACKUP} has changed since it was planned"), REPLICA: DONE, CHECK: DONE},
        [on("us-east", "COMMENT ON TABLE bk.sales.orders IS 'by hand'")],
        next={BACKUP: ("sync", [])},
    ),
    "replica written to": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("stale", "the copy was written to"), CHECK: BEHIND},
        [on("eu-west", "INSERT INTO dr.sales.orders VALUES (5, 'mine')")],
        next={REPLICA: ("sync", ["DL202"]), CHECK: ("check", [])},
    ),
    "schema dropped midway": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("failed", "SCHEMA_NOT_FOUND"), CHECK: BEHIND},
        weather=[Rule("sql", metastore="eu-west", statement="DEEP CLONE", sql="DROP SCHEMA dr.sales CASCADE")],
        sent=2,
        next={"target:schema/dr.sales": ("create", []), REPLICA: ("create", []), CHECK: ("check", [])},
    ),
    "comment fails": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("failed", "no room for words"), CHECK: BEHIND},
        [],
        [Rule("statement_error", statement="COMMENT ON", message="no room for words", times=None)],
        next={REPLICA: ("update", []), CHECK: ("check", [])},
    ),
    "cancelled": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("failed", "the statement was cancelled in the SQL warehouse"), CHECK: BEHIND},
        [cancelling],
        [Rule("slow_statement", metastore="eu-west", statement="DEEP CLONE", ms=20_000)],
        next=SYNCED_NEXT,
    ),
    "warehouse deleted": Row(
        ExitCode.PARTIAL,
        {BACKUP: DONE, REPLICA: ("failed", "there is no such SQL warehouse"), CHECK: BEHIND},
        [without_warehouse],
    ),
    "slow": Row(
        ExitCode.OK,
        {BACKUP: DONE, REPLICA: DONE, CHECK: DONE},
        weather=[Rule("slow_statement", metastore="eu-west", statement="DEEP CLONE", ms=700)],
    ),
    "warehouse stopped": Row(
        ExitCode.OK,
        {BACKUP: DONE, REPLICA: DONE, CHECK: DONE},
        weather=[Rule("status", metastore="eu-west", statement="DEEP CLONE", status=503)],
    ),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All is applied, and a row has come on the source since."""
    folder = wire.begin(tmp_path_factory.mktemp("meanwhile") / "prepared")
    assert wire.apply(folder).exit_code == ExitCode.OK
    wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    wire.end(folder)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Iterator[Path]:
    here = copied(prepared, tmp_path / "here")
    yield here
    wire.faults(here)
    wire.end(here)


def applied_after(folder: Path, row: Row) -> ApplyResult:
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        made = prepare(session)
        for act in row.acts:
            act(folder)
        wire.faults(folder, *row.weather)
        return apply_plan(session, made)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[pytest.mark.slow] if name == "warehouse stopped" else [])
        for name, row in ROWS.items()
    ],
)
def test_what_happens_meanwhile(folder: Path, row: Row) -> None:
    if any(rule.statement == "COMMENT ON" for rule in row.weather):
        on("us-east", "COMMENT ON TABLE main.sales.orders IS 'says more'")(folder)
    before = len(requestlog.read(wire.root(folder)))
    result = applied_after(folder, row)
    assert result.exit_code == row.exit_code
    ends = {item.action.address: item for item in result.results}
    assert {address: item.became.value for address, item in ends.items()} == {
        address: end for address, (end, _) in row.became.items()
    }
    for address, (_, words) in row.became.items():
        assert words in ends[address].error
    wire.faults(folder)
    clones = [
        entry
        for entry in requestlog.read(wire.root(folder))[before:]
        if "DEEP CLONE" in entry.get("statement", "") and entry["metastore"] == "eu-west" and entry["status"] == 200
    ]
    assert len(clones) <= row.sent
    if without_warehouse in row.acts:
        return
    left = wire.plan(folder).actions
    assert {item.address: (item.do.value, [str(block.code) for block in item.blocked]) for item in left} == row.next
    if not any(codes for _, codes in row.next.values()):
        assert wire.apply(folder).exit_code == ExitCode.OK
        assert wire.plan(folder).actions == ()
        assert wire.orphans(folder) == set()


def test_what_was_vacuumed_left_the_copies_as_they_were(folder: Path) -> None:
    applied_after(folder, ROWS["vacuumed"])
    assert wire.rows(folder, "SELECT count(*) AS n FROM bk.sales.orders") == [{"n": 100}]


def test_a_comment_that_failed_is_all_that_is_left_to_do(folder: Path) -> None:
    on("us-east", "COMMENT ON TABLE main.sales.orders IS 'says more'")(folder)
    applied_after(folder, ROWS["comment fails"])
    wire.faults(folder)
    with open_session(load(folder / "replicator.yaml")) as session:
        assert session.store.open().state.resources[REPLICA].partial
    left = {item.address: item for item in wire.plan(folder).actions}
    assert [change.path for change in left[REPLICA].changes] == [("comment",)]
    assert not left[REPLICA].moves_data


@pytest.mark.parametrize(("release", "end"), [(REPLICA, "stale"), (f"SC101:{REPLICA}", "done"), ("SC101", "done")])
def test_a_release_given_for_one_guard_is_none_for_another_that_wakes_later(
    folder: Path, release: str, end: str
) -> None:
    """The release of rows that somebody wrote does not let another schema of the source follow."""
    on("eu-west", "INSERT INTO dr.sales.orders VALUES (5, 'mine')")(folder)
    policy = Policy(allow=("DL202", release, f"SC101:{BACKUP}"))
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        made = prepare(session, policy)
        assert [block.code for item in made.plan.actions for block in item.released] == ["DL202"]
        on("us-east", "ALTER TABLE main.sales.orders ALTER COLUMN id SET NOT NULL")(folder)
        ends = {item.action.address: item for item in apply_plan(session, made, policy=policy).results}
    assert ends[BACKUP].became.value == "done"
    assert ends[REPLICA].became.value == end
    assert ("the source's schema changed" in ends[REPLICA].error) is (end == "stale")
    (copied_rows,) = on_target(folder, "SELECT count(*) AS n FROM dr.sales.orders WHERE note = 'mine'")
    assert copied_rows == {"n": int(end == "stale")}
