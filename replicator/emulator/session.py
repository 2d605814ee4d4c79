"""Who asks, of which metastore, and with which current catalog and schema: what every rule function takes
first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from replicator.emulator.metastore import Doc, MetastoreInfo, Store

EVERYONE = "account users"


@dataclass
class Session:
    """One caller on one metastore. `catalog` and `schema` are what `USE` changes; `conf` is what `SET`
    changes.
    """

    store: Store
    metastore: MetastoreInfo
    principal: str
    catalog: str | None = None
    schema: str | None = None
    conf: dict[str, str] = field(default_factory=dict)
    url: str = ""  # of the server that answers: links point to it
    # How long (ms) what is newly shared stays unseen; asked each time, as faults come and go during a session.
    sharing_delay: Callable[[], float] = lambda: 0.0
    stale_listing: Callable[[], bool] = lambda: False  # whether information_schema of shared catalogs lags behind
    temporary: dict[str, Doc] = field(default_factory=dict)  # temporary views by name: they end with the session

    @property
    def root(self) -> Path:
        """The folder that holds all metastores."""
        return self.store.root

    @property
    def ms(self) -> str:
        """The metastore's name: the first key of every document."""
        return self.metastore.name

    @cached_property
    def identities(self) -> frozenset[str]:
        """The principal and all groups it belongs to, lower case."""
        member = self.principal.lower()
        groups = self.store.list(self.ms, "group")
        names = {group["displayName"].lower() for group in groups if member in group.get("_members", ())}
        return frozenset({member, EVERYONE} | names)

    @property
    def time_zone(self) -> str:
        """What `SET TIME ZONE` said; UTC to begin with."""
        return self.conf.get("timezone") or self.conf.get("spark.sql.session.timezone") or "UTC"

    @property
    def is_admin(self) -> bool:
        """Whether the caller is, or belongs to, the metastore's owner."""
        return self.metastore.owner.lower() in self.identities


def now_ms() -> int:
    """Milliseconds since the epoch: the unit of `created_at` and `updated_at`."""
    return time.time_ns() // 1_000_000


def created(s: Session, doc: Doc) -> Doc:
    """`doc` with the audit fields of a new securable; the creator owns it unless it names an owner."""
    moment = now_ms()
    audit = {"created_at": moment, "created_by": s.principal, "updated_at": moment, "updated_by": s.principal}
    return {"owner": s.principal, **doc, "metastore_id": s.metastore.metastore_id, **audit}


def updated(s: Session, doc: Doc, changes: Doc) -> Doc:
    """`doc` with `changes` and a new update stamp. `None` leaves a field alone, `""` clears it."""
    merged = doc | {key: value for key, value in changes.items() if value is not None}
    kept = {key: value for key, value in merged.items() if value != ""}
    return kept | {"updated_at": now_ms(), "updated_by": s.principal}


def words(text: str) -> frozenset[str]:
    """The words of a text: tables of names stay readable."""
    return frozenset(text.split())
