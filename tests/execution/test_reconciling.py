"""Reconcile over real HTTP: what it asks, what it remembers, what it tells beside the data."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.address import Side
from replicator.config import load
from replicator.emulator import requestlog, sql, start
from replicator.emulator.faults import Rule
from replicator.errors import ExitCode
from replicator.execution.backend import silent
from replicator.execution.folder import Folder
from replicator.execution.reconciling import Wanted, drawn, reconcile
from replicator.execution.session import open_session, prepare
from replicator.reconciliation.drilldown import Limits
from replicator.reconciliation.recipe import Hashing
from replicator.reconciliation.task import Settings
from replicator.reconciliation.verdicts import Report, SchemaKind, Verdict
from tests.execution import wire

_MORE = tuple(f"CREATE TABLE main.sales.t{number:02} AS SELECT id FROM range({number + 1})" for number in range(12))
_SCAN = re.compile(r"xxhash64|sha2\(")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.end(tmp_path)


def on_target(folder: Path, *statements: str) -> None:
    session = start("eu-west", wire.root(folder)).session()
    for statement in statements:
        sql.execute(session, statement)


def run(folder: Path, wanted: Wanted | None = None) -> Report:
    with open_session(load(folder / "replicator.yaml")) as session:
        return reconcile(session, prepare(session), wanted)


def asked(folder: Path, wanted: Wanted | None = None) -> tuple[Report, list[str]]:
    """The report, and every statement and path that was asked for it; not how many SQL sessions its threads opened,
    which depends on which of them was free."""
    since = requestlog.position(wire.root(folder))
    report = run(folder, wanted)
    sent = requestlog.read(wire.root(folder), since)
    texts = (str(entry.get("statement") or entry.get("path")) for entry in sent)
    return report, [text for text in texts if not text.startswith("/sql/1.0/warehouses/")]


def scans(sent: list[str]) -> list[str]:
    return [text for text in sent if _SCAN.search(text)]


def test_what_apply_fingerprinted_is_never_scanned_again(folder: Path) -> None:
    wire.apply(folder)
    report, sent = asked(folder)
    assert [result.verdict for result in report.tables] == [Verdict.MATCH]
    assert report.tables[0].source.cached
    assert report.tables[0].target.cached
    assert "FROM `main`.`sales`.`orders` VERSION AS OF" in report.tables[0].source.by_hand.replace("`bk`", "`main`")
    assert scans(sent) == []


def test_copies_that_did_not_move_cost_no_statement_of_their_own(folder: Path) -> None:
    wire.apply(folder)
    _, few = asked(folder)
    wire.on_source(folder, *_MORE)
    wire.apply(folder)
    report, many = asked(folder)
    assert {result.verdict for result in report.tables} == {Verdict.MATCH}
    assert len(report.tables) == 1 + len(_MORE)
    assert len(many) <= len(few)
    assert len([text for text in many if "information_schema" in text]) == 4 * len(Side)


def test_a_version_that_reconcile_saw_first_is_remembered(folder: Path) -> None:
    wire.apply(folder)
    on_target(folder, "UPDATE dr.sales.orders SET note = 'forged' WHERE id = 7")
    found, sent = asked(folder)
    assert (found.tables[0].verdict, found.exit_code) == (Verdict.MISMATCH, ExitCode.CHANGES)
    on_target(folder, "UPDATE dr.sales.orders SET note = 'x' WHERE id = 7")
    healed, sent = asked(folder)
    assert healed.tables[0].verdict is Verdict.MATCH
    assert len(scans(sent)) == 1, "the origin's version is known"
    again, sent = asked(folder)
    assert (again.tables[0].verdict, scans(sent)) == (Verdict.MATCH, [])


def test_another_hash_is_remembered_beside_the_first(folder: Path) -> None:
    wire.apply(folder)
    forged = Wanted(settings=Settings(hashing=Hashing.SHA256))
    report, sent = asked(folder, forged)
    assert (report.tables[0].verdict, report.tables[0].hashing, len(scans(sent))) == (Verdict.MATCH, "sha256", 2)
    assert scans(asked(folder, forged)[1]) == []
    assert scans(asked(folder)[1]) == []


def test_while_somebody_holds_the_state_nothing_is_kept_and_that_is_said(folder: Path) -> None:
    wire.apply(folder)
    on_target(folder, "INSERT INTO dr.sales.orders VALUES (1000, 'y')")
    with open_session(load(folder / "replicator.yaml")) as session:
        store, seen = session.store, session.store.open().state.serial
        with Folder(folder / "state", store.backend.environment).lock("apply", silent):
            report = reconcile(session, prepare(session))
        assert store.open().state.serial == seen
    assert report.tables[0].verdict is Verdict.MISMATCH
    assert report.notices[0].startswith("fingerprints were not kept")


def test_a_mask_that_came_since_is_seen_although_the_fingerprints_are_known(folder: Path) -> None:
    wire.apply(folder)
    assert run(folder).tables[0].verdict is Verdict.MATCH
    on_target(folder, "CREATE FUNCTION dr.sales.hide(n STRING) RETURNS STRING RETURN '***'")
    on_target(folder, "ALTER TABLE dr.sales.orders ALTER COLUMN note SET MASK dr.sales.hide")
    result = run(folder).tables[0]
    assert (result.verdict, result.columns_compared) == (Verdict.UNVERIFIABLE, 1)


def test_what_differs_beside_the_data_is_told_and_decides_nothing(folder: Path) -> None:
    wire.on_source(
        folder,
        "ALTER TABLE main.sales.orders SET TAGS ('pii' = 'yes')",
        "ALTER TABLE main.sales.orders ALTER COLUMN note SET TAGS ('free' = 'text')",
        "GRANT SELECT ON TABLE main.sales.orders TO `account users`",
        "ALTER TABLE main.sales.orders ALTER COLUMN id SET NOT NULL",
        "ALTER TABLE main.sales.orders ADD CONSTRAINT pk PRIMARY KEY (id)",
    )
    wire.apply(folder)
    on_target(folder, "ALTER TABLE dr.sales.orders SET TBLPROPERTIES ('delta.appendOnly' = 'true')")
    result = run(folder).tables[0]
    told = {item.kind: (item.column, item.source, item.target) for item in result.schema_differences}
    assert told == {
        SchemaKind.TAG: ("pii", "yes", None),
        SchemaKind.COLUMN_TAG: ("note free", "text", None),
        SchemaKind.GRANT: ("account users", "SELECT", None),
        SchemaKind.CONSTRAINT: (None, "PRIMARY KEY (id)", None),
        SchemaKind.PROPERTY: ("delta.appendOnly", None, "true"),
    }
    assert not any(item.breaking for item in result.schema_differences)
    assert result.equal


def test_what_may_not_be_read_of_the_surroundings_is_said_and_not_taken_for_absent(folder: Path) -> None:
    wire.on_source(folder, "ALTER TABLE main.sales.orders SET TAGS ('pii' = 'yes')")
    wire.apply(folder)
    refusal = Rule("statement_error", statement="`main`.*table_tags", error_class="INSUFFICIENT_PERMISSIONS")
    wire.faults(folder, refusal)
    report = run(folder)
    wire.faults(folder)
    assert [item.kind for item in report.tables[0].schema_differences if item.kind is SchemaKind.TAG] == []
    assert any(notice.startswith("tags of the source catalog") for notice in report.notices), report.notices


def test_a_sample_is_the_same_all_day_and_another_one_tomorrow(folder: Path) -> None:
    every = {f"target:check/dr.s.t{number}": {} for number in range(100)}
    today, tomorrow = drawn(every, 10, "2026-01-01"), drawn(every, 10, "2026-01-02")
    assert len(today) == len(tomorrow) == 10
    assert list(today) == [address for address in every if address in drawn(every, 10, "2026-01-01")]
    assert today.keys() != tomorrow.keys()
    assert drawn(every, 100, "x") == drawn(every, None, "x") == every
    wire.on_source(folder, *_MORE)
    wire.apply(folder)
    report = run(folder, Wanted(sample=3))
    assert (len(report.tables), report.declared, report.sampled is not None) == (3, 13, True)


@pytest.mark.parametrize("values", [False, True])
def test_values_reach_a_table_of_results_only_when_asked_for_and_masked_ones_never(folder: Path, values: bool) -> None:
    text = wire.CONFIG.replace(
        "reconciliation_config:\n",
        "reconciliation_config:\n  recon_outputs_catalog: out\n  create_recon_catalog: true\n"
        "  recon_outputs_schema: checks\n",
    )
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    wire.on_source(folder, "ALTER TABLE main.sales.orders ADD COLUMN salary STRING")
    wire.on_source(folder, "UPDATE main.sales.orders SET salary = 'hush' WHERE true")
    wire.apply(folder)
    on_target(
        folder,
        "UPDATE dr.sales.orders SET note = 'leaked', salary = 'hush hush' WHERE id = 7",
        "CREATE FUNCTION dr.sales.hide(n STRING) RETURNS STRING RETURN concat('shh ', n)",
        "ALTER TABLE dr.sales.orders ALTER COLUMN salary SET MASK dr.sales.hide",
    )
    report = run(folder, Wanted(settings=Settings(limits=Limits(show_values=values))))
    assert report.tables[0].verdict is Verdict.MISMATCH
    session = start("eu-west", wire.root(folder)).session()
    stored = " ".join(
        str(sql.execute(session, f"SELECT * FROM out.checks.{table}").table.to_pylist())
        for table in ("recon_runs", "recon_tables", "recon_columns", "recon_rows")
    )
    said = report.model_dump_json()
    assert ("leaked" in stored, "leaked" in said) == (values, values)
    assert "hush" not in stored + said
    assert "shh" not in stored + said
