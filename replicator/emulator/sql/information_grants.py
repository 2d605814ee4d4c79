"""The grants that the privilege views of information_schema show, read for a whole catalog at a time."""

from __future__ import annotations

from replicator.emulator import grants
from replicator.emulator.metastore import Doc, fold
from replicator.emulator.session import Session

Grants = list[tuple[str, str, str]]  # principal, privilege, origin


class Granted:
    """The grants on all objects of a kind in some catalogs, and on what contains them: one query for each level."""

    def __init__(self, s: Session, kind: str, catalogs: list[Doc]) -> None:
        self._kind = kind
        self._inherited: dict[tuple[str, ...], Grants] = {}
        self._docs = {
            key: docs
            for level in dict.fromkeys((kind, "schema", "catalog"))
            for catalog in catalogs
            for key, docs in s.store.list_by_parent(s.ms, "grant", level, catalog["name"]).items()
        }

    def on(self, parts: tuple[str, ...]) -> Grants:
        """Principal, privilege and origin of each: the object's own first."""
        above = parts[:-1] if len(parts) < 3 else parts[:2]
        if above not in self._inherited:
            self._inherited[above] = [item for item in self._around(above) if item[1] in grants.PRIVILEGES[self._kind]]
        return [*self._of(self._kind, parts, "NONE"), *self._inherited[above]]

    def _around(self, parts: tuple[str, ...]) -> Grants:
        schema = self._of("schema", parts, "SCHEMA") if len(parts) == 2 else []
        return [*schema, *(self._of("catalog", parts[:1], "CATALOG") if parts else [])]

    def _of(self, level: str, parts: tuple[str, ...], origin: str) -> Grants:
        docs = self._docs.get(fold((level, *parts)), ())
        return [(doc["principal"], privilege, origin) for doc in docs for privilege in doc["privileges"]]
