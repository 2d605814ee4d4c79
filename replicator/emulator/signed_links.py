"""Links to single files that carry their own permission, as cloud storage hands them out: signed, and for a while."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import quote, urlencode

from replicator.emulator.content import file_response
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Store
from replicator.emulator.routing import Request, Response, Route
from replicator.emulator.session import now_ms

LIFETIME = 3_600_000  # ms; Databricks documents presigned URLs that are valid for up to an hour
_PATH = "/emulator/files"
_SIGNATURE = "X-Amz-Signature"  # clients tell signed links from others by the parameters of the known clouds


def sign(store: Store, file: Path, expires: int) -> str:
    """Path and query of a link to `file` that is valid until `expires` (ms since the epoch)."""
    target = base64.urlsafe_b64encode(str(file).encode()).decode()
    query = {"target": target, "expires": expires, _SIGNATURE: _signature(_key(store), target, str(expires))}
    return f"{_PATH}/{quote(file.name)}?{urlencode(query)}"


def fetch(request: Request) -> Response:
    """GET and HEAD emulator/files/{name}?target=&expires=&X-Amz-Signature=: no token is asked for."""
    target, expires, signature = (request.query.get(key, "") for key in ("target", "expires", _SIGNATURE))
    key = _known_key(request.workspace.store)
    # Without a key no link was ever made; one is not made for somebody who has no token.
    expected = _signature(key, target, expires) if key is not None else ""
    if key is None or not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise ApiError(403, "PERMISSION_DENIED", "The signature of the link does not match.")
    if int(expires) < now_ms():
        raise ApiError(403, "PERMISSION_DENIED", "The link has expired.")
    try:
        file = Path(base64.urlsafe_b64decode(target).decode())
    except (binascii.Error, ValueError):
        raise ApiError(403, "PERMISSION_DENIED", "The link is malformed.") from None
    if not file.is_file():
        raise ApiError(404, "NOT_FOUND", f"The file {file.name} does not exist any more.")
    return file_response(request, file)


def _signature(key: bytes, target: str, expires: str) -> str:
    return hmac.new(key, f"{target}\n{expires}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _key(store: Store) -> bytes:
    """The secret of this root: every process that serves it signs alike."""
    known = _known_key(store)
    if known is not None:
        return known
    with store.transaction():
        known = _known_key(store) or secrets.token_bytes(32)
        store.put("", "setting", "link_key", doc={"_value": known.hex()})
    return known


def _known_key(store: Store) -> bytes | None:
    doc = store.get("", "setting", "link_key")
    return None if doc is None else bytes.fromhex(doc["_value"])


ROUTES = (
    Route("GET", f"{_PATH}/{{name}}", fetch, public=True, secret=True),
    Route("HEAD", f"{_PATH}/{{name}}", fetch, public=True, secret=True),
)
