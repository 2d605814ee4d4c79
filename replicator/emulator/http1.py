"""HTTP/1.1 on one connection: read requests, write responses, and little else.

The standard library's handler spends a third of a request's time in its mail parser; this one reads the few forms that
HTTP clients send and refuses the others.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from socketserver import StreamRequestHandler

from replicator.emulator.errors import ApiError
from replicator.emulator.routing import Headers, Response, error_response

MAX_BODY = 5 * 1024**3  # bytes; the largest file that the Files API documents
_MAX_LINE = 65_536  # bytes
_MAX_HEADERS = 200
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_SERVER = "databricks-emulator"


class Connection(StreamRequestHandler):
    """Serves one connection until either side ends it. Buffered output without Nagle: 44 ms become 0.1 ms."""

    wbufsize = _MAX_LINE
    disable_nagle_algorithm = True
    connection: socket.socket

    def respond(self, method: str, target: str, headers: Headers, body: bytes) -> Response | None:
        """Answer one request; None closes the connection without an answer."""
        raise NotImplementedError

    def handle(self) -> None:
        """One request after the other."""
        while self._one():
            continue

    def _one(self) -> bool:
        """Serve one request; whether the connection stays open."""
        line = self.rfile.readline(_MAX_LINE + 1)
        if not line.strip():
            # Some clients send an empty line after a body; nothing at all is the end.
            return bool(line)
        method = "GET"
        try:
            method, target, version = _request_line(line)
            headers = self._headers()
            body = self._body(headers)
        except ApiError as error:
            self._send(method, error_response(error), keep=False)
            return False
        response = self.respond(method, target, headers, body)
        if response is None:
            return False
        keep = _keeps(version, headers)
        self._send(method, response, keep=keep)
        return keep

    # ---- reading

    def _headers(self) -> Headers:
        found: dict[str, str] = {}
        for _ in range(_MAX_HEADERS):
            line = self.rfile.readline(_MAX_LINE + 1)
            if line in (b"\r\n", b"\n"):
                return Headers(found)
            name, colon, value = line.decode("latin-1").partition(":")
            # Folded lines and space before the colon are how one request is made to look like two.
            if not colon or len(line) > _MAX_LINE or name != name.strip() or not name:
                raise _malformed("Invalid header line")
            found[name.lower()] = value.strip()
        raise _malformed("Too many headers")

    def _body(self, headers: Headers) -> bytes:
        if headers.get("Expect").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        coding = headers.get("Transfer-Encoding").lower()
        if coding == "chunked":
            return self._chunks()
        if coding:
            raise _malformed(f"Unsupported Transfer-Encoding: {coding}")
        length = headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise _malformed(f"Invalid Content-Length: {length}")
        return self.rfile.read(int(length)) if length != "0" else b""

    def _chunks(self) -> bytes:
        parts = []
        while True:
            try:
                size = int(self.rfile.readline(_MAX_LINE).split(b";")[0], 16)
            except ValueError:
                raise _malformed("Invalid chunked body") from None
            if not 0 <= size <= MAX_BODY:
                raise _malformed("Invalid chunk size")
            parts.append(self.rfile.read(size))
            self.rfile.readline(_MAX_LINE)
            if size == 0:
                return b"".join(parts)

    # ---- writing

    def _send(self, method: str, response: Response, *, keep: bool) -> None:
        lines = [
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, '')}",
            f"Server: {_SERVER}",
            f"Date: {_CLOCK.now()}",
            f"Content-Type: {response.content_type}",
        ]
        if "Content-Length" not in response.headers:
            lines.append(f"Content-Length: {len(response.body)}")
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if not keep:
            lines.append("Connection: close")
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
        if method != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()


def _request_line(line: bytes) -> tuple[str, str, str]:
    words = line.decode("latin-1").split()
    if len(line) > _MAX_LINE:
        raise ApiError(414, "MALFORMED_REQUEST", "The request line is too long.")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[0].isalpha():
        raise _malformed("Invalid request line")
    target = words[1]
    if not target.startswith("/"):
        # A proxy is addressed with a whole URL; the path begins behind its host.
        scheme, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2] if rest and scheme in ("http", "https") else "/" + target
    return words[0].upper(), target, words[2]


def _keeps(version: str, headers: Mapping[str, str]) -> bool:
    wish = headers.get("Connection", "").lower()
    return "close" not in wish and (version != "HTTP/1.0" or "keep-alive" in wish)


def _malformed(reason: str) -> ApiError:
    return ApiError(400, "MALFORMED_REQUEST", reason)


class _Clock:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._second = 0
        self._text = ""

    def now(self) -> str:
        """The current time as HTTP writes it."""
        second = int(time.time())
        with self._lock:
            if second != self._second:
                self._second, self._text = second, formatdate(second, usegmt=True)
            return self._text


_CLOCK = _Clock()
