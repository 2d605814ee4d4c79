"""Readers and writers of one workspace. A writer is another class than a reader: what only reads cannot write."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from replicator.address import Side
from replicator.config.connection import Connection
from replicator.config.settings import Retry
from replicator.engine.snapshot import Metastore, ReadStats
from replicator.workspace.access import Access, open_access
from replicator.workspace.limiter import Limiter
from replicator.workspace.meter import Meter
from replicator.workspace.rest import Rest
from replicator.workspace.sql import Sql

_RETRY, _HERE = Retry(), Path()


@dataclass(frozen=True)
class Who:
    """Who we are for Unity Catalog: the principal, the groups it belongs to (lower case), the metastore's owner."""

    principal: str
    groups: frozenset[str]
    metastore_owner: str

    def is_me(self, owner: str | None) -> bool:
        """Whether a name is the principal's own."""
        return owner is not None and owner.lower() == self.principal.lower()

    def is_one_of_us(self, owner: str | None) -> bool:
        """Whether a name is the principal's own or that of a group of its."""
        return self.is_me(owner) or (owner is not None and owner.lower() in self.groups)

    @property
    def is_metastore_owner(self) -> bool:
        return self.is_one_of_us(self.metastore_owner)


class WorkspaceReader:
    """Implements `resources.base.Reader`. Safe to use from many threads; closes its connections with `close`."""

    def __init__(self, side: Side, access: Access, host: str, attempts: int) -> None:
        self.side = side
        self._host = host
        self._meter = Meter()
        self._rest = Rest(access, Limiter(), self._meter, attempts)
        self._sql = Sql(access, self._rest, self._meter, attempts)
        self._identity: tuple[Metastore, Who] | None = None

    def identity(self) -> Metastore:
        """Which metastore this is, and who we are; asked once."""
        return self._identified()[0]

    def who(self) -> Who:
        """Who we are, with the groups that the workspace knows us in."""
        return self._identified()[1]

    def _identified(self) -> tuple[Metastore, Who]:
        if self._identity is None:
            summary = self.get("/api/2.1/unity-catalog/metastore_summary")
            me = self.get("/api/2.0/preview/scim/v2/Me")
            principal = me.get("userName") or me.get("displayName") or ""
            groups = frozenset(str(group.get("display", "")).lower() for group in me.get("groups") or ())
            metastore = Metastore(
                metastore_id=summary["metastore_id"],
                global_id=summary["global_metastore_id"],
                host=self._host,
                principal=principal,
            )
            self._identity = metastore, Who(principal, groups - {""}, summary.get("owner") or "")
        return self._identity

    def check_warehouse(self) -> None:
        """Raises WorkspaceError when the SQL warehouse that the configuration names does not exist."""
        self._sql.check()

    def lacks_warehouse(self) -> str | None:
        """Why no statement can be run here, or None: there is a SQL warehouse."""
        return self._sql.missing()

    def stats(self) -> ReadStats:
        """What was asked of the workspace so far."""
        return self._meter.read()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._rest.get(path, query)

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return self._rest.pages(path, key, query)

    def query(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._sql.query(sql).to_pylist()
        return rows

    def query_arrow(self, sql: str) -> Any:
        """As `query`, but a pyarrow.Table, for results of many rows."""
        return self._sql.query(sql)

    def close(self) -> None:
        self._sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WorkspaceWriter(WorkspaceReader):
    """Implements `resources.base.Writer`; opened inside apply only."""

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._rest.send(method, path, body)

    def execute(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._sql.execute(sql).to_pylist()
        return rows


def open_reader(
    connection: Connection, side: Side, *, retry: Retry = _RETRY, directory: Path = _HERE
) -> WorkspaceReader:
    """A workspace, read only. `directory` is the configuration's, which an emulator's folder is relative to.

    Raises ConfigError, PermissionDenied or Unavailable when there is no way in.
    """
    return WorkspaceReader(side, open_access(connection, directory), connection.label, retry.max_attempts)


def open_writer(
    connection: Connection, side: Side, *, retry: Retry = _RETRY, directory: Path = _HERE
) -> WorkspaceWriter:
    """As `open_reader`, but may change things."""
    return WorkspaceWriter(side, open_access(connection, directory), connection.label, retry.max_attempts)
