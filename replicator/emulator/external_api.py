"""REST: storage credentials (also as credentials of both purposes), external locations, connections; validation."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from replicator.emulator import external, grants
from replicator.emulator.errors import invalid
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Handler, Request, Route
from replicator.emulator.session import words
from replicator.emulator.tables import local_path
from replicator.emulator.unity import UC

# Databricks documents that secrets given to a connection or credential are never returned.
_SECRET = words("password pat token client_secret oauth_client_secret secret private_key GoogleServiceAccountKeyJson")
_CREDENTIALS = "credentials"
_CHECKS = ("READ", "LIST", "WRITE", "DELETE", "PATH_EXISTS")


def _shown(doc: Doc) -> Doc:
    def without_secrets(value: Doc) -> Doc:
        return {
            key: without_secrets(item) if isinstance(item, dict) else item
            for key, item in value.items()
            if key not in _SECRET
        }

    return without_secrets(public(doc))


# ---- validation


def validate(request: Request) -> Doc:
    """POST validate-storage-credentials: what the credential may do at a path.

    Folders of this machine are really looked at; of a cloud the emulator knows nothing, and says so.
    """
    s, given = request.session, request.json
    url, read_only = given.get("url"), bool(given.get("read_only"))
    if given.get("external_location_name"):
        location = external.get(s, "external_location", str(given["external_location_name"]))
        url, read_only = url or location["url"], read_only or bool(location.get("read_only"))
    name = given.get("storage_credential_name") or given.get("credential_name")
    if name:
        external.get(s, "storage_credential", str(name))
    if not url or not isinstance(url, str):
        raise invalid("Either url or external_location_name must be given.")
    results = [_check(url, operation) for operation in _CHECKS if not (read_only and operation in ("WRITE", "DELETE"))]
    path = local_path(url)
    return {"isDir": path.is_dir() if path is not None else True, "results": results}


def validate_credential(request: Request) -> Doc:
    """POST validate-credentials: the same for credentials of both purposes."""
    if request.json.get("purpose") == "SERVICE":
        external.get(request.session, "storage_credential", request.text("credential_name"))
        return {"results": []}
    return validate(request)


def _check(url: str, operation: str) -> Doc:
    path = local_path(url)
    if path is None:
        message = f"The emulator does not reach {urlsplit(url).scheme}: storage."
        return {"operation": operation, "result": "SKIP", "message": message}
    modes = {"WRITE": os.W_OK, "DELETE": os.W_OK, "PATH_EXISTS": os.F_OK}
    passed = os.access(path, modes.get(operation, os.R_OK))
    return {"operation": operation, "result": "PASS"} if passed else _failed(operation, f"{path} is not accessible.")


def _failed(operation: str, message: str) -> Doc:
    return {"operation": operation, "result": "FAIL", "message": message}


# ---- routes


def _lister(kind: str, key: str) -> Handler:
    def handle(request: Request) -> Doc:
        s, purpose = request.session, request.query.get("purpose")
        docs = [_shown(doc) for doc in s.store.list(s.ms, kind) if grants.visible(s, kind, (doc["name"],))]
        if key == _CREDENTIALS:
            docs = [{"purpose": "STORAGE"} | doc for doc in docs]
            docs = [doc for doc in docs if purpose in (None, doc["purpose"])]
        return paged(request, key, [doc for doc in docs if key == _CREDENTIALS or doc.get("purpose") != "SERVICE"])

    return handle


def _routes(kind: str, path: str) -> tuple[Route, ...]:
    one, key = f"{UC}/{path}/{{name}}", path.replace("-", "_")
    return (
        Route("GET", f"{UC}/{path}", _lister(kind, key)),
        Route("POST", f"{UC}/{path}", lambda r: _shown(external.create(r.session, kind, r.json))),
        Route("GET", one, lambda r: _shown(external.get(r.session, kind, r.args["name"]))),
        Route("PATCH", one, lambda r: _shown(external.update(r.session, kind, r.args["name"], r.json))),
        Route("DELETE", one, lambda r: external.delete(r.session, kind, r.args["name"], r.flag("force"))),
    )


ROUTES = (
    *(route for kind, rules in external.KINDS.items() for route in _routes(kind, rules.path)),
    *_routes("storage_credential", _CREDENTIALS),
    Route("POST", f"{UC}/validate-storage-credentials", validate, writes=False),
    Route("POST", f"{UC}/validate-credentials", validate_credential, writes=False),
)
