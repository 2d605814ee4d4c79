"""Weather that needs more than one request: rate limits, slow statements, a full disk; and setting it by command."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import DatabricksError
from databricks.sdk.service.sql import StatementState
from databricks.sql.exc import DatabaseError

from replicator.cli.entry import run as command
from replicator.emulator import Endpoint, sql
from replicator.emulator.delta import log
from replicator.emulator.faults import FILE, Rule, read_rules

Serve = Callable[..., Endpoint]
CATALOGS = "/api/2.1/unity-catalog/catalogs"


def ask(e: Endpoint, token: str) -> tuple[int, str | None]:
    """Status and Retry-After of a listing of catalogs."""
    connection = http.client.HTTPConnection(e.url.removeprefix("http://"), timeout=30)
    connection.request("GET", CATALOGS, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After")


def test_each_token_has_a_rate_of_its_own(endpoint: Serve) -> None:
    e = endpoint()
    ann = e.token_for("ann@x.com")
    e.faults.add(Rule("rate_limit", per_second=3))
    assert [ask(e, e.token)[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    assert ask(e, e.token) == (429, "1")
    assert ask(e, ann)[0] == 200
    time.sleep(1.1)
    assert ask(e, e.token)[0] == 200


def test_a_client_that_waits_as_it_is_told_gets_everything(endpoint: Serve, sdk: Callable[..., Any]) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("rate_limit", per_second=2, method="POST"))
    for name in "abcd":
        w.catalogs.create(name)
    assert {item.name for item in w.catalogs.list()} >= set("abcd")


def test_a_slow_statement_runs_and_can_be_cancelled(endpoint: Serve, sdk: Callable[..., Any]) -> None:
    e = endpoint()
    w = sdk(e)
    e.faults.add(Rule("slow_statement", statement="CREATE CATALOG", ms=60_000))
    started = w.statement_execution.execute_statement("CREATE CATALOG c", e.warehouse_id, wait_timeout="0s")
    for _ in range(100):
        state = w.statement_execution.get_statement(started.statement_id).status.state
        if state is StatementState.RUNNING:
            break
        time.sleep(0.02)
    assert state is StatementState.RUNNING
    w.statement_execution.cancel_execution(started.statement_id)
    assert w.statement_execution.get_statement(started.statement_id).status.state is StatementState.CANCELED
    assert "c" not in {item.name for item in w.catalogs.list()}


def test_a_slow_statement_is_waited_for(endpoint: Serve, sql: Callable[..., Any]) -> None:
    e = endpoint()
    e.faults.add(Rule("slow_statement", statement="SELECT 41", ms=300))
    began = time.monotonic()
    assert sql(e).cursor().execute("SELECT 41 + 1").fetchone()[0] == 42
    assert time.monotonic() - began >= 0.3


# ---- a full disk

WRITES = {
    "INSERT INTO main.s.t VALUES (9)": ("data", "log"),
    "DELETE FROM main.s.t WHERE id = 1": ("data", "log"),
    "MERGE INTO main.s.t USING (SELECT 1 AS id) u ON t.id = u.id WHEN MATCHED THEN UPDATE SET id = 8": ("data", "log"),
    "CREATE TABLE main.s.made AS SELECT 1 AS id": ("data", "log", "catalog"),
    "CREATE TABLE main.s.made DEEP CLONE main.s.t": ("data", "log", "catalog"),
    "ALTER TABLE main.s.t ADD COLUMN more INT": ("log", "catalog"),
    "CREATE SCHEMA main.made": ("catalog",),
}


@pytest.mark.parametrize(("statement", "at"), [(text, at) for text, stages in WRITES.items() for at in stages])
def test_a_full_disk_leaves_nothing_half_done(
    endpoint: Serve, request: pytest.FixtureRequest, statement: str, at: Any
) -> None:
    e = endpoint()
    session = e.session()
    for text in ("CREATE CATALOG main", "CREATE SCHEMA main.s", "CREATE TABLE main.s.t AS SELECT id FROM range(3)"):
        sql.execute(session, text)
    before = _everything(e)
    e.faults.add(Rule("disk_full", statement=statement.split()[0], at=at))
    cursor = request.getfixturevalue("sql")(e).cursor()
    with pytest.raises(DatabaseError, match=r"\[DISK_FULL\] No space left .* SQLSTATE: 53100"):
        cursor.execute(statement)
    assert _everything(e) == before
    assert not list(e.store.root.rglob("_delta_log/*.tmp"))
    cursor.execute(statement)
    assert _everything(e) != before


def _everything(e: Endpoint) -> list[Any]:
    """Documents, rows and versions of a metastore."""
    session = e.session()
    tables = e.store.list_all(e.name, "table", hidden=False)
    rows = [sql.execute(session, f"SELECT * FROM {doc['full_name']} ORDER BY ALL").table.to_pylist() for doc in tables]
    versions = [log.commit_versions(Path(doc["_path"])) for doc in tables]
    return [tables, rows, versions, e.store.list_all(e.name, "schema")]


def test_a_full_disk_is_told_over_rest_too(endpoint: Serve, sdk: Callable[..., Any]) -> None:
    e = endpoint()
    w = sdk(e)
    sql.execute(e.session(), "CREATE CATALOG main")
    sql.execute(e.session(), "CREATE VOLUME main.default.v")
    e.faults.add(Rule("disk_full", path="/files/"), Rule("disk_full", path="/schemas", method="POST", at="catalog"))
    with pytest.raises(DatabricksError, match="No space left"):
        w.files.upload("/Volumes/main/default/v/a.txt", io.BytesIO(b"content"))
    assert list(w.files.list_directory_contents("/Volumes/main/default/v")) == []
    with pytest.raises(DatabricksError, match="No space left"):
        w.schemas.create("s", "main")
    w.schemas.create("s", "main")
    w.files.upload("/Volumes/main/default/v/a.txt", io.BytesIO(b"content"))
    assert w.files.download("/Volumes/main/default/v/a.txt").contents.read() == b"content"


# ---- by command


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of `replicator emulator weather …`."""
    code = command(["emulator", "weather", *arguments, "--root", str(tmp_path)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_rules_are_set_listed_and_lifted_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, capsys, "set", "latency", "--ms", "200", "--path", "/tables")
    run(tmp_path, capsys, "set", "status", "--status", "429", "--retry-after", "2", "--times", "3", "--after", "1")
    found = read_rules(tmp_path / FILE)
    assert found == [
        Rule("latency", path="/tables", ms=200, times=None),
        Rule("status", status=429, retry_after=2, times=3, after=1),
    ]
    text = run(tmp_path, capsys, "list")[1]
    assert "1  latency" in text
    assert "until cleared" in text
    assert json.loads(run(tmp_path, capsys, "list", "--json")[1])[1] == {
        "action": "status", "status": 429, "retry_after": 2, "times": 3, "after": 1
    }  # fmt: skip
    assert run(tmp_path, capsys, "clear", "1") == (0, "1 rule lifted, 1 left.\n")
    assert run(tmp_path, capsys, "clear") == (0, "1 rule lifted, 0 left.\n")
    assert not (tmp_path / FILE).exists()
    assert "Fair weather" in run(tmp_path, capsys, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "snow"], "no such action"),
        (["set", "latency", "--path", "["], "not a regular expression"),
        (["set", "sql"], "the statement to run is missing"),
        (["set", "rate_limit", "--per-second", "0"], "must be more than 0"),
        (["set", "disk_full", "--at", "moon"], "one of data, log, catalog"),
        (["clear", "1"], "no such rule"),
    ],
)
def test_a_rule_that_cannot_strike_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, text = run(tmp_path, capsys, *arguments)
    assert code == 64
    assert said in text
    assert not (tmp_path / FILE).exists()


def test_a_rule_that_comes_back_counts_anew(endpoint: Serve) -> None:
    e = endpoint()
    rule = Rule("status", status=418, times=1)
    for _ in range(3):
        e.faults.add(rule)
        assert [ask(e, e.token)[0] for _ in range(2)] == [418, 200]
        e.faults.clear()
