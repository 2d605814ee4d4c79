"""Shares and recipients in SQL: CREATE, ALTER, DROP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from replicator.emulator import providers, shares
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.tokens import Kind

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


_DELETE: dict[str, Callable[[Session, str], object]] = {
    "SHARE": shares.delete_share,
    "RECIPIENT": shares.delete_recipient,
    "PROVIDER": providers.delete_provider,
}


def _drop(s: Session, kind: str, name: str, if_exists: bool) -> None:
    try:
        _DELETE[kind](s, name)
    except ApiError as error:
        if not (if_exists and error.error_code == f"{kind}_DOES_NOT_EXIST"):
            raise


def parse_alter_recipient(reader: Reader) -> Statement:
    """ALTER RECIPIENT r {RENAME TO | [SET] OWNER TO | SET PROPERTIES}."""
    reader.expect("RECIPIENT")
    name = reader.identifier()
    changes = _plain_changes(reader)
    if changes is None:
        if reader.accept("UNSET", "PROPERTIES"):
            gone = reader.in_parentheses(reader.property_key)
            reader.finish()
            return write("ALTER_RECIPIENT", lambda s: _set_properties(s, name, {}, gone))
        reader.expect("SET", "PROPERTIES")
        added = reader.properties()
        reader.finish()
        return write("ALTER_RECIPIENT", lambda s: _set_properties(s, name, added, ()))
    reader.finish()
    return write("ALTER_RECIPIENT", lambda s: shares.update_recipient(s, name, changes))


def _set_properties(s: Session, name: str, added: Mapping[str, str], gone: Collection[str]) -> None:
    """SQL adds to the properties of a recipient and removes from them; REST replaces them all."""
    before = (shares.get_recipient(s, name).get("properties_kvpairs") or {}).get("properties") or {}
    kept = {key: value for key, value in before.items() if key not in gone and not key.startswith("databricks.")}
    shares.update_recipient(s, name, {"properties_kvpairs": {"properties": kept | dict(added)}})


def parse_alter_provider(reader: Reader) -> Statement:
    """ALTER PROVIDER p {RENAME TO | [SET] OWNER TO}."""
    reader.expect("PROVIDER")
    name = reader.identifier()
    changes = _plain_changes(reader)
    if changes is None:
        raise reader.error("RENAME TO or OWNER TO")
    reader.finish()
    return write("ALTER_PROVIDER", lambda s: providers.update_provider(s, name, changes))


def parse_drop_provider(reader: Reader) -> Statement:
    """DROP PROVIDER [IF EXISTS] p."""
    reader.expect("PROVIDER")
    if_exists, name = reader.if_exists(), reader.identifier()
    reader.finish()
    return write("DROP_PROVIDER", lambda s: _drop(s, "PROVIDER", name, if_exists))


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
        elif reader.accept("PARTITION"):
            options["partitions"] = [{"values": values} for values in _partitions(reader)]
        else:
            raise reader.error("a clause of ALTER SHARE")
    return options


def _partitions(reader: Reader) -> list[list[Doc]]:
    """`(a = 1, b LIKE 'x%'), (a = CURRENT_RECIPIENT().country)`: rows of any of them are shared."""
    found = [reader.in_parentheses(lambda: _partition_value(reader))]
    while reader.accept(",", "PARTITION") or reader.accept(","):
        found.append(reader.in_parentheses(lambda: _partition_value(reader)))
    return found


def _partition_value(reader: Reader) -> Doc:
    doc: Doc = {"name": reader.identifier()}
    if reader.accept("LIKE"):
        return doc | {"op": "LIKE", "value": reader.string()}
    reader.expect("=")
    if reader.accept("CURRENT_RECIPIENT", "(", ")", "."):
        return doc | {"op": "EQUAL", "recipient_property_key": reader.identifier()}
    if reader.accept("DATE"):
        return doc | {"op": "EQUAL", "value": reader.string()}
    return doc | {"op": "EQUAL", "value": reader.string() if reader.token.kind is Kind.STRING else reader.take().text}


def _alter(s: Session, name: str, action: str, kind: str, object_name: Name, options: Doc) -> None:
    full = ".".join(names.qualify_schema(s, object_name) if kind == "SCHEMA" else names.qualify(s, object_name))
    given = {"name": full, "data_object_type": kind, **options}
    shares.update_share(s, name, updates=[{"action": action, "data_object": given}])
