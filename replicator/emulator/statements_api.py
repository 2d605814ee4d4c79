"""REST: the Statement Execution API, its sessions and its result links."""

from __future__ import annotations

import base64
import csv
import datetime
import io
import json
import re
from typing import Any

import pyarrow as pa

from replicator.emulator import arrow
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.routing import Request, Response
from replicator.emulator.session import Session
from replicator.emulator.statements import State, Statement

_INLINE_BYTES = 25 * 1024**2  # as Databricks documents it
_LINK_SECONDS = 900
_WAIT = re.compile(r"(\d+)s")
_FORMATS = ("JSON_ARRAY", "ARROW_STREAM", "CSV")
_DISPOSITIONS = ("INLINE", "EXTERNAL_LINKS", "INLINE_OR_EXTERNAL_LINKS")
_ERROR_CODES = {"42501": "BAD_REQUEST", "XX000": "INTERNAL_ERROR"}


def create_session(request: Request) -> Doc:
    """POST sql/sessions; sql/warehouses/{warehouse_id}/sessions."""
    request.workspace.use_warehouse(_warehouse(request))
    session = _new_session(request)
    session.conf.update({str(key): str(value) for key, value in (request.json.get("session_confs") or {}).items()})
    return {"session_id": request.workspace.statements.open_session(session)}


def delete_session(request: Request) -> None:
    """DELETE sql/sessions/{session_id}."""
    request.workspace.statements.close_session(request.args["session_id"])


def execute(request: Request) -> Doc:
    """POST sql/statements: run, wait for `wait_timeout`, answer with the result or the state."""
    text = request.text("statement")
    statements = request.workspace.statements
    request.log.update(statements.describe(text))
    request.workspace.use_warehouse(_warehouse(request))
    wait = _wait_seconds(request.json.get("wait_timeout") or "10s")
    delivery = _delivery(request.json)
    session_id = request.args.get("session_id") or request.json.get("session_id")
    session = statements.session(session_id, request.principal) if session_id else _new_session(request)
    limit = request.json.get("row_limit")
    statement = statements.submit(session, text, _parameters(request.json), int(limit) if limit else None)
    statement.delivery = delivery
    if not statement.done.wait(wait) and request.json.get("on_wait_timeout") == "CANCEL":
        statements.cancel(statement)
    return _response(request, statement)


def get_statement(request: Request) -> Doc:
    """GET sql/statements/{id}."""
    return _response(request, _statement(request))


def get_chunk(request: Request) -> Doc:
    """GET sql/statements/{id}/result/chunks/{index}."""
    statement, index = _statement(request), _index(request.args["index"])
    if statement.state is not State.SUCCEEDED or statement.table is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The statement {statement.id} has no result.")
    bounds = _chunks(statement)
    if index >= len(bounds):
        raise invalid(f"Chunk index {index} is out of range: the result has {len(bounds)} chunk(s).")
    return _result(request, statement, bounds, index)


def cancel(request: Request) -> None:
    """POST sql/statements/{id}/cancel."""
    request.workspace.statements.cancel(_statement(request))


def close(request: Request) -> None:
    """DELETE sql/statements/{id}."""
    request.workspace.statements.close_statement(_statement(request))


def fetch_link(request: Request) -> Response:
    """GET emulator/results/{id}/{index}/{secret}: the chunk behind an external link, without a token."""
    statement = request.workspace.statements.by_secret(request.args["id"], request.args["secret"])
    bounds = _chunks(statement)
    index = _index(request.args["index"])
    if index >= len(bounds):
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", "There is no such chunk.")
    return Response(200, _encoded(statement, bounds[index]), "application/octet-stream")


def _warehouse(request: Request) -> str:
    """The warehouse in the path or, where it has none, in the body."""
    return request.args.get("warehouse_id") or request.text("warehouse_id")


def _statement(request: Request) -> Statement:
    return request.workspace.statements.get(request.args["id"], request.session)


def _new_session(request: Request) -> Session:
    catalog, schema = request.json.get("catalog"), request.json.get("schema")
    return request.workspace.session(request.principal, catalog, schema)


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"Invalid chunk index '{text}'.")
    return int(text)


def _wait_seconds(text: str) -> int:
    match = _WAIT.fullmatch(str(text))
    seconds = int(match[1]) if match else -1
    if seconds != 0 and not 5 <= seconds <= 50:
        raise invalid(f"wait_timeout must be 0s or between 5s and 50s, not '{text}'.")
    return seconds


def _delivery(body: Doc) -> Doc:
    layout = body.get("format") or "JSON_ARRAY"
    disposition = body.get("disposition") or "INLINE"
    if layout not in _FORMATS or disposition not in _DISPOSITIONS:
        raise invalid(f"Invalid format '{layout}' or disposition '{disposition}'.")
    if disposition == "INLINE" and layout != "JSON_ARRAY":
        raise invalid(f"The format {layout} is not supported with the INLINE disposition.")
    return {
        "format": layout,
        "disposition": disposition,
        "compressed": body.get("result_compression") == "LZ4_FRAME" and layout == "ARROW_STREAM",
    }


def _parameters(body: Doc) -> list[Any]:
    given = body.get("parameters") or []
    if not given:
        return []
    from replicator.emulator.sql import Param

    if any(not isinstance(item.get("value"), str | None) for item in given):
        raise invalid("The value of a parameter must be a string or null.")
    return [
        Param(item.get("name"), item.get("ordinal"), str(item.get("type") or "STRING").upper(), item.get("value"))
        for item in given
    ]


# ---- answers


def _response(request: Request, statement: Statement) -> Doc:
    status: Doc = {"state": statement.state.value}
    answer: Doc = {"statement_id": statement.id, "status": status}
    if statement.error is not None:
        code = _ERROR_CODES.get(statement.error.sqlstate, "BAD_REQUEST")
        status |= {
            "error": {"error_code": code, "message": statement.error.display()},
            "sql_state": statement.error.sqlstate,
        }
    elif statement.state is State.SUCCEEDED and statement.table is not None:
        if _too_large(statement):
            return answer | {"status": _inline_exceeded()}
        bounds = _chunks(statement)
        answer["manifest"] = _manifest(statement, bounds)
        answer["result"] = _result(request, statement, bounds, 0) if bounds else {}
    return answer


def _too_large(statement: Statement) -> bool:
    assert statement.table is not None
    return statement.delivery["disposition"] == "INLINE" and int(statement.table.nbytes) > _INLINE_BYTES


def _inline_exceeded() -> Doc:
    message = (
        f"Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most"
        f" {_INLINE_BYTES} bytes. Please execute the statement with disposition=EXTERNAL_LINKS if you want to"
        " download the full result."
    )
    return {"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": message}}


def _chunks(statement: Statement) -> list[tuple[int, int]]:
    """(first row, rows) of each chunk."""
    table = statement.table
    if table is None:
        return []
    size = arrow.chunk_rows(table)
    return [(first, min(size, table.num_rows - first)) for first in range(0, table.num_rows, size)]


def _manifest(statement: Statement, bounds: list[tuple[int, int]]) -> Doc:
    table: pa.Table = statement.table
    columns = [_column(position, arrow.column(field)) for position, field in enumerate(table.schema)]
    manifest = {
        "format": statement.delivery["format"],
        "schema": {"column_count": len(columns), "columns": columns},
        "total_chunk_count": len(bounds),
        "total_row_count": table.num_rows,
        "total_byte_count": table.nbytes,
        "truncated": statement.truncated,
    }
    if bounds:
        manifest["chunks"] = [_chunk(index, table, *bound) for index, bound in enumerate(bounds)]
    if statement.delivery["compressed"]:
        manifest["result_compression"] = "LZ4_FRAME"
    return manifest


def _chunk(index: int, table: pa.Table, first: int, count: int) -> Doc:
    size = table.slice(first, count).nbytes
    return {"chunk_index": index, "row_offset": first, "row_count": count, "byte_count": size}


def _column(position: int, column: arrow.Column) -> Doc:
    doc: Doc = {"name": column.label, "type_text": column.text, "type_name": column.name, "position": position}
    if column.precision is not None:
        doc |= {"type_precision": column.precision, "type_scale": column.scale}
    return doc


def _result(request: Request, statement: Statement, bounds: list[tuple[int, int]], index: int) -> Doc:
    first, count = bounds[index]
    table: pa.Table = statement.table
    result = _chunk(index, table, first, count)
    if index + 1 < len(bounds):
        link = f"/api/2.0/sql/statements/{statement.id}/result/chunks/{index + 1}"
        result |= {"next_chunk_index": index + 1, "next_chunk_internal_link": link}
    disposition, layout = statement.delivery["disposition"], statement.delivery["format"]
    if disposition == "INLINE" or (disposition == "INLINE_OR_EXTERNAL_LINKS" and layout == "JSON_ARRAY"):
        return result | {"data_array": arrow.rows(table.slice(first, count))}
    if disposition == "INLINE_OR_EXTERNAL_LINKS" and len(bounds) == 1:
        return result | {"attachment": base64.b64encode(_encoded(statement, bounds[0])).decode()}
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=_LINK_SECONDS)
    url = f"{request.workspace.url}/emulator/results/{statement.id}/{index}/{statement.secret}"
    expiration = expires.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"external_links": [result | {"external_link": url, "expiration": expiration, "http_headers": {}}]}


def _encoded(statement: Statement, bound: tuple[int, int]) -> bytes:
    table = statement.table.slice(*bound) if statement.table is not None else pa.table({})
    if statement.delivery["format"] == "ARROW_STREAM":
        return arrow.stream(table, statement.delivery["compressed"])
    rows = arrow.rows(table)
    if statement.delivery["format"] == "JSON_ARRAY":
        return json.dumps(rows, ensure_ascii=False).encode("utf-8", "backslashreplace")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.column_names)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")
