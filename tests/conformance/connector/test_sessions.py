"""Sessions: where a connection begins, what it keeps, cancelling, and statements that are waited for later."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from databricks.sql.exc import Error

from tests.conformance.targets import Target

LONG = "SELECT count(*) FROM range(1000000) a CROSS JOIN range(1000000) b WHERE (a.id * b.id) % 7 = 3"
TRANSPORTS = pytest.mark.parametrize("transport", ["thrift", "sea"])


@TRANSPORTS
def test_a_connection_begins_where_it_is_told(target: Target, schema: str, transport: str) -> None:
    catalog, name = schema.split(".")
    options = {"catalog": catalog, "schema": name, "session_configuration": {"timezone": "Europe/Berlin"}}
    with getattr(target, transport)(**options) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_catalog(), current_schema(), current_timezone()")
        assert tuple(cursor.fetchall()[0]) == (catalog, name, "Europe/Berlin")
        with connection.cursor() as second:
            second.execute("CREATE TEMPORARY VIEW here AS SELECT 1 AS one")
        cursor.execute("SELECT one FROM here")
        assert cursor.fetchall()[0].one == 1
    with getattr(target, transport)(**options) as connection, connection.cursor() as cursor, pytest.raises(Error):
        cursor.execute("SELECT one FROM here")


def test_a_statement_is_cancelled(opened: Any) -> None:
    cursor = opened.cursor()
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            cursor.execute(LONG)
        except Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(200):
        time.sleep(0.1)
        if cursor.active_command_id is not None or not thread.is_alive():
            break
    cursor.cancel()
    thread.join(60)
    assert not thread.is_alive()
    assert outcome, "the statement was not cancelled"
    with opened.cursor() as other:
        assert other.execute("SELECT 1 AS one").fetchall()[0].one == 1


def test_a_result_is_fetched_later(opened: Any, schema: str) -> None:
    with opened.cursor() as cursor:
        cursor.execute(f"USE {schema}")
        cursor.execute_async("SELECT id FROM range(5) ORDER BY id")
        _fetch_later(cursor)
        assert [row[0] for row in cursor.fetchall()] == [0, 1, 2, 3, 4]
        cursor.execute_async("SELECT * FROM absent_table")
        with pytest.raises(Error):
            _fetch_later(cursor)


def _fetch_later(cursor: Any) -> None:
    deadline = time.monotonic() + 60
    while cursor.is_query_pending() and time.monotonic() < deadline:
        time.sleep(0.05)
    cursor.get_async_execution_result()


def test_closed_cursors_and_connections_refuse(target: Target) -> None:
    connection = target.thrift()
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    cursor.close()
    with pytest.raises(Error):
        cursor.execute("SELECT 1")
    connection.close()
    with pytest.raises(Error):
        connection.cursor()
