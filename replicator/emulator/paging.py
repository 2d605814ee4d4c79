"""Pages of listings: `max_results`, `page_token`, `next_page_token`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from replicator.emulator.errors import invalid
from replicator.emulator.metastore import Doc, public
from replicator.emulator.routing import Request

PAGE = 100  # items: what the server chooses when the client leaves it the choice (`max_results=0`), and the most


def page_size(request: Request, maximum: int = PAGE, parameter: str = "max_results") -> int | None:
    """Items per page; None is everything at once.

    Databricks documents: absent means unpaginated, 0 a size that the server chooses, more the smaller of the two.
    """
    asked = request.number(parameter)
    if asked is None:
        return None
    return min(asked, maximum) or maximum


def encode(key: str) -> str:
    """An opaque page token for the last key of a page."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def after(request: Request) -> str:
    """The key behind which the page starts; `""` for the first page. Raises ApiError 400 for a forged token."""
    return decode(request.query.get("page_token", ""))


def decode(token: str) -> str:
    """The key in a page token. Raises ApiError 400 for a forged one."""
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        raise invalid(f"Invalid page token '{token}'.") from None


def paged(
    request: Request,
    key: str,
    docs: Sequence[Doc],
    *,
    by: str = "name",
    maximum: int = PAGE,
    parameter: str = "max_results",
) -> Doc:
    """One page of `docs`, which are ordered by their field `by`, as a response object under `key`."""
    size, start = page_size(request, maximum, parameter), after(request)
    rest = [doc for doc in docs if str(doc[by]) > start] if start else docs
    if size is None or len(rest) <= size:
        return {key: [public(doc) for doc in rest]}
    return {key: [public(doc) for doc in rest[:size]], "next_page_token": encode(str(rest[size - 1][by]))}
