"""SHOW and DESCRIBE of what guards the metastore: users, groups, credentials, external locations, connections."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from replicator.emulator import external, grants
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql.patterns import matches
from replicator.emulator.sql.reader import Reader
from replicator.emulator.sql.statement import Statement, read, texts
from replicator.emulator.sql.tokens import Kind

# words of the statement -> (kind of the document, columns)
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "STORAGE CREDENTIAL": ("storage_credential", ("name", "owner", "created_at", "created_by", "comment")),
    "CREDENTIAL": ("storage_credential", ("name", "owner", "created_at", "created_by", "comment")),
    "EXTERNAL LOCATION": (
        "external_location",
        ("name", "url", "credential_name", "read_only", "owner", "created_at", "created_by", "comment"),
    ),
    "CONNECTION": ("connection", ("name", "connection_type", "owner", "created_at", "created_by", "comment")),
}


def _like(reader: Reader) -> str | None:
    reader.accept("LIKE")
    return reader.string() if reader.token.kind is Kind.STRING else None


def _cell(doc: Doc, column: str) -> str:
    value = doc.get(column, "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_list(words: str) -> Callable[[Reader], Statement]:
    """SHOW {STORAGE CREDENTIALS | CREDENTIALS | EXTERNAL LOCATIONS | CONNECTIONS} [LIKE 'pattern']."""
    kind, columns = _KINDS[words]

    def parse(reader: Reader) -> Statement:
        reader.expect(*f"{words}S".split())
        pattern = _like(reader)
        reader.finish()

        def run(s: Session) -> pa.Table:
            every = s.store.list(s.ms, kind)
            docs = [doc for doc in every if grants.visible(s, kind, (doc["name"],)) and matches(doc["name"], pattern)]
            return texts(columns, [[_cell(doc, column) for column in columns] for doc in docs])

        return read(f"SHOW_{words.replace(' ', '_')}S", run)

    return parse


def parse_describe(words: str) -> Callable[[Reader], Statement]:
    """DESCRIBE {STORAGE CREDENTIAL | CREDENTIAL | EXTERNAL LOCATION | CONNECTION} name: one row per fact."""
    kind, columns = _KINDS[words]

    def parse(reader: Reader) -> Statement:
        reader.expect(*words.split())
        name = reader.identifier()
        reader.finish()

        def run(s: Session) -> pa.Table:
            doc = external.get(s, kind, name)
            return texts(("info_name", "info_value"), [(column, _cell(doc, column)) for column in columns])

        return read(f"DESCRIBE_{words.replace(' ', '_')}", run)

    return parse


def parse_users(reader: Reader) -> Statement:
    """SHOW USERS [LIKE 'pattern']."""
    reader.expect("USERS")
    pattern = _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        found = {doc["userName"] for doc in s.store.list(s.ms, "user")} | {s.metastore.owner}
        return texts(("name",), [(name,) for name in sorted(found) if matches(name, pattern)])

    return read("SHOW_USERS", run)


def parse_groups(reader: Reader) -> Statement:
    """SHOW GROUPS [WITH {USER | GROUP} name] [LIKE 'pattern']."""
    reader.expect("GROUPS")
    member = reader.principal().lower() if reader.accept("WITH", "USER") or reader.accept("WITH", "GROUP") else None
    pattern = _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        docs = s.store.list(s.ms, "group")
        among = [doc for doc in docs if member is None or member in doc.get("_members", ())]
        rows = [(doc["displayName"], str(member is not None).lower()) for doc in among]
        return texts(("name", "directGroup"), [row for row in rows if matches(row[0], pattern)])

    return read("SHOW_GROUPS", run)


SHOW = {f"{words}S": parse_list(words) for words in _KINDS} | {"USERS": parse_users, "GROUPS": parse_groups}
DESCRIBE = {words: parse_describe(words) for words in _KINDS}
