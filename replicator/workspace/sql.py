"""Statements over the SQL connector: a connection per thread at work, answers as Arrow."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from replicator import __version__
from replicator.errors import NotFound, PermissionDenied, Unavailable, WorkspaceError
from replicator.workspace.access import Access
from replicator.workspace.failures import NO_WAREHOUSE, cancelled, no_warehouse, of_sql
from replicator.workspace.meter import Meter
from replicator.workspace.rest import Rest, tell_retry

_WAREHOUSE = re.compile(r"/sql/1\.0/(?:warehouses|endpoints)/([A-Za-z0-9]+)")


class Sql:
    """One workspace's SQL warehouse. Connections are kept and lent out, since making one costs more than a
    statement."""

    def __init__(self, access: Access, rest: Rest, meter: Meter, attempts: int) -> None:
        self._access = access
        self._rest = rest
        self._meter = meter
        self._attempts = attempts
        self._idle: list[Any] = []
        self._closed = False
        self._lock = threading.Lock()
        self._http_path: str | None = access.http_path

    def query(self, sql: str) -> Any:
        """Run a statement that only reads, again where no answer came. Returns a pyarrow.Table."""
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential_jitter(multiplier=0.5, max=10),
            before_sleep=self._tell,
            reraise=True,
        )
        return retrying(self.execute, sql)

    def _tell(self, state: RetryCallState) -> None:
        self._meter.repeated()
        tell_retry(state)

    def execute(self, sql: str) -> Any:
        """Run a statement once. Returns a pyarrow.Table. Raises Unavailable when whether it ran is not known."""
        with self._meter.waiting(), self._connection() as connection:
            try:
                with connection.cursor() as cursor:
                    table = self._result(cursor, sql)
            except WorkspaceError:
                raise
            except Exception as error:  # noqa: BLE001  the connector raises exceptions of many libraries; each is named
                raise of_sql(error, self._access.label) from None
        self._meter.statement(table.nbytes)
        return table

    def _result(self, cursor: Any, sql: str) -> Any:
        """What a statement returns. A cancelled one is no failure to the connector, which then misses its result."""
        from databricks.sql import exc

        try:
            cursor.execute(sql)
            table = cursor.fetchall_arrow()
        except (exc.ServerOperationError, exc.RequestError):
            raise
        except exc.Error:
            if cursor.active_command_id is not None and _is_cancelled(cursor.get_query_state()):
                raise cancelled(self._access.label) from None
            raise
        if _is_cancelled(cursor.active_result_set.status):
            raise cancelled(self._access.label)
        return table

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """A connection for one statement; one that failed to answer is not used again."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        except Unavailable:
            _close(connection)
            raise
        except WorkspaceError:
            self._give_back(connection)
            raise
        except BaseException:
            _close(connection)
            raise
        self._give_back(connection)

    def _give_back(self, connection: Any) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        _close(connection)

    def _connect(self) -> Any:
        from databricks import sql

        http_path = self._warehouse_path()
        host = urlsplit(self._access.host)
        # Thrift without TLS, which only an emulator speaks, has no other way than this argument.
        plain = {"_connection_uri": self._access.host + http_path} if host.scheme == "http" else {}
        try:
            return sql.connect(
                server_hostname=host.hostname,
                http_path=http_path,
                credentials_provider=lambda: self._access.sdk_config.authenticate,
                # Off, as it asks the host for feature flags first, which hangs for half a minute where 443 is closed.
                enable_telemetry=False,
                # The other retries send a statement again whose answer was lost, and so run it twice.
                _enable_v3_retries=False,
                user_agent_entry=f"replicator/{__version__}",
                **plain,
            )
        except Exception as error:  # noqa: BLE001  see execute
            raise of_sql(error, self._access.label) from None

    def check(self) -> None:
        """Look up the warehouse that the configuration names. Raises WorkspaceError when there is none of that id."""
        named = _WAREHOUSE.fullmatch(self._access.http_path or "")
        if named is not None:
            self._look_up(named[1])
        elif self._access.warehouse_id is not None:
            self._warehouse_path()

    def missing(self) -> str | None:
        """Why there is no warehouse to run statements on, or None. Raises WorkspaceError when that is not the reason
        for which it cannot be told."""
        try:
            self._warehouse_path()
        except WorkspaceError as error:
            if error.code != NO_WAREHOUSE and not isinstance(error, PermissionDenied):
                raise
            return error.message
        return None

    def _look_up(self, warehouse: str) -> None:
        try:
            self._rest.get(f"/api/2.0/sql/warehouses/{warehouse}")
        except NotFound:
            raise no_warehouse(self._access.label, warehouse) from None

    def _warehouse_path(self) -> str:
        """Where statements go: what was configured, if it exists, or else a warehouse that is running."""
        if self._http_path is None:
            self._http_path = self._chosen()
        return self._http_path

    def _chosen(self) -> str:
        wanted = self._access.warehouse_id
        if wanted is not None:
            self._look_up(wanted)
            return f"/sql/1.0/warehouses/{wanted}"
        listed = self._rest.get("/api/2.0/sql/warehouses").get("warehouses") or []
        if not listed:
            raise WorkspaceError(
                f"{self._access.label}: there is no SQL warehouse that this principal may use",
                hint="create one, or give CAN USE on one and name it with warehouse_id",
                code=NO_WAREHOUSE,
            )
        ranked = sorted(listed, key=lambda item: (item.get("state") != "RUNNING", item.get("name", ""), item["id"]))
        return f"/sql/1.0/warehouses/{ranked[0]['id']}"

    def close(self) -> None:
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        if not idle:
            return
        # Each says goodbye with a request of its own, and a command is not over before the last has been answered.
        with ThreadPoolExecutor(len(idle), thread_name_prefix="close") as pool:
            list(pool.map(_close, idle))


def _close(connection: Any) -> None:
    from databricks.sql import exc
    from urllib3.exceptions import HTTPError

    try:
        connection.close()
    except (exc.Error, HTTPError, OSError):
        return  # the session ends by itself; what was asked of it has been answered already


def _is_cancelled(state: Any) -> bool:
    from databricks.sql.backend.types import CommandState

    return state is CommandState.CANCELLED
