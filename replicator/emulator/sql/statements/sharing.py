"""Shares and recipients in SQL: CREATE, ALTER, DROP."""

from __future__ import annotations

from replicator.emulator import shares
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write

_OBJECTS = (
    ("MATERIALIZED VIEW", "MATERIALIZED_VIEW"),
    ("STREAMING TABLE", "STREAMING_TABLE"),
    ("SCHEMA", "SCHEMA"),
    ("DATABASE", "SCHEMA"),
    ("TABLE", "TABLE"),
    ("VIEW", "VIEW"),
    ("VOLUME", "VOLUME"),
    ("MODEL", "MODEL"),
    ("FUNCTION", "FUNCTION"),
)


def parse_create_share(reader: Reader) -> Statement:
    """SHARE [IF NOT EXISTS] s [COMMENT '…']."""
    reader.expect("SHARE")
    if_not_exists = reader.if_not_exists()
    doc: Doc = {"name": reader.identifier()}
    if reader.accept("COMMENT"):
        doc["comment"] = reader.string()
    reader.finish()
    return write("CREATE_SHARE", lambda s: shares.create_share(s, doc, if_not_exists))


def parse_drop_share(reader: Reader) -> Statement:
    """DROP SHARE [IF EXISTS] s."""
    reader.expect("SHARE")
    if_exists, name = reader.if_exists(), reader.identifier()
    reader.finish()
    return write("DROP_SHARE", lambda s: _drop(s, "SHARE", name, if_exists))


def parse_create_recipient(reader: Reader) -> Statement:
    """RECIPIENT [IF NOT EXISTS] r [USING ID '…'] [COMMENT '…'] [PROPERTIES (…)]."""
    reader.expect("RECIPIENT")
    if_not_exists = reader.if_not_exists()
    doc: Doc = {"name": reader.identifier()}
    while not reader.at_end():
        if reader.accept("USING", "ID"):
            doc |= {"authentication_type": "DATABRICKS", "data_recipient_global_metastore_id": reader.string()}
        elif reader.accept("COMMENT"):
            doc["comment"] = reader.string()
        elif reader.accept("PROPERTIES"):
            doc["properties_kvpairs"] = {"properties": reader.properties()}
        else:
            raise reader.error("a clause of CREATE RECIPIENT")
    doc.setdefault("authentication_type", "TOKEN")
    return write("CREATE_RECIPIENT", lambda s: shares.create_recipient(s, doc, if_not_exists))


def parse_drop_recipient(reader: Reader) -> Statement:
    """DROP RECIPIENT [IF EXISTS] r."""
    reader.expect("RECIPIENT")
    if_exists, name = reader.if_exists(), reader.identifier()
    reader.finish()
    return write("DROP_RECIPIENT", lambda s: _drop(s, "RECIPIENT", name, if_exists))


def _drop(s: Session, kind: str, name: str, if_exists: bool) -> None:
    try:
        (shares.delete_share if kind == "SHARE" else shares.delete_recipient)(s, name)
    except ApiError as error:
        if not (if_exists and error.error_code == f"{kind}_DOES_NOT_EXIST"):
            raise


def parse_alter_recipient(reader: Reader) -> Statement:
    """ALTER RECIPIENT r {RENAME TO | [SET] OWNER TO | SET PROPERTIES}."""
    reader.expect("RECIPIENT")
    name = reader.identifier()
    changes = _plain_changes(reader)
    if changes is None:
        reader.expect("SET", "PROPERTIES")
        changes = {"properties_kvpairs": {"properties": reader.properties()}}
    reader.finish()
    return write("ALTER_RECIPIENT", lambda s: shares.update_recipient(s, name, changes))


def _plain_changes(reader: Reader) -> Doc | None:
    if reader.accept("RENAME", "TO"):
        return {"new_name": reader.identifier()}
    if reader.accept("SET", "OWNER", "TO") or reader.accept("OWNER", "TO"):
        return {"owner": reader.principal()}
    return None


def parse_alter_share(reader: Reader) -> Statement:
    """ALTER SHARE s {ADD | ALTER | REMOVE} object … | RENAME TO | [SET] OWNER TO."""
    reader.expect("SHARE")
    name = reader.identifier()
    changes = _plain_changes(reader)
    if changes is not None:
        reader.finish()
        return write("ALTER_SHARE", lambda s: shares.update_share(s, name, changes))
    word = reader.accept_any("ADD", "ALTER", "REMOVE")
    if word is None:
        raise reader.error("ADD, ALTER or REMOVE")
    kind, object_name = _object(reader)
    options = _options(reader, kind, object_name) if word != "REMOVE" else {}
    reader.finish()
    action = {"ADD": "ADD", "ALTER": "UPDATE", "REMOVE": "REMOVE"}[word]
    return write("ALTER_SHARE", lambda s: _alter(s, name, action, kind, object_name, options))


def _object(reader: Reader) -> tuple[str, Name]:
    for words, kind in _OBJECTS:
        if reader.accept(*words.split()):
            return kind, reader.name()
    raise reader.error("a kind of shared object")


def _options(reader: Reader, kind: str, object_name: Name) -> Doc:
    """Clauses of ADD. Databricks documents that SQL shares tables WITH HISTORY unless told otherwise."""
    options: Doc = {"history_data_sharing_status": "ENABLED"} if kind == "TABLE" else {}
    while not reader.at_end():
        if reader.accept("COMMENT"):
            options["comment"] = reader.string()
        elif reader.accept("AS"):
            alias = ".".join(reader.name())
            options["string_shared_as" if kind in ("VOLUME", "FUNCTION", "MODEL") else "shared_as"] = alias
        elif reader.accept("WITH", "HISTORY"):
            options["history_data_sharing_status"] = "ENABLED"
        elif reader.accept("WITHOUT", "HISTORY"):
            options["history_data_sharing_status"] = "DISABLED"
        elif reader.accept("WITH", "CHANGE", "DATA", "FEED"):
            options["cdf_enabled"] = True
            if reader.accept("START", "VERSION"):
                options["start_version"] = reader.number()
        elif reader.peek("PARTITION"):
            raise translate.unsupported(reader.text)
        else:
            raise reader.error("a clause of ALTER SHARE")
    return options


def _alter(s: Session, name: str, action: str, kind: str, object_name: Name, options: Doc) -> None:
    full = ".".join(names.qualify_schema(s, object_name) if kind == "SCHEMA" else names.qualify(s, object_name))
    given = {"name": full, "data_object_type": kind, **options}
    shares.update_share(s, name, updates=[{"action": action, "data_object": given}])
