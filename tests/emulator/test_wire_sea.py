"""The Statement Execution API through the SDK and through the SQL connector's SEA backend."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import lz4.frame
import pyarrow as pa
import pytest
from databricks import sql as connector
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    StatementParameterListItem,
    StatementState,
)

from replicator.emulator import Endpoint, arrow
from replicator.emulator.errors import SqlError

Scripted = Callable[..., Endpoint]
Sdk = Callable[..., Any]
NUMBERS = pa.table({"n": pa.array(range(10), pa.int64()), "s": [f"größe {number}" for number in range(10)]})


def run(w: Any, e: Endpoint, text: str, **options: Any) -> Any:
    return w.statement_execution.execute_statement(text, e.warehouse_id, **options)


def test_an_inline_result_has_a_manifest_and_strings(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    answer = run(sdk(e), e, "q")
    assert answer.status.state is StatementState.SUCCEEDED
    columns = [(item.name, item.type_name.value, item.position) for item in answer.manifest.schema.columns]
    assert columns == [("n", "LONG", 0), ("s", "STRING", 1)]
    assert (answer.manifest.total_row_count, answer.manifest.total_chunk_count) == (10, 1)
    assert answer.result.data_array[3] == ["3", "größe 3"]


def test_an_empty_result_has_no_chunks(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS.slice(0, 0)})
    answer = run(sdk(e), e, "q")
    assert answer.manifest.total_chunk_count == 0
    assert answer.result.data_array is None


def test_a_failure_is_http_200_with_state_and_sqlstate(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": SqlError("DIVIDE_BY_ZERO", "22012", "Division by zero.")})
    status = run(sdk(e), e, "q").status
    assert (status.state, status.sql_state) == (StatementState.FAILED, "22012")
    assert status.error.message == "[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012"
    assert status.error.error_code.value == "BAD_REQUEST"


def test_large_results_come_in_chunks_behind_links(
    scripted: Scripted, sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "_CHUNK_BYTES", 100_000)
    table = pa.table({"n": pa.array(range(50_000), pa.int64())})
    e = scripted({"q": table})
    w = sdk(e)
    options = {"disposition": Disposition.EXTERNAL_LINKS, "format": Format.ARROW_STREAM}
    answer = run(w, e, "q", **options)
    rows, chunk = 0, answer.result.external_links[0]
    while True:
        with urllib.request.urlopen(chunk.external_link) as response:
            rows += pa.ipc.open_stream(response.read()).read_all().num_rows
        if chunk.next_chunk_index is None:
            break
        following = w.statement_execution.get_statement_result_chunk_n(answer.statement_id, chunk.next_chunk_index)
        chunk = following.external_links[0]
    assert rows == 50_000
    assert answer.manifest.total_chunk_count == len(answer.manifest.chunks) > 2


def test_links_work_in_every_format_and_not_with_a_wrong_secret(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    w = sdk(e)
    for layout, parse in ((Format.JSON_ARRAY, json.loads), (Format.CSV, lambda data: data.decode().splitlines()[1:])):
        answer = run(w, e, "q", disposition=Disposition.EXTERNAL_LINKS, format=layout)
        url = answer.result.external_links[0].external_link
        with urllib.request.urlopen(url) as response:
            assert len(parse(response.read())) == 10
        with pytest.raises(urllib.request.HTTPError):
            urllib.request.urlopen(url[:-4] + "AAAA")


def test_arrow_needs_links(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    with pytest.raises(InvalidParameterValue, match="INLINE"):
        run(sdk(e), e, "q", format=Format.ARROW_STREAM)


def test_an_inline_result_over_25_mib_fails(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": pa.table({"n": pa.array(range(4_000_000), pa.int64())})})
    status = run(sdk(e), e, "q").status
    assert status.state is StatementState.FAILED
    assert "Inline byte limit exceeded" in status.error.message


def test_a_row_limit_truncates(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    answer = run(sdk(e), e, "q", row_limit=4)
    assert (answer.manifest.total_row_count, answer.manifest.truncated) == (4, True)


def test_a_statement_without_waiting_is_polled(scripted: Scripted, sdk: Sdk) -> None:
    release = threading.Event()

    def slow(session: Any, params: Any) -> pa.Table:
        release.wait(30)
        return NUMBERS

    e = scripted({"q": slow})
    w = sdk(e)
    answer = run(w, e, "q", wait_timeout="0s")
    assert answer.status.state in (StatementState.PENDING, StatementState.RUNNING)
    assert answer.manifest is None
    release.set()
    statement = e.workspace.statements.get(answer.statement_id, e.session())
    assert statement.done.wait(10)
    assert w.statement_execution.get_statement(answer.statement_id).result.row_count == 10


def test_cancel_ends_a_statement(scripted: Scripted, sdk: Sdk) -> None:
    release = threading.Event()
    e = scripted({"q": lambda session, params: release.wait(30)})
    w = sdk(e)
    answer = run(w, e, "q", wait_timeout="0s")
    w.statement_execution.cancel_execution(answer.statement_id)
    assert w.statement_execution.get_statement(answer.statement_id).status.state is StatementState.CANCELED
    release.set()


def test_on_wait_timeout_cancel(scripted: Scripted, sdk: Sdk) -> None:
    release = threading.Event()
    e = scripted({"q": lambda session, params: release.wait(30)})
    cancel = ExecuteStatementRequestOnWaitTimeout.CANCEL
    answer = run(sdk(e), e, "q", wait_timeout="5s", on_wait_timeout=cancel)
    assert answer.status.state is StatementState.CANCELED
    release.set()


@pytest.mark.parametrize("timeout", ["1s", "51s", "10", "-5s"])
def test_wait_timeouts_outside_of_the_limits(scripted: Scripted, sdk: Sdk, timeout: str) -> None:
    e = scripted({"q": NUMBERS})
    with pytest.raises(InvalidParameterValue, match="wait_timeout"):
        run(sdk(e), e, "q", wait_timeout=timeout)


def test_catalog_schema_and_parameters_reach_the_statement(scripted: Scripted, sdk: Sdk) -> None:
    seen: list[Any] = []

    def record(session: Any, params: Any) -> pa.Table:
        seen.append((session.catalog, session.schema, [(item.name, item.type, item.value) for item in params]))
        return NUMBERS

    e = scripted({"q": record})
    item = StatementParameterListItem("x", type="INT", value="1")
    run(sdk(e), e, "q", catalog="c", schema="s", parameters=[item, StatementParameterListItem("y", value="2")])
    assert seen == [("c", "s", [("x", "INT", "1"), ("y", "STRING", "2")])]


def test_statements_belong_to_their_caller(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    answer = run(sdk(e), e, "q")
    ann = sdk(e, e.token_for("ann@x.com"))
    with pytest.raises(NotFound):
        ann.statement_execution.get_statement(answer.statement_id)
    with pytest.raises(NotFound):
        sdk(e).statement_execution.get_statement("01234567-0000-0000-0000-000000000000")


def test_an_unknown_warehouse_is_refused_and_a_stopped_one_starts(scripted: Scripted, sdk: Sdk) -> None:
    e = scripted({"q": NUMBERS})
    w = sdk(e)
    with pytest.raises(NotFound, match="SQL warehouse nope does not exist"):
        w.statement_execution.execute_statement("q", "nope")
    w.warehouses.stop(e.warehouse_id)
    run(w, e, "q")
    assert w.warehouses.get(e.warehouse_id).state.value == "RUNNING"


@pytest.mark.parametrize("options", [{}, {"use_hybrid_disposition": True}, {"use_cloud_fetch": False}])
def test_the_connectors_sea_backend(scripted: Scripted, options: dict[str, Any]) -> None:
    e = scripted({"q": NUMBERS, "bad": SqlError("PARSE_SYNTAX_ERROR", "42601", "Syntax error.")})
    host, port = e.url.rsplit(":", 1)
    common = {"use_sea": True, "enable_telemetry": False, "access_token": e.token, "http_path": e.http_path}
    with connector.connect(server_hostname=host, _port=int(port), **common, **options) as connection:
        cursor = connection.cursor()
        assert [row.n for row in cursor.execute("q").fetchall()] == list(range(10))
        with pytest.raises(connector.exc.Error, match="PARSE_SYNTAX_ERROR"):
            cursor.execute("bad")


def test_json_values_look_as_databricks_prints_them() -> None:
    values = [1.0, 1e10, 1.5e-7, float("nan"), float("-inf"), 123456.789, True, b"\x00\x01", [1, "a"], None]
    expected = ["1.0", "1.0E10", "1.5E-7", "NaN", "-Infinity", "123456.789", "true", "AAE=", '[1,"a"]', None]
    assert [arrow.as_text(value) for value in values] == expected


def test_streams_are_compressed_as_a_whole() -> None:
    data = lz4.frame.decompress(arrow.stream(NUMBERS, compressed=True))
    assert pa.ipc.open_stream(data).read_all() == NUMBERS
