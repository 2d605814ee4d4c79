"""What went wrong, in our own words: every exception of the SDK, the connector and the network ends here.

The platform's error codes are finer than HTTP statuses, and SQL errors have only their text, so both are read.
"""

import re
from collections.abc import Iterator

from replicator.errors import AlreadyExists, NotFound, PermissionDenied, Unavailable, WorkspaceError
from replicator.values import redact

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
_BAD_CREDENTIALS = re.compile(r"invalid access token|token (?:is |has )?(?:expired|revoked)", re.IGNORECASE)
"""Databricks answers 401 or, for a personal access token, 403 with such a message."""

_NOT_AN_OBJECT = frozenset({"ENDPOINT_NOT_FOUND", "PRINCIPAL_DOES_NOT_EXIST"})
"""Codes that sound like those of a missing object and say nothing about the one that was asked for."""

RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
"""A read with one of these may be tried again; of writes only 429, which says that nothing was begun."""


def of_rest(error: BaseException, label: str, what: str) -> WorkspaceError:
    """The failure of a REST call `what` (`GET /path`) to the workspace called `label`."""
    from databricks.sdk.errors import DatabricksError

    if isinstance(error, DatabricksError):
        return _answered(error, label, what)
    return Unavailable(f"{label}: no answer to {what}: {_root(error)}", hint="check the host and the network")


def unreachable(error: BaseException, label: str, host: str) -> WorkspaceError:
    """Nobody answers at a workspace's host."""
    where = label if label == host else f"{label} ({host})"
    return Unavailable(
        f"{where}: the workspace does not answer: {_root(error)}",
        hint="check `host` in the configuration, and the network",
    )


def _answered(error: Exception, label: str, what: str) -> WorkspaceError:
    code = str(getattr(error, "error_code", "") or "")
    text = redact(_SDK_SUFFIX.sub("", str(error))).strip() or type(error).__name__
    status = _status(error)
    if status == 401 or (status == 403 and _BAD_CREDENTIALS.search(text)):
        return refused_credentials(label, text)
    # A status that the SDK has no class for (502, a proxy's own) does not tell whether the request was carried out.
    kind = Unavailable if status == 0 or status in RETRYABLE_STATUSES else _by_code(code, status)
    return kind(f"{label}: {what}: {text}", code=code, status=status)


def refused_credentials(label: str, text: str) -> WorkspaceError:
    """401. No PermissionDenied: that would be about one object, and this is about all of them."""
    return WorkspaceError(
        f"{label}: the credentials were refused: {text}",
        hint="the token may have expired: renew it and run the command again",
        code="UNAUTHENTICATED",
        status=401,
    )


def _by_code(code: str, status: int) -> type[WorkspaceError]:
    """Only a code that names an object says that it is missing or taken; a bare 404 may be a wrong path's."""
    if code.endswith(("DOES_NOT_EXIST", "NOT_FOUND")) and code not in _NOT_AN_OBJECT:
        return NotFound
    if code.endswith("ALREADY_EXISTS"):
        return AlreadyExists
    return PermissionDenied if status == 403 else WorkspaceError


def _status(error: Exception) -> int:
    """The HTTP status that the SDK made this class of exception from (it keeps the class only)."""
    from databricks.sdk.errors import platform

    table = platform.STATUS_CODE_MAPPING
    return next((status for kind in type(error).__mro__ for status, known in table.items() if known is kind), 0)


def reason_unknown(error: WorkspaceError) -> str:
    """Why one object is unknown: it may not be seen, or the workspace failed to answer just that.

    Raises the error again when it is about the whole workspace: no connection, refused credentials, too many requests.
    """
    failed = isinstance(error, Unavailable) and error.status not in (0, 429)
    if failed or isinstance(error, PermissionDenied):
        return error.message
    raise error


def of_sql(error: BaseException, label: str) -> WorkspaceError:
    """The failure of a statement: by SQLSTATE where the server gave one, otherwise the server did not answer."""
    from databricks.sql import exc

    text = redact(str(getattr(error, "message", None) or error)).strip()
    state, named = _SQL_STATE.search(text), _SQL_CLASS.search(text)
    code = named[1] if named else ""
    status = int(getattr(error, "context", {}).get("http-code") or 0) if isinstance(error, exc.Error) else 0
    if status in (401, 403):
        return refused_credentials(label, text)
    if status == 404 or code == NO_WAREHOUSE:
        return no_warehouse(label, text)
    if state or isinstance(error, exc.ServerOperationError):
        kind = _BY_SQLSTATE.get(state[1] if state else "", WorkspaceError)
        return (WorkspaceError if code in _NOT_AN_OBJECT else kind)(f"{label}: {text}", code=code)
    return Unavailable(f"{label}: no answer from the SQL warehouse: {_root(error)}", hint="check the warehouse")


def cancelled(label: str) -> WorkspaceError:
    """Somebody ended a statement, or a limit of the warehouse did. Not Unavailable: it is not to be sent again."""
    return WorkspaceError(
        f"{label}: the statement was cancelled in the SQL warehouse",
        hint="a person or the warehouse's time limit ended it: look at its query history, then run the command again",
        code="CANCELED",
    )


NO_WAREHOUSE = "NO_WAREHOUSE"


def no_warehouse(label: str, text: str) -> WorkspaceError:
    """No NotFound: that would be about the object that a statement names."""
    return WorkspaceError(
        f"{label}: there is no such SQL warehouse: {text.rstrip('.')}",
        hint="check warehouse_id or http_path; without them a running warehouse is chosen",
        code=NO_WAREHOUSE,
        status=404,
    )


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
    text = re.sub(r"<[^>]*object at 0x[0-9a-f]+>:? ?|\[Errno -?\d+\] ", "", str(last))
    return redact(re.sub(r"\s+", " ", text)).strip() or type(last).__name__
