"""Start and stop emulated workspaces inside this process."""

from __future__ import annotations

import atexit
import importlib
import threading
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from replicator.emulator import (
    constraints_api,
    external_api,
    files_api,
    metastores_api,
    models_api,
    objects_api,
    open_sharing_routes,
    permissions_api,
    policies_api,
    scim,
    secrets_api,
    sharing_api,
    sql_routes,
    tokens_api,
    unity,
    workspace_api,
)
from replicator.emulator.context import Workspace
from replicator.emulator.faults import Faults
from replicator.emulator.metastore import MetastoreInfo, Store
from replicator.emulator.principals import issue_token, revoke_token
from replicator.emulator.routing import Router
from replicator.emulator.server import Server
from replicator.emulator.session import Session
from replicator.emulator.web import routes as web_routes

ROUTES = (
    *metastores_api.ROUTES,
    *unity.ROUTES,
    *objects_api.ROUTES,
    *sharing_api.ROUTES,
    *open_sharing_routes.ROUTES,
    *external_api.ROUTES,
    *constraints_api.ROUTES,
    *models_api.ROUTES,
    *policies_api.ROUTES,
    *secrets_api.ROUTES,
    *permissions_api.ROUTES,
    *workspace_api.ROUTES,
    *scim.ROUTES,
    *tokens_api.ROUTES,
    *files_api.ROUTES,
    *sql_routes.ROUTES,
    *web_routes.ROUTES,
)


@dataclass(frozen=True, eq=False)
class Endpoint:
    """How to reach one emulated workspace. `token` belongs to the metastore's owner."""

    name: str
    url: str
    token: str
    http_path: str
    warehouse_id: str
    metastore: MetastoreInfo
    store: Store
    faults: Faults
    workspace: Workspace
    server: Server
    ca_file: Path | None = None  # the authority to trust, of a server that speaks TLS

    def session(self, principal: str | None = None) -> Session:
        """A session for the rule functions, past HTTP: of the owner unless another principal is named."""
        return self.workspace.session(principal or self.metastore.owner)

    def token_for(self, principal: str) -> str:
        """A new token of another user, group or service principal."""
        return issue_token(self.store, self.metastore, principal)

    def close(self) -> None:
        """Stop serving; the data stays."""
        stop(self)


_running: dict[tuple[Path, str], Endpoint] = {}
_shared: dict[Path, tuple[Store, Faults]] = {}
_lock = threading.Lock()


def start(name: str, root: Path, *, token: str | None = None, port: int = 0, tls: bool = False) -> Endpoint:
    """Serve the metastore `name` under `root` on loopback, in daemon threads; both are created on first use.

    One server per (root, name) in a process: a second call returns the first one's endpoint. Without a `token` a
    random one is issued, which ends with the server. With `tls` it speaks https, with a certificate of an authority in
    `<root>/tls/ca.pem`.
    """
    with _lock:
        key = (root.resolve(), name)
        if key not in _running:
            _running[key] = _start(name, key[0], token, port, tls)
        return _running[key]


def _start(name: str, root: Path, token: str | None, port: int, tls: bool) -> Endpoint:
    if root not in _shared:
        _shared[root] = (Store(root), Faults(root))
    store, faults = _shared[root]
    info = store.metastore(name)
    workspace_api.ensure_warehouse(store, info)
    workspace = Workspace(store, info)
    context, ca_file = _secure(root) if tls else (None, None)
    if store.count(name, "unpublished"):
        # The SQL front loads the engines; it is only needed after a kill.
        from replicator.emulator.sql.recovery import catch_up

        catch_up(workspace.session(info.owner))
    server = Server(port, workspace, Router(ROUTES), faults, context)
    threading.Thread(target=server.serve_forever, args=(0.05,), name=f"emulator-{name}", daemon=True).start()
    return Endpoint(
        name=name,
        url=workspace.url,
        token=issue_token(store, info, info.owner, token),
        http_path=f"/sql/1.0/warehouses/{info.warehouse_id}",
        warehouse_id=info.warehouse_id,
        metastore=info,
        store=store,
        faults=faults,
        workspace=workspace,
        server=server,
        ca_file=ca_file,
    )


def _secure(root: Path) -> tuple[SSLContext, Path]:
    # Few servers need the certificate machinery.
    from replicator.emulator.tls import server_context

    return server_context(root)


def warm_up(endpoint: Endpoint) -> None:
    """Load what the first statement needs, by answering one: a second in which no client waits yet."""
    importlib.import_module("replicator.emulator.thrift")
    importlib.import_module("replicator.emulator.statements_api")
    endpoint.workspace.execute(endpoint.session(), "SELECT share_name FROM system.information_schema.shares", ())


def stop(endpoint: Endpoint) -> None:
    """Stop one server and revoke its token; the last one of a root closes the database."""
    with _lock:
        key = (endpoint.store.root, endpoint.name)
        if _running.pop(key, None) is None:
            return
        endpoint.server.close()
        revoke_token(endpoint.store, endpoint.name, endpoint.token)
        if not any(root == key[0] for root, _ in _running):
            endpoint.store.close()
            del _shared[key[0]]


@atexit.register
def stop_all() -> None:
    """Stop every server of this process."""
    for endpoint in list(_running.values()):
        stop(endpoint)
