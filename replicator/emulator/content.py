"""Files of this machine as HTTP responses, whole or the range that was asked for."""

from __future__ import annotations

import re
from email.utils import formatdate
from pathlib import Path

from replicator.emulator.errors import ApiError
from replicator.emulator.routing import Request, Response

BYTES = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def file_response(request: Request, path: Path) -> Response:
    """The content of a file for GET, its size for HEAD. Raises ApiError 416 for a range outside of it."""
    stat = path.stat()
    headers = {"Last-Modified": formatdate(stat.st_mtime, usegmt=True), "Accept-Ranges": "bytes"}
    if request.method == "HEAD":
        return Response(200, b"", BYTES, headers | {"Content-Length": str(stat.st_size)})
    bounds = _bounds(request.headers.get("Range", ""), stat.st_size)
    if bounds is None:
        return Response(200, path.read_bytes(), BYTES, headers)
    first, last = bounds
    with path.open("rb") as file:
        file.seek(first)
        body = file.read(last - first + 1)
    return Response(206, body, BYTES, headers | {"Content-Range": f"bytes {first}-{last}/{stat.st_size}"})


def _bounds(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; None is everything. Ranges in other units or of several parts are ignored."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    first = int(match[1]) if match[1] else max(size - int(match[2]), 0)
    last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first > last:
        raise ApiError(416, "INVALID_PARAMETER_VALUE", f"The range '{header}' is not within {size} bytes.")
    return first, last
