"""The HTTP server: one thread per connection on loopback, for REST, SEA and Thrift on one port."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, cast

from replicator.emulator import disk
from replicator.emulator.context import Workspace
from replicator.emulator.errors import ApiError
from replicator.emulator.faults import (
    DropConnectionError,
    Faults,
    InjectedError,
    Rule,
    strike_after,
    strike_before,
)
from replicator.emulator.http1 import Connection
from replicator.emulator.principals import authenticate, revoke_token
from replicator.emulator.requestlog import Log
from replicator.emulator.routing import Headers, Request, Response, Route, Router, error_response, respond

_DRAIN_SECONDS = 10.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_EMPTY_PAGE = "~"  # marks the token of an injected empty page
_log = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Serves one workspace. `faults` may be shared by several servers of a process."""

    daemon_threads = True
    request_queue_size = 256
    # Daemon threads are not joined: a keep-alive connection would hold up the shutdown until its client leaves.
    block_on_close = False

    def __init__(
        self, port: int, workspace: Workspace, router: Router, faults: Faults, tls: SSLContext | None = None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        if tls is not None:
            # The handshake happens in the connection's own thread: a client that stays silent holds up nobody.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.workspace = workspace
        self.router = router
        self.faults = faults
        self.log = Log(workspace.store.root)
        self.connections: set[socket.socket] = set()
        self._last: dict[str, Response] = {}
        self._idle = threading.Condition()
        self._busy = 0
        workspace.check_statement = lambda text, wait: faults.check_statement(workspace.metastore.name, text, wait)
        workspace.stale_listing = lambda: faults.stale_listing(workspace.metastore.name)
        workspace.sharing_delay = lambda: faults.sharing_delay(workspace.metastore.name)
        workspace.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up whenever they like; anything else is a defect worth a trace."""
        _log.debug("connection from %s ended", client_address, exc_info=True)

    def close(self) -> None:
        """Stop listening, end the open connections and let the requests in progress finish."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The client has closed it already, which is what we want.
                continue
        self.workspace.close()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, _DRAIN_SECONDS)
        self.log.close()

    # ---- one request

    def answer(self, request: Request) -> Response:
        """Authenticate, route, execute and log. Raises DropConnectionError when a fault rule says so."""
        with self._idle:
            self._busy += 1
        try:
            return self._logged(request)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _logged(self, request: Request) -> Response:
        started = time.perf_counter()
        rules: list[Rule] = []
        response = Response(0)
        try:
            response = self._execute(request, rules)
            strike_after(rules)
        finally:
            # Logged before it is sent: who has the answer also finds it in the log.
            seconds = time.perf_counter() - started
            metastore = self.workspace.metastore.name
            target = request.shown or request.target
            self.log.write(metastore, request.method, target, response.status, seconds, request.log)
        return response

    def _admit(self, request: Request) -> Route:
        """The route of a request from somebody who may ask. Raises ApiError 401, 403, 404."""
        _check_host(request.headers)
        route, request.args = self.router.match(request.method, request.path)
        request.shown = route.pattern if route.secret else ""
        request.principal = "" if route.public else self._authenticate(request)
        request.log["principal"] = request.principal
        return route

    def _execute(self, request: Request, rules: list[Rule]) -> Response:
        """Answer a request; `rules` receives the fault rules that strike it."""
        request.log["writes"] = False
        try:
            route = self._admit(request)
            rules += self._due(request)
            self._prepare(request, rules)
            strike_before(rules)
            request.log["writes"] = _writes(route)
            if rules and request.method == "GET":
                return self._read_with_faults(request, route, rules)
            stage = next((rule.at for rule in rules if rule.action == "disk_full"), None)
            with disk.full(stage):
                return respond(route.handler(request))
        except ApiError as error:
            response = error_response(error)
            if isinstance(error, InjectedError) and error.retry_after is not None:
                response.headers = {**response.headers, "Retry-After": str(error.retry_after)}
            return response
        except DropConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect must become an answer, or the client waits and asks again
            if disk.is_full(error):
                return error_response(disk.no_room())
            _log.exception("%s %s failed", request.method, request.target)
            return error_response(ApiError(500, "INTERNAL_ERROR", "The emulator failed; its log holds the trace."))

    def _authenticate(self, request: Request) -> str:
        token, workspace = _bearer(request), self.workspace
        if token:
            principal = authenticate(workspace.store, workspace.metastore.name, token)
            if principal is not None:
                return principal
            raise ApiError(401, "UNAUTHENTICATED", "Invalid access token.")
        message = "Credential was not sent or was of an unsupported type for this API."
        raise ApiError(401, "UNAUTHENTICATED", message)

    # ---- faults

    def _due(self, request: Request) -> list[Rule]:
        if not self.faults.refresh():
            return []
        name = self.workspace.metastore.name
        text, token = _statement(request), _bearer(request)
        return self.faults.due(name, request.method, request.target, text, request.principal, token)

    def _prepare(self, request: Request, rules: list[Rule]) -> None:
        """What rules do to the metastore before a request. Raises ApiError 401 when its token expires now."""
        workspace = self.workspace
        for rule in rules:
            if rule.action == "sql":
                workspace.execute(workspace.session(workspace.metastore.owner), rule.sql, ())
            elif rule.action == "expire_token":
                revoke_token(workspace.store, workspace.metastore.name, _bearer(request))
                raise ApiError(401, "UNAUTHENTICATED", "The access token has expired.")

    def _read_with_faults(self, request: Request, route: Route, rules: list[Rule]) -> Response:
        actions = {rule.action for rule in rules}
        token = request.query.get("page_token", "")
        if "empty_page" in actions:
            return respond({"next_page_token": _EMPTY_PAGE + token})
        if "stale" in actions:
            if request.target not in self._last:
                raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{request.path} does not exist.")
            return self._last[request.target]
        return respond(route.handler(request))

    def remember(self, request: Request, response: Response) -> None:
        """Keep the answer to a GET while fault rules are in force: a stale read repeats it."""
        if self.faults.active and request.method == "GET" and response.status == 200:
            self._last[request.target] = response


class _Handler(Connection):
    """A connection to the server: what is read is answered by it."""

    def setup(self) -> None:
        super().setup()
        self._server.connections.add(self.request)

    def finish(self) -> None:
        self._server.connections.discard(self.request)
        super().finish()

    @property
    def _server(self) -> Server:
        return cast(Server, self.server)

    def respond(self, method: str, target: str, headers: Headers, body: bytes) -> Response | None:
        """Answer one request; a fault may close the connection instead."""
        server = self._server
        address = str(self.client_address[0])
        request = Request(server.workspace, method, _without_mark(target), headers, body, address)
        try:
            response = server.answer(request)
        except DropConnectionError:
            return None
        server.remember(request, response)
        return response


def _writes(route: Route) -> bool:
    return route.writes if route.writes is not None else route.method not in ("GET", "HEAD")


def _bearer(request: Request) -> str:
    """The token of the Authorization header; `""` without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_host(headers: Headers) -> None:
    """Refuse other names for loopback: a web page could have rebound its own name to 127.0.0.1."""
    host = headers.get("Host", "").rpartition(":")
    name = host[0] if host[2].isdigit() else headers.get("Host", "")
    if name.lower() not in _LOOPBACK:
        raise ApiError(403, "PERMISSION_DENIED", "The Host header does not name the loopback interface.")


def _without_mark(target: str) -> str:
    """The target without the mark of an injected empty page, whose token is the one that was sent."""
    return target.replace("page_token=~", "page_token=").replace("page_token=%7E", "page_token=")


def _statement(request: Request) -> str:
    """The SQL text of a request, for fault rules: a JSON field, or inside Thrift's binary as plain UTF-8."""
    if request.headers.get("Content-Type", "").startswith("application/x-thrift"):
        return request.body.decode("utf-8", "replace")
    if request.path.rstrip("/").endswith("/statements"):
        try:
            return str(json.loads(request.body).get("statement", ""))
        except (ValueError, AttributeError):
            return ""
    return ""
