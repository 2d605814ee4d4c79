"""REST: shares, recipients, providers."""

from __future__ import annotations

from replicator.emulator import providers, recipients, shares
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.unity import UC

# ---- shares


def list_shares(request: Request) -> Doc:
    """GET shares: without their objects."""
    docs = [_without_objects(doc) for doc in shares.list_shares(request.session)]
    return paged(request, "shares", docs)


def create_share(request: Request) -> Doc:
    """POST shares."""
    return public(_without_objects(shares.create_share(request.session, request.json)))


def get_share(request: Request) -> Doc:
    """GET shares/{name}?include_shared_data=."""
    doc = shares.get_share(request.session, request.args["name"])
    return public(doc if request.flag("include_shared_data") else _without_objects(doc))


def update_share(request: Request) -> Doc:
    """PATCH shares/{name}: fields and `updates` of objects."""
    changes = {key: value for key, value in request.json.items() if key != "updates"}
    updates = request.json.get("updates") or []
    return public(shares.update_share(request.session, request.args["name"], changes, updates))


def delete_share(request: Request) -> None:
    """DELETE shares/{name}."""
    shares.delete_share(request.session, request.args["name"])


def get_share_permissions(request: Request) -> Doc:
    """GET shares/{name}/permissions."""
    found = shares.permissions(request.session, request.args["name"])
    return paged(request, "privilege_assignments", found, by="principal")


def update_share_permissions(request: Request) -> Doc:
    """PATCH shares/{name}/permissions."""
    changes = request.json.get("changes") or []
    found = shares.change_permissions(request.session, request.args["name"], changes)
    return {} if request.json.get("omit_permissions_list") else {"privilege_assignments": found}


def _without_objects(doc: Doc) -> Doc:
    return {key: value for key, value in doc.items() if key != "objects"}


# ---- recipients


def list_recipients(request: Request) -> Doc:
    """GET recipients?data_recipient_global_metastore_id=."""
    wanted = request.query.get("data_recipient_global_metastore_id")
    return paged(request, "recipients", recipients.list_recipients(request.session, wanted))


def create_recipient(request: Request) -> Doc:
    """POST recipients."""
    return public(recipients.create_recipient(request.session, request.json))


def get_recipient(request: Request) -> Doc:
    """GET recipients/{name}."""
    return public(recipients.get_recipient(request.session, request.args["name"]))


def update_recipient(request: Request) -> Doc:
    """PATCH recipients/{name}."""
    return public(recipients.update_recipient(request.session, request.args["name"], request.json))


def delete_recipient(request: Request) -> None:
    """DELETE recipients/{name}."""
    recipients.delete_recipient(request.session, request.args["name"])


def rotate_token(request: Request) -> Doc:
    """POST recipients/{name}/rotate-token."""
    seconds = request.json.get("existing_token_expire_in_seconds") or 0
    return public(recipients.rotate_token(request.session, request.args["name"], seconds))


def get_recipient_permissions(request: Request) -> Doc:
    """GET recipients/{name}/share-permissions."""
    found = shares.recipient_permissions(request.session, request.args["name"])
    return paged(request, "permissions_out", found, by="share_name")


# ---- providers


def list_providers(request: Request) -> Doc:
    """GET providers?data_provider_global_metastore_id=."""
    wanted = request.query.get("data_provider_global_metastore_id")
    docs = providers.list_providers(request.session)
    if wanted is not None:
        docs = [doc for doc in docs if doc.get("data_provider_global_metastore_id") == wanted]
    return paged(request, "providers", docs)


def create_provider(request: Request) -> Doc:
    """POST providers: of type TOKEN, from a profile; those of type DATABRICKS appear by themselves."""
    return public(providers.create_provider(request.session, request.json))


def get_provider(request: Request) -> Doc:
    """GET providers/{name}."""
    return public(providers.get_provider(request.session, request.args["name"]))


def update_provider(request: Request) -> Doc:
    """PATCH providers/{name}."""
    return public(providers.update_provider(request.session, request.args["name"], request.json))


def delete_provider(request: Request) -> None:
    """DELETE providers/{name}."""
    providers.delete_provider(request.session, request.args["name"])


def list_provider_shares(request: Request) -> Doc:
    """GET providers/{name}/shares."""
    return paged(request, "shares", providers.shares_of(request.session, request.args["name"]))


def list_provider_share_assets(request: Request) -> Doc:
    """GET /api/2.1/data-sharing/providers/{provider_name}/shares/{share_name}."""
    return providers.share_assets(request.session, request.args["provider_name"], request.args["share_name"])


ROUTES = (
    Route("GET", f"{UC}/shares", list_shares),
    Route("POST", f"{UC}/shares", create_share),
    Route("GET", f"{UC}/shares/{{name}}", get_share),
    Route("PATCH", f"{UC}/shares/{{name}}", update_share),
    Route("DELETE", f"{UC}/shares/{{name}}", delete_share),
    Route("GET", f"{UC}/shares/{{name}}/permissions", get_share_permissions),
    Route("PATCH", f"{UC}/shares/{{name}}/permissions", update_share_permissions),
    Route("GET", f"{UC}/recipients", list_recipients),
    Route("POST", f"{UC}/recipients", create_recipient),
    Route("GET", f"{UC}/recipients/{{name}}", get_recipient),
    Route("PATCH", f"{UC}/recipients/{{name}}", update_recipient),
    Route("DELETE", f"{UC}/recipients/{{name}}", delete_recipient),
    Route("POST", f"{UC}/recipients/{{name}}/rotate-token", rotate_token),
    Route("GET", f"{UC}/recipients/{{name}}/share-permissions", get_recipient_permissions),
    Route("GET", f"{UC}/providers", list_providers),
    Route("POST", f"{UC}/providers", create_provider),
    Route("GET", f"{UC}/providers/{{name}}", get_provider),
    Route("PATCH", f"{UC}/providers/{{name}}", update_provider),
    Route("DELETE", f"{UC}/providers/{{name}}", delete_provider),
    Route("GET", f"{UC}/providers/{{name}}/shares", list_provider_shares),
    Route(
        "GET",
        "/api/2.1/data-sharing/providers/{provider_name}/shares/{share_name}",
        list_provider_share_assets,
    ),
)
