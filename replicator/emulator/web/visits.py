"""Who is looking at the page: what a cookie stands for. Kept in memory, so that a restart ends all visits."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

_KEPT = 100


class Visits:
    """Cookies and the tokens that they were given for."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, token: str) -> str:
        """A new cookie for a token; of too many the oldest ends."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[cookie] = token
            while len(self._tokens) > _KEPT:
                self._tokens.popitem(last=False)
        return cookie

    def token(self, cookie: str) -> str | None:
        """The token that a cookie stands for."""
        with self._lock:
            found = [token for known, token in self._tokens.items() if secrets.compare_digest(known, cookie)]
        return found[0] if found else None
