"""What the handlers of one server share: the metastore behind it and the SQL front."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from replicator.emulator.disk import Stage
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc, MetastoreInfo, Store
from replicator.emulator.session import Session
from replicator.emulator.web.visits import Visits

if TYPE_CHECKING:
    from replicator.emulator.statements import Statements

# (session, text, parameters) -> a result with `table` (pyarrow), `affected` and `kind`
Execute = Callable[[Session, str, Sequence[Any]], Any]
# text -> (kind, whether it writes), without executing
Classify = Callable[[str], tuple[str, bool]]


def _execute(session: Session, text: str, params: Sequence[Any]) -> Any:
    from replicator.emulator import sql

    return sql.execute(session, text, params)


def _classify(text: str) -> tuple[str, bool]:
    from replicator.emulator import sql

    return sql.classify(text)


@dataclass
class Workspace:
    """One emulated workspace: its metastore, warehouse and statements. `url` is set once the server listens."""

    store: Store
    metastore: MetastoreInfo
    url: str = ""
    execute: Execute = _execute
    classify: Classify = _classify
    # (text, how to wait) -> where the disk is full for a statement; raises what a fault rule has in store for it.
    check_statement: Callable[[str, Callable[[float], object]], Stage | None] = lambda text, wait: None
    sharing_delay: Callable[[], float] = lambda: 0.0
    stale_listing: Callable[[], bool] = lambda: False
    visits: Visits = field(default_factory=Visits)
    _statements: list[Statements] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def account_id(self) -> str:
        """All metastores of one root belong to one account."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.store.root)))

    @property
    def statements(self) -> Statements:
        """Running and finished statements, for SEA and Thrift; the SQL engines load with the first one."""
        with self._lock:
            if not self._statements:
                from replicator.emulator.statements import Statements

                self._statements.append(Statements(self))
            return self._statements[0]

    def session(self, principal: str, catalog: str | None = None, schema: str | None = None) -> Session:
        """A session of `principal` on this workspace's metastore."""
        session = Session(self.store, self.metastore, principal, catalog, schema, url=self.url)
        session.sharing_delay, session.stale_listing = self.sharing_delay, self.stale_listing
        return session

    def warehouse(self, warehouse_id: str) -> Doc:
        """A warehouse by id. Raises ApiError 404 RESOURCE_DOES_NOT_EXIST."""
        doc = self.store.get(self.metastore.name, "warehouse", warehouse_id) if warehouse_id else None
        if doc is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"SQL warehouse {warehouse_id} does not exist.")
        return doc

    def use_warehouse(self, warehouse_id: str) -> None:
        """Require a warehouse for a statement; a stopped one starts, as on Databricks. Raises ApiError 404."""
        doc = self.warehouse(warehouse_id)
        if doc["state"] != "RUNNING":
            started = doc | {"state": "RUNNING", "num_clusters": 1}
            self.store.put(self.metastore.name, "warehouse", warehouse_id, doc=started)

    def close(self) -> None:
        """Stop the statements' threads."""
        if self._statements:
            self._statements[0].close()
