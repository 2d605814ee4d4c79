"""The Thrift transport through the official SQL connector."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from databricks.sql.exc import DatabaseError, RequestError, ServerOperationError

from replicator.emulator import Endpoint, thrift
from replicator.emulator.errors import ApiError, SqlError, not_found

from .conftest import Outcome

Scripted = Callable[..., Endpoint]
Sql = Callable[..., Any]

MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
# Arrow type, value sent, value that the connector returns, type code in the cursor's description
TYPES = [
    (pa.bool_(), True, True, "boolean"),
    (pa.int8(), -128, -128, "tinyint"),
    (pa.int16(), 32767, 32767, "smallint"),
    (pa.int32(), -(2**31), -(2**31), "int"),
    (pa.int64(), 2**63 - 1, 2**63 - 1, "bigint"),
    (pa.float32(), 1.5, 1.5, "float"),
    (pa.float64(), 1e300, 1e300, "double"),
    (pa.decimal128(38, 10), Decimal("1234567890.0123456789"), Decimal("1234567890.0123456789"), "decimal"),
    (pa.string(), "größe \U0001f600 '\"\\", "größe \U0001f600 '\"\\", "string"),
    (pa.binary(), b"\x00\xff", b"\x00\xff", "binary"),
    (pa.date32(), datetime.date(2024, 2, 29), datetime.date(2024, 2, 29), "date"),
    (pa.timestamp("us", "UTC"), MOMENT, MOMENT, "timestamp"),
    (pa.timestamp("us"), MOMENT.replace(tzinfo=None), MOMENT.replace(tzinfo=None), "timestamp"),
]


@pytest.mark.parametrize(("kind", "sent", "expected", "code"), TYPES, ids=[str(item[0]) for item in TYPES])
def test_every_type_makes_the_round_trip(
    scripted: Scripted, sql: Sql, kind: pa.DataType, sent: Any, expected: Any, code: str
) -> None:
    e = scripted({"q": pa.table({"value": pa.array([sent, None], kind)})})
    with sql(e).cursor() as cursor:
        cursor.execute("q")
        assert cursor.description[0][:2] == ("value", code)
        assert [row.value for row in cursor.fetchall()] == [expected, None]


def test_nested_types_arrive_as_arrow(scripted: Scripted, sql: Sql) -> None:
    kind = pa.struct([("a", pa.list_(pa.int32())), ("m", pa.map_(pa.string(), pa.int64()))])
    table = pa.table({"value": pa.array([{"a": [1, None], "m": [("k", 2)]}, None], kind)})
    e = scripted({"q": table})
    with sql(e).cursor() as cursor:
        assert cursor.execute("q").fetchall_arrow().to_pylist() == table.to_pylist()
        assert cursor.description[0][1] == "struct"


def test_nested_types_arrive_as_json_when_the_client_wants_text(scripted: Scripted, sql: Sql) -> None:
    table = pa.table({"value": pa.array([[1, 2]], pa.list_(pa.int64()))})
    e = scripted({"q": table})
    with sql(e, _use_arrow_native_complex_types=False).cursor() as cursor:
        assert cursor.execute("q").fetchone().value == "[1,2]"


def test_a_variant_is_named_by_its_metadata(scripted: Scripted, sql: Sql) -> None:
    field = pa.field("value", pa.string(), metadata={b"Spark:DataType:SqlName": b"variant"})
    e = scripted({"q": pa.table([pa.array(['{"a":1}'])], schema=pa.schema([field]))})
    with sql(e).cursor() as cursor:
        cursor.execute("q")
        assert cursor.description[0][1] == "variant"


def test_empty_results_keep_their_columns(scripted: Scripted, sql: Sql) -> None:
    e = scripted({"q": pa.table({"a": pa.array([], pa.int64())}), "ddl": Outcome(pa.table({}), kind="DDL")})
    with sql(e).cursor() as cursor:
        assert cursor.execute("q").fetchall() == []
        assert cursor.description[0][0] == "a"
        assert cursor.execute("ddl").fetchall() == []


def test_affected_rows_reach_the_cursor(scripted: Scripted, sql: Sql) -> None:
    outcome = Outcome(pa.table({"num_affected_rows": pa.array([7], pa.int64())}), 7, "UPDATE")
    e = scripted({"update": outcome})
    with sql(e).cursor() as cursor:
        cursor.execute("update")
        assert cursor.rowcount == 7


def test_a_million_rows_come_in_several_fetches(scripted: Scripted, sql: Sql) -> None:
    table = pa.table({"n": pa.array(range(1_000_000), pa.int64())})
    e = scripted({"q": table})
    with sql(e).cursor() as cursor:
        cursor.execute("q")
        assert cursor.fetchmany_arrow(10)["n"].to_pylist() == list(range(10))
        rest = cursor.fetchall_arrow()
        assert rest.num_rows == 999_990
        assert rest["n"][-1].as_py() == 999_999


def test_errors_carry_class_and_sqlstate(scripted: Scripted, sql: Sql) -> None:
    e = scripted(
        {
            "sql": SqlError("DIVIDE_BY_ZERO", "22012", "Division by zero."),
            "api": not_found("table", "c.s.t"),
            "denied": ApiError(403, "PERMISSION_DENIED", "User does not have SELECT on Table 'c.s.t'."),
        }
    )
    with sql(e).cursor() as cursor:
        with pytest.raises(ServerOperationError, match=r"^\[DIVIDE_BY_ZERO\] Division by zero. SQLSTATE: 22012$"):
            cursor.execute("sql")
        with pytest.raises(ServerOperationError, match=r"\[TABLE_OR_VIEW_NOT_FOUND\].*`c`.`s`.`t`.*SQLSTATE: 42P01"):
            cursor.execute("api")
        with pytest.raises(ServerOperationError, match=r"\[INSUFFICIENT_PERMISSIONS\].*SQLSTATE: 42501"):
            cursor.execute("denied")


def test_a_slow_statement_is_polled(scripted: Scripted, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thrift, "_DIRECT_SECONDS", 0.01)
    monkeypatch.setattr(thrift, "_POLL_SECONDS", 0.05)
    release = threading.Event()
    threading.Timer(0.3, release.set).start()

    def slow(session: Any, params: Any) -> pa.Table:
        release.wait(10)
        return pa.table({"a": [1]})

    with sql(scripted({"q": slow})).cursor() as cursor:
        assert cursor.execute("q").fetchall()[0].a == 1


ENDLESS = "SELECT count(*) FROM range(1000000) a CROSS JOIN range(1000000) b WHERE (a.id * b.id) % 7 = 3"


def _held(entered: threading.Event, go: threading.Event) -> Callable[..., None]:
    """A check of statements that says when one has come, and lets it go on when it is told to."""

    def check(text: str, wait: Any) -> None:
        entered.set()
        go.wait(10)

    return check


def test_a_statement_is_cancelled_from_another_thread(
    endpoint: Callable[..., Endpoint], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before its query has begun, and without touching the other statements of the session."""
    e = endpoint()
    connection = sql(e)
    for begun in (False, True):
        entered, go = threading.Event(), threading.Event()
        monkeypatch.setattr(e.workspace, "check_statement", _held(entered, go))
        cursor = connection.cursor()
        cursor.execute_async(ENDLESS)
        assert entered.wait(10)
        if begun:
            go.set()
            time.sleep(0.2)
        cursor.cancel()
        go.set()
        with pytest.raises(DatabaseError):
            cursor.get_async_execution_result()
        with connection.cursor() as other:
            assert other.execute("SELECT count(*) FROM range(1000)").fetchall()[0][0] == 1000
    # The server's stop, when the fixture ends, waits for the threads of its statements.


def test_parameters_arrive_with_their_types(scripted: Scripted, sql: Sql) -> None:
    seen: list[Any] = []

    def record(session: Any, params: Any) -> pa.Table:
        seen.extend((item.name, item.type, item.value) for item in params)
        return pa.table({"a": [1]})

    with sql(scripted({"q": record})).cursor() as cursor:
        cursor.execute("q", {"i": 1, "s": "it's", "n": None, "b": True})
    assert seen == [("i", "INT", "1"), ("s", "STRING", "it's"), ("n", "VOID", None), ("b", "BOOLEAN", "True")]


def test_the_session_keeps_its_namespace_and_settings(scripted: Scripted, sql: Sql) -> None:
    def describe(session: Any, params: Any) -> pa.Table:
        values = [session.catalog, session.schema, session.conf.get("ansi_mode"), session.principal]
        session.schema = "changed"
        return pa.table({"value": values})

    e = scripted({"q": describe})
    connection = sql(e, catalog="c", schema="s", session_configuration={"ansi_mode": "true"})
    with connection.cursor() as cursor:
        owner = "admin@us-east.emulator"
        assert [row.value for row in cursor.execute("q").fetchall()] == ["c", "s", "true", owner]
        assert cursor.execute("q").fetchall()[1].value == "changed"


def test_a_statement_of_a_closed_session_is_refused(scripted: Scripted, sql: Sql) -> None:
    e = scripted({"q": pa.table({"a": [1]})})
    connection = sql(e)
    for session_id in list(e.workspace.statements._sessions):
        e.workspace.statements.close_session(session_id)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="Invalid SessionHandle"):
        cursor.execute("q")


def test_a_wrong_token_and_a_wrong_warehouse_are_named(scripted: Scripted, sql: Sql) -> None:
    e = scripted({})
    with pytest.raises(RequestError, match="Invalid access token") as caught:
        sql(e, token="wrong")
    assert caught.value.context["http-code"] == 401
    with pytest.raises(RequestError, match="SQL warehouse 0123456789abcdef does not exist"):
        sql(Endpoint(**{**vars(e), "http_path": "/sql/1.0/warehouses/0123456789abcdef"}))


def test_catalog_calls_list_what_exists(scripted: Scripted, sql: Sql, sdk: Callable[..., Any]) -> None:
    e = scripted({})
    w = sdk(e)
    w.catalogs.create("c")
    w.schemas.create("s_1", "c")
    with sql(e).cursor() as cursor:
        assert [row.TABLE_CAT for row in cursor.catalogs().fetchall()] == ["c", "system"]
        assert [row.TABLE_SCHEM for row in cursor.schemas("c", "s%").fetchall()] == ["s_1"]
        assert cursor.tables("c", "s_1").fetchall() == []
        assert cursor.columns("c", "s_1", "%").fetchall() == []


def test_statements_after_a_defect_still_work(scripted: Scripted, sql: Sql) -> None:
    e = scripted({"bug": ZeroDivisionError("oops"), "q": pa.table({"a": [1]})})
    with sql(e).cursor() as cursor:
        with pytest.raises(ServerOperationError, match=r"\[INTERNAL_ERROR\].*ZeroDivisionError: oops"):
            cursor.execute("bug")
        assert cursor.execute("q").fetchall()[0].a == 1
