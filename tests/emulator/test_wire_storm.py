"""Many clients at once, and a server that is killed at any moment: what was acknowledged is there, and all of it."""

from __future__ import annotations

import json
import multiprocessing
import random
import re
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import requests
from databricks import sql as connector
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.sql import StatementState

from replicator.emulator import requestlog, start
from replicator.emulator.delta import log
from tests.emulator.sql_support import Warehouse, open_warehouse

SECONDS = 60
THREADS = 32
KILLS = 50
SHARED = ["t0", "t1", "t2", "t3"]


# ---- what was acknowledged


@dataclass
class Known:
    """What one client was told, and the one thing that it was still waiting for (`pending`)."""

    name: str
    rows: dict[str, dict[int, str]] = field(default_factory=lambda: {table: {} for table in SHARED})
    tables: dict[str, int] = field(default_factory=dict)  # own tables -> number of rows
    granted: set[str] = field(default_factory=set)  # own tables that `reader` may select from
    columns: dict[str, set[str]] = field(default_factory=dict)  # own tables -> columns that were added
    writes: int = 0  # commits to shared tables
    sent: int = 0
    steps: int = 0  # that were acknowledged
    pending: dict[str, Any] = field(default_factory=dict)

    def next_key(self) -> int:
        """A key that no other client uses."""
        self.sent += 1
        return int(self.name) * 1_000_000 + self.sent


Run = Callable[[str], list[list[Any]]]


def step(known: Known, run: Run, dice: random.Random) -> None:
    """One thing that a client does; `known` is brought up to date when it is acknowledged."""
    dice.choice(ACTIONS)(known, run, dice)
    known.pending = {}
    known.steps += 1


def insert(known: Known, run: Run, dice: random.Random) -> None:
    table, keys = dice.choice(SHARED), [known.next_key() for _ in range(dice.randint(1, 3))]
    new = dict.fromkeys(keys, "new")
    known.pending = {"table": table, "rows": known.rows[table] | new}
    run(f"INSERT INTO main.s.{table} VALUES " + ", ".join(f"({key}, 'new')" for key in keys))
    known.rows[table] |= new
    known.writes += 1


def merge(known: Known, run: Run, dice: random.Random) -> None:
    table = dice.choice(SHARED)
    keys = [*dice.sample(sorted(known.rows[table]), min(2, len(known.rows[table]))), known.next_key()]
    value = f"merged {known.sent}"
    known.pending = {"table": table, "rows": known.rows[table] | dict.fromkeys(keys, value)}
    run(
        f"MERGE INTO main.s.{table} t USING (SELECT explode(array({', '.join(map(str, keys))})) AS id) u ON t.id = u.id"
        f" WHEN MATCHED THEN UPDATE SET v = '{value}' WHEN NOT MATCHED THEN INSERT (id, v) VALUES (u.id, '{value}')"
    )
    known.rows[table] |= dict.fromkeys(keys, value)
    known.writes += 1


def delete(known: Known, run: Run, dice: random.Random) -> None:
    table = dice.choice(SHARED)
    if not known.rows[table]:
        return
    gone = dice.choice(sorted(known.rows[table]))
    left = {key: value for key, value in known.rows[table].items() if key != gone}
    known.pending = {"table": table, "rows": left}
    run(f"DELETE FROM main.s.{table} WHERE id = {gone}")
    known.rows[table] = left
    known.writes += 1


def create(known: Known, run: Run, dice: random.Random) -> None:
    name, rows = f"own_{known.next_key()}", dice.randint(0, 5)
    known.pending = {"create": name, "count": rows}
    run(f"CREATE TABLE main.s.{name} COMMENT 'own' AS SELECT id FROM range({rows})")
    known.tables[name] = rows


def clone(known: Known, run: Run, dice: random.Random) -> None:
    if not known.tables:
        return
    source, name = dice.choice(sorted(known.tables)), f"copy_{known.next_key()}"
    known.pending = {"create": name, "count": known.tables[source]}
    known.pending["source"] = set(known.columns.get(source, ()))
    run(f"CREATE OR REPLACE TABLE main.s.{name} DEEP CLONE main.s.{source}")
    known.tables[name] = known.tables[source]
    known.columns[name] = set(known.columns.get(source, ()))


def drop(known: Known, run: Run, dice: random.Random) -> None:
    if len(known.tables) < 4:
        return
    name = dice.choice(sorted(known.tables))
    known.pending = {"drop": name}
    run(f"DROP TABLE main.s.{name}")
    del known.tables[name]
    known.granted.discard(name)


def grant(known: Known, run: Run, dice: random.Random) -> None:
    if not known.tables:
        return
    name = dice.choice(sorted(known.tables))
    known.pending = {"grant": name}
    run(f"GRANT SELECT ON TABLE main.s.{name} TO `reader@example.com`")
    known.granted.add(name)


def alter(known: Known, run: Run, dice: random.Random) -> None:
    if not known.tables:
        return
    name = dice.choice(sorted(known.tables))
    column = f"c{known.next_key()}"
    known.pending = {"alter": name, "column": column}
    run(f"ALTER TABLE main.s.{name} ADD COLUMN {column} INT")
    known.columns.setdefault(name, set()).add(column)


def look(known: Known, run: Run, dice: random.Random) -> None:
    """A client sees exactly its own rows as it left them, whatever the others do."""
    table = dice.choice(SHARED)
    low = int(known.name) * 1_000_000
    found = run(f"SELECT id, v FROM main.s.{table} WHERE id BETWEEN {low} AND {low + 999_999}")
    assert {int(key): value for key, value in found} == known.rows[table]


ACTIONS = (insert, insert, merge, delete, create, clone, drop, grant, alter, look)


# ---- what is there


def check(root: Path, clients: list[Known]) -> None:
    """Everything that was acknowledged is there; of what was pending all or nothing."""
    endpoint = start("us-east", root)
    try:
        _check(Warehouse(replace(endpoint.session(), catalog="main", schema="s")), clients)
    finally:
        endpoint.close()


def _check(w: Warehouse, clients: list[Known]) -> None:
    with sqlite3.connect(w.session.store.root / "metastores.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for table in SHARED:
        found: dict[str, dict[int, str]] = {known.name: {} for known in clients}
        for key, value in w.rows(f"SELECT id, v FROM main.s.{table}"):
            owner = found[str(key // 1_000_000)]
            assert key not in owner, f"{table}: row {key} is there twice"
            owner[key] = value
        for known in clients:
            allowed = [known.rows[table]]
            if known.pending.get("table") == table:
                allowed.append(known.pending["rows"])
            assert found[known.name] in allowed, f"{table}: rows of client {known.name}"
            known.rows[table] = found[known.name]
    listed = {
        row["table_name"]
        for row in w.run("SELECT table_name FROM main.information_schema.tables WHERE table_schema = 's'")
    }
    for known in clients:
        _check_own(w, known, listed)
        known.pending = {}
    for name in sorted(listed):
        _check_log(w, name)


def _check_own(w: Warehouse, known: Known, listed: set[str]) -> None:
    new, gone = known.pending.get("create"), known.pending.get("drop")
    if new in listed:
        known.tables[new] = known.pending["count"]
    if new in listed and "source" in known.pending:
        known.columns[new] = known.pending["source"]
    if gone is not None and gone not in listed:
        del known.tables[gone]
        known.granted.discard(gone)
    assert set(known.tables) <= listed
    for name, rows in known.tables.items():
        assert w.value(f"SELECT count(*) FROM main.s.{name}") == rows
        assert known.columns.get(name, set()) <= {row["col_name"] for row in w.run(f"DESCRIBE TABLE main.s.{name}")}
    mine = re.compile(rf"(own|copy)_{known.name}\d{{6}}\Z")
    assert {name for name in listed if mine.match(name)} == set(known.tables)


def _check_log(w: Warehouse, name: str) -> None:
    """No commit is missing or torn, and the catalog says of the table what its log says."""
    doc = w.session.store.get(w.session.ms, "table", "main", "s", name)
    assert doc is not None
    path = Path(doc["_path"])
    versions = log.commit_versions(path)
    assert versions == list(range(versions[-1] + 1))
    state = log.snapshot(path)
    for version in versions:
        assert log.commit_actions(path, version)
    assert [column["name"] for column in doc["columns"]] == state.schema.names
    assert all(log.file_of(path, add["path"]).stat().st_size == add["size"] for add in state.files.values())


# ---- two servers, many clients


@contextmanager
def served(root: Path) -> Iterator[dict[str, Any]]:
    """`replicator emulator serve us-east` in a process of its own: what it says of itself."""
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "us-east", "--root", str(root), "--json"]
    with Popen(command, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("]"):
            text += process.stdout.readline()
        try:
            yield json.loads(text)[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _sea(client: WorkspaceClient, warehouse_id: str) -> Run:
    def run(statement: str) -> list[list[Any]]:
        answer = client.statement_execution.execute_statement(statement, warehouse_id, wait_timeout="50s")
        assert answer.status is not None
        assert answer.status.state is StatementState.SUCCEEDED, answer.status.error
        return answer.result.data_array or [] if answer.result else []

    return run


def _thrift(served: dict[str, Any]) -> tuple[Any, Run]:
    connection = connector.connect(
        server_hostname="127.0.0.1",
        http_path=served["http_path"],
        access_token=served["token"],
        _connection_uri=served["host"] + served["http_path"],
        enable_telemetry=False,
    )

    def run(statement: str) -> list[list[Any]]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return [list(row.values()) for row in cursor.fetchall_arrow().to_pylist()]

    return connection, run


def _rest(client: WorkspaceClient, known: Known, dice: random.Random) -> None:
    """What a client does without SQL."""
    if known.tables and dice.random() < 0.5:
        name = dice.choice(sorted(known.tables))
        change = PermissionsChange(principal="reader@example.com", add=[Privilege.SELECT])
        client.grants.update("TABLE", f"main.s.{name}", changes=[change])
        known.granted.add(name)
        assert client.tables.get(f"main.s.{name}").comment in ("own", None)
        return
    schema = client.schemas.create(f"schema_{known.next_key()}", "main", comment="mine")
    client.schemas.update(schema.full_name or "", comment="changed")
    assert client.schemas.get(schema.full_name or "").comment == "changed"
    client.schemas.delete(schema.full_name or "")


@pytest.mark.slow
def test_two_servers_and_many_clients_lose_nothing(root: Path) -> None:
    w = open_warehouse(root)
    for table in SHARED:
        w.run(f"CREATE TABLE {table} (id BIGINT NOT NULL, v STRING)")
    clients = [Known(str(index)) for index in range(1, THREADS + 1)]
    failures: list[Exception] = []
    steps = [0] * THREADS
    end = time.monotonic() + SECONDS

    def work(index: int, server: dict[str, Any]) -> None:
        known, dice = clients[index], random.Random(index)
        config = Config(host=server["host"], token=server["token"], auth_type="pat", retry_timeout_seconds=30)
        client = WorkspaceClient(config=config)
        connection, thrift = _thrift(server)
        sea = _sea(client, server["warehouse_id"])
        try:
            while time.monotonic() < end and not failures:
                way = dice.random()
                if way < 0.2:
                    _rest(client, known, dice)
                else:
                    step(known, thrift if way < 0.6 else sea, dice)
                steps[index] += 1
        except Exception as error:  # noqa: BLE001 - raised by the main thread, which waits for all of them
            failures.append(error)
        finally:
            connection.close()

    with served(root) as first, served(root) as second:
        threads = [threading.Thread(target=work, args=(n, (first, second)[n % 2])) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    check(root, clients)
    commits = sum(int(w.value(f"SELECT count(*) FROM (DESCRIBE HISTORY {table})")) - 1 for table in SHARED)
    assert commits == sum(known.writes for known in clients)
    granted = {known_table for known in clients for known_table in known.granted}
    for name in granted:
        assert w.run(f"SHOW GRANTS `reader@example.com` ON TABLE {name}")
    assert max(entry["status"] for entry in requestlog.read(root)) < 500
    assert min(steps) > 3


# ---- a server that is killed


def serve(root: Path, token: str, ready: Connection) -> None:
    """Serve until killed."""
    ready.send(start("us-east", root, token=token).url)
    signal.pause()


def _raw(session: requests.Session, url: str, warehouse_id: str) -> Run:
    """Statements without a client that would send them again."""

    def run(statement: str) -> list[list[Any]]:
        body = {"statement": statement, "warehouse_id": warehouse_id, "wait_timeout": "50s"}
        answer = session.post(f"{url}/api/2.0/sql/statements", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["status"]["state"] == "SUCCEEDED", found
        rows: list[list[Any]] = found.get("result", {}).get("data_array", [])
        return rows

    return run


@pytest.mark.slow
def test_a_server_that_is_killed_loses_nothing(root: Path) -> None:
    w = open_warehouse(root)
    for table in SHARED:
        w.run(f"CREATE TABLE {table} (id BIGINT NOT NULL, v STRING)")
    clients = [Known(str(index)) for index in range(1, 5)]
    dice = random.Random(1)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["replicator.emulator", "replicator.emulator.sql", "replicator.emulator.statements"])
    token = "kill-loop-token"
    for kill in range(KILLS):
        ready, theirs = context.Pipe(duplex=False)
        process = context.Process(target=serve, args=(root, token, theirs), daemon=True)
        process.start()
        assert ready.poll(60)
        url = ready.recv()
        failures: list[Exception] = []

        def work(known: Known, seed: str, url: str = url, failures: list[Exception] = failures) -> None:
            own_dice = random.Random(seed)
            with requests.Session() as session:
                session.headers["Authorization"] = f"Bearer {token}"
                info = session.get(f"{url}/api/2.0/sql/warehouses", timeout=60).json()["warehouses"][0]
                run = _raw(session, url, info["id"])
                while True:
                    try:
                        step(known, run, own_dice)
                    except requests.RequestException:
                        return  # killed: what was asked last may or may not have happened
                    except Exception as error:  # noqa: BLE001 - raised by the main thread
                        failures.append(error)
                        return

        threads = [threading.Thread(target=work, args=(known, f"{kill} {known.name}")) for known in clients]
        for thread in threads:
            thread.start()
        # Anywhere in the work, however fast this machine is; now and then before anything was answered.
        enough, limit = sum(known.steps for known in clients) + dice.randint(0, 12), time.monotonic() + 10
        while sum(known.steps for known in clients) < enough and time.monotonic() < limit:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.03))
        process.kill()
        process.join()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        check(root, clients)
    assert sum(known.writes for known in clients) > KILLS
