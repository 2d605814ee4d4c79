"""How somebody outside of Databricks reads a share: a one-time activation link, a profile with a token, its expiry."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import uuid
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc, MetastoreInfo, Store
from replicator.emulator.session import Session, now_ms

ENDPOINT = "/api/2.0/delta-sharing/metastores"
PAGE = "/delta_sharing/retrieve_config.html"
_YEAR = 365 * 24 * 3600 * 1000  # ms
_MAX_ADDRESSES = 100


def new_token(s: Session, recipient_id: str, expiration: int | None = None) -> Doc:
    """A token entry of a recipient; the secret itself is made when the activation link is used, and shown once."""
    moment, token_id, code = now_ms(), str(uuid.uuid4()), secrets.token_urlsafe(24)
    s.store.put(s.ms, "activation", _digest(code), doc={"recipient": recipient_id, "token": token_id})
    audit = {"created_at": moment, "created_by": s.principal, "updated_at": moment, "updated_by": s.principal}
    return {
        "id": token_id,
        "activation_url": f"{PAGE}?{code}",
        "expiration_time": expiration or moment + _lifetime(s.store, s.ms),
        **audit,
    }


def _lifetime(store: Store, ms: str) -> int:
    setting = store.get(ms, "setting", "metastore") or {}
    return int(setting.get("delta_sharing_recipient_token_lifetime_in_seconds") or 0) * 1000 or _YEAR


def with_links(s: Session, doc: Doc) -> Doc:
    """A recipient whose activation links name the server that is running now; used ones are not shown."""
    if not doc.get("tokens"):
        return doc
    tokens = [
        token | {"activation_url": s.url + token["activation_url"]} if "activation_url" in token else token
        for token in doc["tokens"]
    ]
    latest = tokens[-1].get("activation_url")
    return doc | {"tokens": tokens} | ({"activation_url": latest} if latest else {})


def rotated(s: Session, doc: Doc, seconds: int) -> Doc:
    """`doc` with a new token; the existing one expires in `seconds`, or earlier if it was to expire earlier.

    Databricks documents that rotation never extends a token's life, and that negative numbers are errors.
    """
    if seconds < 0:
        raise invalid("existing_token_expire_in_seconds must not be negative.")
    latest = doc["tokens"][-1]
    kept = latest | {"expiration_time": min(latest["expiration_time"], now_ms() + seconds * 1000)}
    return doc | {"tokens": [kept, new_token(s, doc["id"])], "activated": False}


# ---- activation


def code_of(activation_url: str) -> str:
    """The code in an activation link; Databricks documents that the bare code is accepted as well."""
    text = unquote(activation_url)
    return urlsplit(text).query or text.rsplit("?", 1)[-1]


def is_open(store: Store, ms: str, code: str) -> bool:
    """Whether an activation link can still be used."""
    return store.get(ms, "activation", _digest(code)) is not None


def activate(store: Store, metastore: MetastoreInfo, code: str, url: str) -> Doc:
    """Use an activation link: the profile with the token, which nobody can see again.

    Raises ApiError 404 for a link that is unknown or used.
    """
    ms = metastore.name
    with store.transaction():
        activation = store.get(ms, "activation", _digest(code))
        recipient = _recipient(store, ms, activation["recipient"]) if activation else None
        entry = _entry(recipient, activation["token"]) if activation and recipient else None
        if activation is None or recipient is None or entry is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", "The activation link is invalid or has been used already.")
        token = secrets.token_urlsafe(32)
        store.put(ms, "recipient_token", _digest(token), doc=activation)
        store.delete(ms, "activation", _digest(code))
        tokens = [_used(item) if item["id"] == entry["id"] else item for item in recipient["tokens"]]
        store.put(ms, "recipient", recipient["name"], doc=recipient | {"tokens": tokens, "activated": True})
    expires = datetime.fromtimestamp(entry["expiration_time"] / 1000, UTC)
    return {
        "shareCredentialsVersion": 1,
        "bearerToken": token,
        "endpoint": f"{url}{ENDPOINT}/{metastore.metastore_id}",
        "expirationTime": expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _used(entry: Doc) -> Doc:
    return {key: value for key, value in entry.items() if key != "activation_url"}


# ---- using the token


def recipient_of(store: Store, ms: str, token: str, address: str) -> Doc:
    """The recipient that a token belongs to, for a request from `address`.

    Raises ApiError 401 for an unknown, rotated-out or expired token, 403 for an address that is not allowed.
    """
    known = store.get(ms, "recipient_token", _digest(token)) if token else None
    recipient = _recipient(store, ms, known["recipient"]) if known else None
    entry = _entry(recipient, known["token"]) if known and recipient else None
    if recipient is None or entry is None:
        raise ApiError(401, "UNAUTHENTICATED", "The bearer token is missing or incorrect.")
    if entry["expiration_time"] <= now_ms():
        raise ApiError(401, "UNAUTHENTICATED", "The bearer token has expired.")
    allowed = (recipient.get("ip_access_list") or {}).get("allowed_ip_addresses") or ()
    if allowed and not any(ipaddress.ip_address(address) in network(item) for item in allowed):
        raise denied(f"Source IP address {address} is not in the IP access list of recipient '{recipient['name']}'.")
    return recipient


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or CIDR block of an access list. Raises ApiError 400."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise invalid(f"'{text}' is not a valid IP address or CIDR block.") from None


def check_addresses(doc: Doc) -> None:
    """Refuse an access list that is too long or holds what is no address. Raises ApiError 400."""
    addresses = (doc.get("ip_access_list") or {}).get("allowed_ip_addresses") or ()
    if len(addresses) > _MAX_ADDRESSES:
        raise invalid(f"The number of allowed IP addresses exceeds limit {_MAX_ADDRESSES}")
    for text in addresses:
        network(str(text))


def _recipient(store: Store, ms: str, recipient_id: str) -> Doc | None:
    return next((doc for doc in store.list(ms, "recipient") if doc["id"] == recipient_id), None)


def _entry(recipient: Doc, token_id: str) -> Doc | None:
    return next((token for token in recipient.get("tokens", ()) if token["id"] == token_id), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
