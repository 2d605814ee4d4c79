"""Routes of the SQL transports. Their engines load with the first statement, so that the server starts at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from replicator.emulator.routing import Handler, Request, Route

_OF_WAREHOUSE = "/api/2.0/sql/warehouses/{warehouse_id}/sessions"


def later(module: str, function: str) -> Handler:
    """A handler that imports its module when it is called."""

    def handle(request: Request) -> Any:
        return getattr(import_module(f"replicator.emulator.{module}"), function)(request)

    return handle


_fetch_link = later("statements_api", "fetch_link")
_thrift = later("thrift", "serve")


def _execution(sessions: str, statements: str) -> tuple[Route, ...]:
    """The Statement Execution API below two paths."""

    def route(method: str, path: str, function: str) -> Route:
        return Route(method, path, later("statements_api", function), writes=False)

    return (
        route("POST", sessions, "create_session"),
        route("DELETE", f"{sessions}/{{session_id}}", "delete_session"),
        route("POST", statements, "execute"),
        route("GET", f"{statements}/{{id}}", "get_statement"),
        route("GET", f"{statements}/{{id}}/result/chunks/{{index}}", "get_chunk"),
        route("POST", f"{statements}/{{id}}/cancel", "cancel"),
        route("DELETE", f"{statements}/{{id}}", "close"),
    )


ROUTES = (
    *_execution("/api/2.0/sql/sessions", "/api/2.0/sql/statements"),
    # JDBC's driver names the warehouse and the session in the path.
    *_execution(_OF_WAREHOUSE, f"{_OF_WAREHOUSE}/{{session_id}}/statements"),
    Route("GET", "/emulator/results/{id}/{index}/{secret}", _fetch_link, public=True, secret=True),
    Route("POST", "/sql/1.0/warehouses/{id}", _thrift, writes=False),
    Route("POST", "/sql/1.0/endpoints/{id}", _thrift, writes=False),
)
