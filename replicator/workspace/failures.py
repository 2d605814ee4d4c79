"""What went wrong, in our own words: every exception of the SDK, the connector and the network ends here.

The platform's error codes are finer than HTTP statuses, and SQL errors have only their text, so both are read.
"""

import re
from collections.abc import Iterator

from replicator.errors import AlreadyExists, NotFound, PermissionDenied, Unavailable, WorkspaceError

_SQL_CLASS = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")
_SQL_STATE = re.compile(r"SQLSTATE:? ?([0-9A-Z]{5})")
_SDK_SUFFIX = re.compile(r"\.? ?(?:Config: |Env: ).*", re.DOTALL)

_BY_SQLSTATE: dict[str, type[WorkspaceError]] = {
    "42P01": NotFound,
    "42704": NotFound,
    "42P06": AlreadyExists,
    "42P07": AlreadyExists,
    "42710": AlreadyExists,
    "42501": PermissionDenied,
}
_BY_STATUS: dict[int, type[WorkspaceError]] = {
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    409: AlreadyExists,
}
RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
"""A read with one of these may be tried again; of writes only 429, which says that nothing was begun."""


def of_rest(error: BaseException, label: str, what: str) -> WorkspaceError:
    """The failure of a REST call `what` (`GET /path`) to the workspace called `label`."""
    from databricks.sdk.errors import DatabricksError

    if isinstance(error, DatabricksError):
        return _answered(error, label, what)
    return Unavailable(f"{label}: no answer to {what}: {_root(error)}", hint="check the host and the network")


def _answered(error: Exception, label: str, what: str) -> WorkspaceError:
    code = str(getattr(error, "error_code", "") or "")
    text = _SDK_SUFFIX.sub("", str(error)).strip() or type(error).__name__
    status = _status(error)
    if status == 401:
        return PermissionDenied(
            f"{label}: the credentials were refused: {text}",
            hint="the token may have expired: renew it and run the command again",
            code=code or "UNAUTHENTICATED",
            status=status,
        )
    taken = code.endswith("ALREADY_EXISTS") or (status == 400 and text.endswith("already exists"))
    missing = code.endswith(("DOES_NOT_EXIST", "NOT_FOUND"))
    kind = AlreadyExists if taken else NotFound if missing else _BY_STATUS.get(status, WorkspaceError)
    if status in RETRYABLE_STATUSES and kind is WorkspaceError:
        kind = Unavailable
    return kind(f"{label}: {what}: {text}", code=code, status=status)


def _status(error: Exception) -> int:
    """The HTTP status that the SDK made this class of exception from (it keeps the class only)."""
    from databricks.sdk.errors import platform

    table = platform.STATUS_CODE_MAPPING
    return next((status for kind in type(error).__mro__ for status, known in table.items() if known is kind), 0)


def of_sql(error: BaseException, label: str) -> WorkspaceError:
    """The failure of a statement: by SQLSTATE where the server gave one, otherwise the server did not answer."""
    from databricks.sql import exc

    text = str(getattr(error, "message", None) or error).strip()
    state, named = _SQL_STATE.search(text), _SQL_CLASS.search(text)
    code = named[1] if named else ""
    status = int(getattr(error, "context", {}).get("http-code") or 0) if isinstance(error, exc.Error) else 0
    if status in (401, 403):
        return PermissionDenied(
            f"{label}: the SQL warehouse refused the credentials: {text}",
            hint="the token may have expired, or may not use the warehouse",
            code=code,
            status=status,
        )
    if state or isinstance(error, exc.ServerOperationError):
        kind = _BY_SQLSTATE.get(state[1] if state else "", WorkspaceError)
        return kind(f"{label}: {text}", code=code)
    if status == 404:
        return NotFound(
            f"{label}: the SQL warehouse does not exist", hint="check warehouse_id or http_path", status=404
        )
    return Unavailable(f"{label}: no answer from the SQL warehouse: {_root(error)}", hint="check the warehouse")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _root(error: BaseException) -> str:
    """The last link of a chain of wrapped network errors, in one line."""
    last = list(_chain(error))[-1]
    return (
        re.sub(r"\s+", " ", re.sub(r"<[^>]*object at 0x[0-9a-f]+>:? ?", "", str(last))).strip() or type(last).__name__
    )
