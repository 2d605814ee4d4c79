"""GRANT, REVOKE and SHOW GRANTS, on securables and on shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from replicator.emulator import grants, shares
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, read, texts, write

# words of a securable -> securable type of the rules
_SECURABLES = (
    ("EXTERNAL LOCATION", "external_location"),
    ("STORAGE CREDENTIAL", "storage_credential"),
    ("MATERIALIZED VIEW", "table"),
    ("STREAMING TABLE", "table"),
    ("METASTORE", "metastore"),
    ("CATALOG", "catalog"),
    ("SCHEMA", "schema"),
    ("DATABASE", "schema"),
    ("TABLE", "table"),
    ("VIEW", "table"),
    ("VOLUME", "volume"),
    ("FUNCTION", "function"),
    ("CONNECTION", "connection"),
    ("SHARE", "share"),
)


@dataclass(frozen=True)
class Target:
    """What is granted on; a table when the statement names no kind."""

    kind: str
    name: Name

    def parts(self, s: Session) -> Sequence[str]:
        """Full name parts in the session."""
        if self.kind == "metastore":
            return (s.metastore.metastore_id,)
        if self.kind == "schema":
            return names.qualify_schema(s, self.name or (names.current_schema(s),))
        if self.kind in ("table", "volume", "function"):
            return names.qualify(s, self.name)
        return (self.name[0].lower(),) if self.name else (names.current_catalog(s),)


def parse_grant(reader: Reader) -> Statement:
    """GRANT privileges ON securable TO principal."""
    reader.expect("GRANT")
    return _parse_change(reader, "TO", "add", "GRANT")


def parse_revoke(reader: Reader) -> Statement:
    """REVOKE privileges ON securable FROM principal."""
    reader.expect("REVOKE")
    return _parse_change(reader, "FROM", "remove", "REVOKE")


def _parse_change(reader: Reader, towards: str, action: str, kind: str) -> Statement:
    privileges = reader.listed(lambda: _privilege(reader))
    reader.expect("ON")
    target = _target(reader)
    reader.expect(towards)
    if target.kind == "share":
        reader.accept("RECIPIENT")
    principal = reader.principal()
    reader.finish()
    change = {"principal": principal, action: privileges}

    def effect(s: Session) -> None:
        if target.kind == "share":
            shares.change_permissions(s, target.name[0], [change])
        else:
            grants.change(s, target.kind, target.parts(s), [change])

    return write(kind, effect)


def _privilege(reader: Reader) -> str:
    words = []
    while not (reader.peek("ON") or reader.peek(",")):
        if reader.at_end():
            raise reader.error("'ON'")
        words.append(reader.identifier().upper())
    return "_".join(words)


def _target(reader: Reader) -> Target:
    for words, kind in _SECURABLES:
        if reader.accept(*words.split()):
            ends = any(reader.peek(word) for word in ("TO", "FROM")) or reader.at_end()
            # The current catalog and schema need no name.
            nameless = kind == "metastore" or (kind in ("catalog", "schema") and ends)
            return Target(kind, () if nameless else reader.name())
    return Target("table", reader.name())


def parse_show(reader: Reader) -> Statement:
    """SHOW {GRANT | GRANTS} [principal] ON securable."""
    _ = reader.accept("GRANTS") or reader.accept("GRANT")
    if reader.accept("TO"):
        reader.expect("RECIPIENT")
        name = reader.identifier()
        reader.finish()
        return read("SHOW_GRANTS", lambda s: _recipient_grants(s, name))
    principal = None if reader.peek("ON") else reader.principal()
    reader.expect("ON")
    target = _target(reader)
    reader.finish()
    return read("SHOW_GRANTS", lambda s: _show(s, target, principal))


def _show(s: Session, target: Target, principal: str | None) -> pa.Table:
    if target.kind == "share":
        found = shares.permissions(s, target.name[0])
        rows = [(item["principal"], word) for item in found for word in item["privileges"]]
        return texts(("recipient", "actionType"), rows)
    listed = []
    parts = target.parts(s)
    for assignment in grants.effective(s, target.kind, parts):
        if principal is not None and assignment["principal"].lower() != principal.lower():
            continue
        for item in assignment["privileges"]:
            kind = item.get("inherited_from_type", target.kind.upper())
            name = item.get("inherited_from_name", ".".join(parts))
            listed.append((assignment["principal"], item["privilege"].replace("_", " "), kind, name))
    return texts(("Principal", "ActionType", "ObjectType", "ObjectKey"), listed)


def _recipient_grants(s: Session, name: str) -> pa.Table:
    found = shares.recipient_permissions(s, name)
    if not name:
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", "A recipient is expected.")
    rows = [(item["share_name"], "SELECT", name) for item in found]
    return texts(("share", "actionType", "principal"), rows)
