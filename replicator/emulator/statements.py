"""Statements that run, ran or failed: what SEA and Thrift both ask about."""

from __future__ import annotations

import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pyarrow as pa

from replicator.emulator import disk, engine
from replicator.emulator.context import Workspace
from replicator.emulator.errors import ApiError, SqlError, as_sql_error
from replicator.emulator.metastore import Doc
from replicator.emulator.requestlog import sql_fields
from replicator.emulator.session import Session

_KEPT = 200  # finished statements whose results can still be fetched
_THREADS = 64
_REPEAT = 0.02  # seconds
_log = logging.getLogger(__name__)


class State(Enum):
    """States of a statement, as the Statement Execution API calls them."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    CLOSED = "CLOSED"


@dataclass
class Statement:
    """One statement. `table`, `affected` and `kind` are set when it succeeded, `error` when it failed."""

    id: str
    session: Session
    text: str
    params: Sequence[Any]
    state: State = State.PENDING
    table: pa.Table | None = None
    affected: int | None = None
    kind: str = ""
    error: SqlError | None = None
    truncated: bool = False
    # Result links are fetched without a token: whoever knows the secret in the link may read this one result.
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    delivery: Doc = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)
    # Set when its thread has left the statement; one that was cancelled is done before.
    left: threading.Event = field(default_factory=threading.Event)
    _stop: Callable[[], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, stop: Callable[[], None] | None) -> None:
        """The engine says how to stop the query that it runs now; None when it has ended."""
        with self._lock:
            self._stop = stop

    def stop(self) -> None:
        """Stop the query that runs now. An engine forgets the wish if the query has not begun: repeat it."""
        with self._lock:
            if self._stop is not None:
                self._stop()

    def begin(self) -> bool:
        """Enter RUNNING; False when it was cancelled before."""
        with self._lock:
            if not self.done.is_set():
                self.state = State.RUNNING
            return not self.done.is_set()

    def finish(self, state: State, **outcome: Any) -> None:
        """Enter a final state, unless the statement is in one already."""
        with self._lock:
            if not self.done.is_set():
                self.state = state
                for name, value in outcome.items():
                    setattr(self, name, value)
                self.done.set()


class Statements:
    """Runs statements in threads and keeps the last results."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._known: dict[str, Statement] = {}
        self._sessions: dict[str, Session] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")

    def submit(self, session: Session, text: str, params: Sequence[Any] = (), limit: int | None = None) -> Statement:
        """Start a statement; `limit` cuts the result to so many rows. Wait on its `done`."""
        statement = Statement(str(uuid.uuid4()), session, text, params)
        with self._lock:
            self._known[statement.id] = statement
            finished = [key for key, known in self._known.items() if known.done.is_set()]
            for key in finished[: max(0, len(finished) - _KEPT)]:
                del self._known[key]
        self._pool.submit(self._run, statement, limit).add_done_callback(lambda _: statement.left.set())
        return statement

    def finished(self, session: Session, table: pa.Table) -> Statement:
        """A statement whose result is there already: Thrift's catalog calls."""
        statement = Statement(str(uuid.uuid4()), session, "", ())
        statement.left.set()
        with self._lock:
            self._known[statement.id] = statement
        statement.finish(State.SUCCEEDED, table=table, kind="METADATA")
        return statement

    def _run(self, statement: Statement, limit: int | None) -> None:
        if statement.begin():
            with engine.watched(statement.watch):
                self._execute(statement, limit)

    def _execute(self, statement: Statement, limit: int | None) -> None:
        try:
            stage = self._workspace.check_statement(statement.text, statement.done.wait)
            if statement.done.is_set():
                return
            with disk.full(stage):
                result = self._workspace.execute(statement.session, statement.text, statement.params)
            table = result.table
            truncated = limit is not None and table.num_rows > limit
            statement.finish(
                State.SUCCEEDED,
                table=table.slice(0, limit) if truncated else table,
                affected=result.affected,
                kind=result.kind,
                truncated=truncated,
            )
        except SqlError as error:
            statement.finish(State.FAILED, error=error)
        except ApiError as error:
            statement.finish(State.FAILED, error=as_sql_error(error))
        except Exception as error:  # noqa: BLE001 - a defect of the SQL front must end the statement, not hang it
            if disk.is_full(error):
                statement.finish(State.FAILED, error=as_sql_error(disk.no_room()))
                return
            _log.exception("statement failed: %s", statement.text)
            internal = SqlError("INTERNAL_ERROR", "XX000", f"The emulator failed: {type(error).__name__}: {error}")
            statement.finish(State.FAILED, error=internal)

    def get(self, statement_id: str, session: Session) -> Statement:
        """A statement of the caller. Raises ApiError 404 RESOURCE_DOES_NOT_EXIST."""
        statement = self._known.get(statement_id)
        if statement is None or not (session.is_admin or statement.session.principal == session.principal):
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The statement {statement_id} was not found.")
        return statement

    def by_secret(self, statement_id: str, secret: str) -> Statement:
        """A statement by its id and the secret of its links. Raises ApiError 404."""
        statement = self._known.get(statement_id)
        if statement is None or not secrets.compare_digest(statement.secret.encode(), secret.encode()):
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", "The link has expired.")
        return statement

    def cancel(self, statement: Statement) -> None:
        """End a statement for its caller; its query is stopped, now or as soon as it begins."""
        if statement.done.is_set():
            return
        statement.finish(State.CANCELED)
        threading.Thread(target=_stop, args=(statement,), name="cancel", daemon=True).start()

    def close_statement(self, statement: Statement) -> None:
        """Forget a statement and its result; one that runs is cancelled."""
        if not statement.done.is_set():
            self.cancel(statement)
        with self._lock:
            self._known.pop(statement.id, None)

    # ---- sessions

    def open_session(self, session: Session) -> str:
        """Keep a session for later statements; returns its id."""
        session_id = str(uuid.uuid4())
        with self._lock:
            self._sessions[session_id] = session
        return session_id

    def session(self, session_id: str, principal: str) -> Session:
        """An open session of the caller. Raises ApiError 404 RESOURCE_DOES_NOT_EXIST."""
        session = self._sessions.get(session_id)
        if session is None or session.principal != principal:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Invalid SessionHandle: {session_id}")
        return session

    def close_session(self, session_id: str) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def describe(self, text: str) -> Doc:
        """The request log's fields for a statement; one that cannot be read does not write."""
        try:
            kind, writes = self._workspace.classify(text)
        except (SqlError, ApiError):
            kind, writes = "UNKNOWN", False
        return sql_fields(text, kind, writes)

    def close(self) -> None:
        """Interrupt what runs, drop what has not begun, and wait for the threads: they use the database."""
        for statement in list(self._known.values()):
            if not statement.done.is_set():
                self.cancel(statement)
        self._pool.shutdown(cancel_futures=True)


def _stop(statement: Statement) -> None:
    """Stop the query of a cancelled statement until its thread has left it."""
    while not statement.left.is_set():
        statement.stop()
        statement.left.wait(_REPEAT)
