"""Apply over real HTTP, the real SDK and the real SQL connector: once, again, and through lost answers."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replicator.config import load
from replicator.emulator import requestlog, sql, start
from replicator.emulator.faults import Rule
from replicator.engine.policy import Code, Policy
from replicator.errors import BlockedError, ExitCode, LockedError, ReplicatorError
from replicator.execution import checking
from replicator.execution.backend import silent
from replicator.execution.events import Event, Kind
from replicator.execution.folder import Folder
from replicator.execution.reconciling import Wanted, reconcile
from replicator.execution.results import Became
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from replicator.reconciliation.task import CheckTask
from replicator.reconciliation.verdicts import CheckResult
from tests.execution import wire


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.faults(tmp_path)
    wire.end(tmp_path)


def writes(folder: Path, since: int = 0) -> list[dict[str, object]]:
    return requestlog.read(wire.root(folder), since, writes=True)


def test_one_apply_does_it_all_and_the_second_sends_no_write(folder: Path) -> None:
    first = wire.apply(folder)
    assert first.exit_code == ExitCode.OK, [(r.action.address, r.error) for r in first.results if r.error]
    assert first.warnings == ()
    assert wire.plan(folder).actions == ()
    settled = len(writes(folder))
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert len(writes(folder)) == settled


def test_every_action_leaves_one_row_in_the_audit_table(folder: Path) -> None:
    result = wire.apply(folder)
    rows = wire.rows(folder, "SELECT correlation_id, status, operation_type FROM operations.audit.logs")
    assert len({row["correlation_id"] for row in rows}) == len(rows) == len(result.results)
    assert {row["status"] for row in rows} == {"success"}
    assert {row["operation_type"] for row in rows} == {"backup", "delta_share", "replication", "reconciliation"}


def test_an_audit_table_that_cannot_be_written_is_only_a_warning(folder: Path) -> None:
    wire.on_source(folder, "DROP CATALOG operations CASCADE")
    result = wire.apply(folder)
    assert result.exit_code == ExitCode.OK
    assert len(result.warnings) == 1
    assert "audit" in result.warnings[0]


def test_new_rows_follow_and_are_proven_equal(folder: Path) -> None:
    wire.apply(folder)
    wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    result = wire.apply(folder)
    assert [item.action.do.value for item in result.results] == ["sync", "sync", "check"]
    assert result.results[-1].equal is True


def test_reconcile_checks_again_although_nothing_moved(folder: Path) -> None:
    wire.apply(folder)
    with open_session(load(folder / "replicator.yaml")) as session:
        report = reconcile(session, prepare(session), Wanted(keep=False))
    assert [table.verdict.value for table in report.tables] == ["MATCH"]
    assert report.exit_code == ExitCode.OK


def test_one_check_that_breaks_costs_no_other_its_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.on_source(folder, "CREATE TABLE main.sales.items (id BIGINT)")
    wire.apply(folder)
    honest = checking.settled

    def broken(task: CheckTask, *known: Any) -> CheckResult | None:
        if task.table == "dr.sales.items":
            raise KeyError("oops")
        return honest(task, *known)

    monkeypatch.setattr(checking, "settled", broken)
    with open_session(load(folder / "replicator.yaml")) as session:
        report = reconcile(session, prepare(session), Wanted(keep=False))
    assert [(table.table, table.verdict.value) for table in report.tables] == [
        ("dr.sales.items", "ERROR"),
        ("dr.sales.orders", "MATCH"),
    ]
    assert "KeyError: 'oops'" in report.tables[0].message
    assert report.exit_code == ExitCode.ERROR


def test_reconciling_without_any_check_proves_nothing_and_says_so(folder: Path) -> None:
    text = wire.CONFIG.replace("reconciliation_config:\n  enabled: true\n", "")
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    with (
        open_session(load(folder / "replicator.yaml")) as session,
        pytest.raises(ReplicatorError, match="no check is declared") as raised,
    ):
        reconcile(session, prepare(session))
    assert raised.value.exit_code == ExitCode.ERROR
    assert "reconciliation_config" in raised.value.hint


def test_what_nobody_can_tell_stays_due_and_is_recorded_once(folder: Path) -> None:
    kept = "  recon_outputs_catalog: operations\n  recon_outputs_schema: checks\n"
    text = wire.CONFIG.replace("reconciliation_config:\n", "reconciliation_config:\n" + kept)
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    wire.on_source(
        folder,
        "CREATE FUNCTION main.sales.hide(n STRING) RETURNS STRING RETURN '***'",
        "ALTER TABLE main.sales.orders ALTER COLUMN note SET MASK main.sales.hide",
    )
    policy = Policy(allow=(Code.UNSHIELDED,))
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        apply_plan(session, prepare(session, policy), policy=policy)
    for _ in range(2):
        assert [action.do.value for action in wire.plan(folder).actions] == ["check"]
        wire.apply(folder)
    target = start("eu-west", wire.root(folder)).session()
    rows = sql.execute(target, "SELECT reason FROM operations.checks.recon_tables").table.to_pylist()
    assert rows == [{"reason": "masked"}]
    wire.on_source(folder, "ALTER TABLE main.sales.orders ALTER COLUMN note DROP MASK")
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert wire.plan(folder).actions == ()


@pytest.mark.parametrize(
    "hide",
    [
        ("ALTER COLUMN note SET MASK main.sales.hide",),
        ("SET ROW FILTER main.sales.own ON (note)",),
    ],
    ids=["mask", "row filter"],
)
def test_what_is_hidden_is_not_copied_into_the_open_without_a_word(folder: Path, hide: tuple[str, ...]) -> None:
    wire.on_source(
        folder,
        "CREATE FUNCTION main.sales.hide(n STRING) RETURNS STRING RETURN '***'",
        "CREATE FUNCTION main.sales.own(n STRING) RETURNS BOOLEAN RETURN n = 'y'",
        *(f"ALTER TABLE main.sales.orders {how}" for how in hide),
    )
    held = {
        action.address for action in wire.plan(folder).actions if Code.UNSHIELDED in {b.code for b in action.blocked}
    }
    assert held == set(wire.TABLES)
    with pytest.raises(BlockedError):
        wire.apply(folder)


def test_a_table_that_cannot_be_copied_leaves_the_others_their_share(folder: Path) -> None:
    wire.on_source(folder, "CREATE TABLE main.sales.items (id BIGINT)", "INSERT INTO main.sales.items VALUES (1)")
    extra = "resources: {source: {shares: {extra: {objects: [{name: bk.sales.orders}, {name: bk.sales.items}]}}}}\n"
    (folder / "replicator.yaml").write_text(wire.CONFIG + extra, encoding="utf-8")
    refused = r"TABLE `bk`\.`sales`\.`items` DEEP CLONE"
    wire.faults(folder, Rule(action="status", statement=refused, status=403, error_code="PERMISSION_DENIED"))
    result = wire.apply(folder)
    ends = {item.action.address: item.became for item in result.results}
    assert [address for address, end in ends.items() if end is not Became.DONE] == ["source:clone/bk.sales.items"]
    assert result.warnings == (
        "source:share/extra was done without what failed: source:clone/bk.sales.items; the next apply adds it",
    )
    planned = {action.address: action.do.value for action in wire.plan(folder).actions}
    assert planned == {"source:clone/bk.sales.items": "create", "source:share/extra": "update"}
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert wire.plan(folder).actions == ()


def test_what_has_another_name_now_keeps_its_data(folder: Path) -> None:
    resources = """
resources:
  source:
    recipients: {{{recipient}: {{metastore_id: "aws:ap:00000000-0000-0000-0000-000000000001"}}}}
    schemas: {{{schema}: {{comment: "kept"}}}}
    tables: {{{table}: {{columns: [{{name: id, type: BIGINT}}]}}}}
    shares: {{{share}: {{objects: [{{name: main.sales.orders}}]}}}}
"""
    former = {"recipient": "one", "schema": "main.old", "table": "main.old.t", "share": "first"}
    present = {"recipient": "two", "schema": "main.new", "table": "main.new.u", "share": "second"}
    moves = {f"source:{kind}/{name}": f"source:{kind}/{present[kind]}" for kind, name in former.items()}
    moves["target:catalog/dr"] = "target:catalog/recovery"
    moved = "moved: [" + ", ".join(f"{{from: '{old}', to: '{new}'}}" for old, new in moves.items()) + "]\n"
    (folder / "replicator.yaml").write_text(wire.CONFIG + resources.format(**former), encoding="utf-8")
    assert wire.apply(folder).exit_code == ExitCode.OK
    text = wire.CONFIG.replace("target_catalog: dr", "target_catalog: recovery") + resources.format(**present) + moved
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    planned = {action.address: action.do.value for action in wire.plan(folder).actions}
    checks = {"target:check/recovery.sales.orders": "check"}
    assert planned == dict.fromkeys(moves.values(), "rename") | checks
    result = wire.apply(folder)
    assert result.exit_code == ExitCode.OK, [(r.action.address, r.error) for r in result.results if r.error]
    assert wire.plan(folder).actions == ()
    assert wire.orphans(folder) == set()


def lose_an_answer(folder: Path, moment: str, kind: dict[str, str], k: int) -> bool:
    """Apply until it ends well, losing the k-th answer; False when there was no k-th. The oracle is asserted."""
    wire.begin(folder)
    rule = Rule(action=moment, after=k, **kind)  # type: ignore[arg-type]
    weather = wire.faults(folder, rule)
    for _ in range(3):
        result = wire.apply(folder)
        if result.exit_code == ExitCode.OK:
            break
    assert result.exit_code == ExitCode.OK, (k, [(r.action.address, r.error) for r in result.results if r.error])
    assert wire.plan(folder).actions == (), k
    assert wire.orphans(folder) == set(), k
    wire.end(folder)
    return wire.struck(weather, rule)


@pytest.mark.parametrize("kind", [wire.REST_WRITES, wire.SQL_WRITES], ids=["rest", "sql"])
def test_a_lost_answer_changes_nothing_in_the_end(tmp_path: Path, kind: dict[str, str]) -> None:
    assert lose_an_answer(tmp_path, "drop_after", kind, 1)


def test_an_interrupted_run_is_finished_by_the_next(folder: Path) -> None:
    stop = threading.Event()

    def after_the_first(event: Event) -> None:
        if event.kind is Kind.ACTION_END:
            stop.set()

    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        result = apply_plan(session, prepare(session), observers=[after_the_first], stop=stop)
    assert result.exit_code == ExitCode.INTERRUPTED
    assert 0 < result.counts[Became.DONE] < len(result.results)
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert wire.plan(folder).actions == ()


def test_an_apply_beside_another_says_who_holds_the_lock(folder: Path) -> None:
    with Folder(folder / "state", "default").lock("apply", silent), pytest.raises(LockedError, match="apply by"):
        wire.apply(folder)
    assert writes(folder) == [entry for entry in writes(folder) if entry["metastore"] == "us-east"]


def test_a_state_of_another_metastore_is_refused_before_anything_is_read(folder: Path) -> None:
    wire.apply(folder)
    text = (folder / "replicator.yaml").read_text()
    (folder / "replicator.yaml").write_text(text.replace("emulator://eu-west", "emulator://ap-south"), encoding="utf-8")
    with pytest.raises(BlockedError, match="ID101") as refused:
        wire.plan(folder)
    state = folder / "state"
    assert f"move both {state / 'default.json'} and {state / 'history' / 'default'} away" in refused.value.hint
    (folder / "old").mkdir()
    (state / "default.json").rename(folder / "old" / "default.json")
    (state / "history").rename(folder / "old" / "history")
    assert wire.plan(folder).state.serial == 0  # the remedy leads out
