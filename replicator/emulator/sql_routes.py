"""Routes of the SQL transports. Their engines load with the first statement, so that the server starts at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from replicator.emulator.routing import Handler, Request, Route

_SESSIONS = "/api/2.0/sql/sessions"
_STATEMENTS = "/api/2.0/sql/statements"


def later(module: str, function: str) -> Handler:
    """A handler that imports its module when it is called."""

    def handle(request: Request) -> Any:
        return getattr(import_module(f"replicator.emulator.{module}"), function)(request)

    return handle


_fetch_link = later("statements_api", "fetch_link")
_thrift = later("thrift", "serve")

ROUTES = (
    Route("POST", _SESSIONS, later("statements_api", "create_session"), writes=False),
    Route("DELETE", f"{_SESSIONS}/{{id}}", later("statements_api", "delete_session"), writes=False),
    Route("POST", _STATEMENTS, later("statements_api", "execute"), writes=False),
    Route("GET", f"{_STATEMENTS}/{{id}}", later("statements_api", "get_statement")),
    Route("GET", f"{_STATEMENTS}/{{id}}/result/chunks/{{index}}", later("statements_api", "get_chunk")),
    Route("POST", f"{_STATEMENTS}/{{id}}/cancel", later("statements_api", "cancel"), writes=False),
    Route("DELETE", f"{_STATEMENTS}/{{id}}", later("statements_api", "close"), writes=False),
    Route("GET", "/emulator/results/{id}/{index}/{secret}", _fetch_link, public=True, secret=True),
    Route("POST", "/sql/1.0/warehouses/{id}", _thrift, writes=False),
    Route("POST", "/sql/1.0/endpoints/{id}", _thrift, writes=False),
)
