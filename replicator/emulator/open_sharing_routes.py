"""Routes of the open Delta Sharing protocol, and of the activation of its recipients.

Databricks documents a recipient's activation as public: whoever has the link has the permission.
"""

from __future__ import annotations

import html

from replicator.emulator import recipient_tokens, signed_links
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.recipient_tokens import ENDPOINT, PAGE
from replicator.emulator.routing import Request, Response, Route
from replicator.emulator.sql_routes import later
from replicator.emulator.unity import UC

_SHARE = f"{ENDPOINT}/{{metastore_id}}/shares/{{share}}"
_TABLE = f"{_SHARE}/schemas/{{schema}}/tables/{{table}}"


def activation_info(request: Request) -> Doc:
    """GET public/data_sharing_activation_info/{activation_url}: empty while the link can be used."""
    info = request.workspace.metastore
    if not recipient_tokens.is_open(request.workspace.store, info.name, _code(request)):
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", "The activation link is invalid or has been used already.")
    return {}


def activate(request: Request) -> Doc:
    """GET public/data_sharing_activation/{activation_url}: the profile, once."""
    workspace = request.workspace
    return recipient_tokens.activate(workspace.store, workspace.metastore, _code(request), workspace.url)


def activation_page(request: Request) -> Response:
    """GET delta_sharing/retrieve_config.html?code: the page on which a person downloads the profile."""
    code = html.escape(request.target.partition("?")[2], quote=True)
    text = (
        "<!doctype html><meta charset=utf-8><title>Activate a share</title><h1>You have been granted access</h1>"
        f'<p><a href="{UC}/public/data_sharing_activation/{code}" download="config.share">Download the credential'
        " file</a>. The link works once.</p>"
    )
    policy = {"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer"}
    return Response(200, text.encode(), "text/html; charset=utf-8", policy)


def _code(request: Request) -> str:
    """The code of an activation link that is sent as a path: whole (its query has become ours), or bare."""
    query = request.target.partition("?")[2]
    return recipient_tokens.code_of(query or request.args["activation_url"])


def _open(method: str, pattern: str, function: str) -> Route:
    """A route that a recipient's token opens, checked by the handler."""
    return Route(method, pattern, later("open_sharing", function), public=True, writes=False)


ROUTES = (
    Route("GET", f"{UC}/public/data_sharing_activation_info/{{activation_url*}}", activation_info, True, secret=True),
    Route("GET", f"{UC}/public/data_sharing_activation/{{activation_url*}}", activate, True, True, secret=True),
    Route("GET", PAGE, activation_page, public=True, secret=True),
    _open("GET", f"{ENDPOINT}/{{metastore_id}}/shares", "list_shares"),
    _open("GET", _SHARE, "get_share"),
    _open("GET", f"{_SHARE}/schemas", "list_schemas"),
    _open("GET", f"{_SHARE}/schemas/{{schema}}/tables", "list_tables"),
    _open("GET", f"{_SHARE}/all-tables", "list_all_tables"),
    _open("HEAD", _TABLE, "version"),
    _open("GET", f"{_TABLE}/version", "version"),
    _open("GET", f"{_TABLE}/metadata", "metadata"),
    _open("POST", f"{_TABLE}/query", "query"),
    _open("GET", f"{_TABLE}/changes", "changes"),
    *signed_links.ROUTES,
)
