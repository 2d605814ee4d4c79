"""REST calls over the SDK's client: raw JSON, our own retries, and writes that are sent once."""

import json
import logging
import random
import time
from collections.abc import Mapping
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from replicator.errors import Unavailable, WorkspaceError
from replicator.workspace.access import Access, GaveUp
from replicator.workspace.failures import of_rest
from replicator.workspace.limiter import MOST, Limiter
from replicator.workspace.meter import Meter

_BYTES = "application/octet-stream"
_log = logging.getLogger(__name__)
_LONGEST_WAIT = 30.0
_LONGEST_BUSY = 300.0
"""Seconds for which a workspace that limits requests is asked again: it refuses, but it does answer."""


class Throttled(Unavailable):
    """429: nothing was begun. `wait` is what the server asked for, in seconds."""

    wait: float = 1.0


class Rest:
    """One workspace's REST API. Safe to use from many threads."""

    def __init__(self, access: Access, limiter: Limiter, meter: Meter, attempts: int) -> None:
        from databricks.sdk.core import ApiClient

        self._client = ApiClient(access.sdk_config)
        _widen_pool(self._client)
        self._label = access.label
        self._limiter = limiter
        self._meter = meter
        self._attempts = attempts

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """GET, again where an answer did not come or said that it may come later."""
        return _json(self._again_after(Unavailable)(self._once, "GET", path, query))

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every item of a list. A page may be empty and still have a successor."""
        found: list[dict[str, Any]] = []
        asked = dict(query or {})
        while True:
            page = self.get(path, asked)
            found += page.get(key) or []
            token = page.get("next_page_token")
            if not token:
                return found
            asked["page_token"] = token

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST, PATCH, PUT or DELETE. Only a 429 is answered by sending again: it says that nothing was begun."""
        return _json(self._again_after(Throttled)(self._once, method, path, None, body))

    def download(self, path: str) -> bytes:
        """GET of a file."""
        return self._again_after(Unavailable)(self._once, "GET", path, accept=_BYTES)

    def upload(self, path: str, data: bytes, *, overwrite: bool) -> None:
        """PUT of a file, again where no answer came: the same bytes in the same place harm nobody.

        Without `overwrite` raises AlreadyExists for a name that is taken, perhaps by our own PUT whose answer was lost.
        """
        query = {"overwrite": "true" if overwrite else "false"}
        self._again_after(Unavailable)(self._once, "PUT", path, query, data=data)

    def _again_after(self, kind: type[Unavailable]) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(kind), stop=self._enough, wait=_wait, before_sleep=self._tell, reraise=True
        )

    def _tell(self, state: RetryCallState) -> None:
        self._meter.repeated()
        tell_retry(state)

    def _enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Throttled):
            return time.monotonic() - state.start_time > _LONGEST_BUSY
        return state.attempt_number >= self._attempts

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        accept: str = "application/json",
    ) -> bytes:
        with self._meter.waiting(), self._limiter.place():
            try:
                answer = self._client.do(
                    method,
                    path,
                    query=dict(query) if query else None,
                    body=dict(body) if body is not None else None,
                    data=data,
                    headers={"Accept": accept} | ({"Content-Type": _BYTES} if data is not None else {}),
                    raw=True,
                )
                content: bytes = answer["contents"].read()
            except Exception as error:  # noqa: BLE001  the SDK raises exceptions of many libraries; each is named below
                raise self._failure(error, f"{method} {path}") from None
        self._meter.call(len(content))
        self._limiter.succeeded()
        return content

    def _failure(self, error: Exception, what: str) -> WorkspaceError:
        self._meter.call(0)
        cause = error.__context__ if isinstance(error, GaveUp) and error.__context__ is not None else error
        failure = of_rest(cause, self._label, what)
        if failure.status != 429:
            return failure
        throttled = Throttled(failure.message, hint="the workspace limits requests", code=failure.code, status=429)
        throttled.wait = float(getattr(cause, "retry_after_secs", None) or 1.0)
        self._limiter.throttled(throttled.wait)
        self._meter.refused()
        return throttled


def _json(content: bytes) -> dict[str, Any]:
    return json.loads(content) if content.strip() else {}


def _widen_pool(client: Any) -> None:
    """As many connections to http:// as the limiter may want; the SDK's settings are for https:// only."""
    from requests.adapters import HTTPAdapter  # type: ignore[import-untyped]

    session = client._api_client._session
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=MOST))


def tell_retry(state: RetryCallState) -> None:
    """Log that something is sent again, and why."""
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    _log.info("attempt %d failed, again in %.1f s: %s", state.attempt_number, wait, error)


def _wait(state: RetryCallState) -> float:
    """As long as the server asked for, or twice as long each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Throttled):
        return min(_LONGEST_WAIT, error.wait)
    doubled: float = 0.25 * 2.0**state.attempt_number
    return min(_LONGEST_WAIT, doubled * random.uniform(0.5, 1.5))
