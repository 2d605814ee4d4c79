"""Catalogs and schemas: CREATE, DROP, ALTER, USE."""

from __future__ import annotations

from replicator.emulator import securables, tables
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import tags

SCHEMA_WORDS = ("SCHEMA", "DATABASE")


# ---- CREATE


def parse_create_catalog(reader: Reader) -> Statement:
    """CATALOG [IF NOT EXISTS] c [USING SHARE provider.share] [MANAGED LOCATION '…'] [COMMENT '…'] [OPTIONS (…)]."""
    reader.accept("FOREIGN")
    reader.expect("CATALOG")
    if_not_exists = reader.if_not_exists()
    doc: Doc = {"name": reader.identifier()}
    while not reader.at_end():
        if reader.accept("USING", "SHARE"):
            doc["provider_name"], doc["share_name"] = _share_name(reader)
        elif reader.accept("USING", "CONNECTION"):
            raise translate.unsupported(reader.text)
        elif reader.accept("MANAGED", "LOCATION"):
            doc["storage_root"] = reader.string()
        elif reader.accept("COMMENT"):
            doc["comment"] = reader.string()
        elif reader.accept("OPTIONS"):
            doc["options"] = reader.properties()
        elif reader.accept("DEFAULT", "COLLATION"):
            reader.identifier()
        else:
            raise reader.error("a clause of CREATE CATALOG")
    return write("CREATE_CATALOG", lambda s: securables.create_catalog(s, doc, if_not_exists))


def _share_name(reader: Reader) -> Name:
    name = reader.name()
    if len(name) != 2:
        raise reader.error("provider.share")
    return name


def parse_create_schema(reader: Reader) -> Statement:
    """SCHEMA [IF NOT EXISTS] [c.]s [COMMENT '…'] [MANAGED LOCATION '…'] [WITH DBPROPERTIES (…)]."""
    reader.take()
    if_not_exists = reader.if_not_exists()
    name = reader.name()
    doc: Doc = {}
    while not reader.at_end():
        if reader.accept("COMMENT"):
            doc["comment"] = reader.string()
        elif reader.accept("MANAGED", "LOCATION"):
            doc["storage_root"] = reader.string()
        elif reader.accept("WITH", "DBPROPERTIES") or reader.accept("DBPROPERTIES"):
            doc["properties"] = reader.properties()
        elif reader.accept("DEFAULT", "COLLATION"):
            reader.identifier()
        else:
            raise reader.error("a clause of CREATE SCHEMA")

    def effect(s: Session) -> None:
        catalog, schema = names.qualify_schema(s, name)
        securables.create_schema(s, doc | {"catalog_name": catalog, "name": schema}, if_not_exists)

    return write("CREATE_SCHEMA", effect)


# ---- DROP


def parse_drop_catalog(reader: Reader) -> Statement:
    """DROP CATALOG [IF EXISTS] c [RESTRICT | CASCADE]."""
    reader.expect("CATALOG")
    if_exists = reader.if_exists()
    name = reader.identifier()
    force = _cascade(reader)
    return write("DROP_CATALOG", lambda s: _drop_catalog(s, name, if_exists, force))


def parse_drop_schema(reader: Reader) -> Statement:
    """DROP SCHEMA [IF EXISTS] [c.]s [RESTRICT | CASCADE]."""
    reader.take()
    if_exists = reader.if_exists()
    name = reader.name()
    force = _cascade(reader)
    return write("DROP_SCHEMA", lambda s: _drop_schema(s, name, if_exists, force))


def _cascade(reader: Reader) -> bool:
    force = reader.accept("CASCADE")
    if not force:
        reader.accept("RESTRICT")
    reader.finish()
    return force


def _drop_catalog(s: Session, name: str, if_exists: bool, force: bool) -> None:
    try:
        only_default = not force and _is_empty_but_default(s, name)
        securables.delete_catalog(s, name, force or only_default)
    except ApiError as error:
        if not (if_exists and error.error_code == "CATALOG_DOES_NOT_EXIST"):
            raise


def _is_empty_but_default(s: Session, name: str) -> bool:
    """RESTRICT tolerates an empty `default` schema, which every catalog is created with."""
    schemas = [doc["name"] for doc in securables.list_schemas(s, name) if doc["name"] != "information_schema"]
    if any(schema != "default" for schema in schemas):
        return False
    return not any(s.store.count(s.ms, kind, name, "default") for kind in securables.IN_SCHEMA)


def _drop_schema(s: Session, name: Name, if_exists: bool, force: bool) -> None:
    catalog, schema = names.qualify_schema(s, name)
    try:
        if not force:
            _require_no_tables(s, catalog, schema)
        securables.delete_schema(s, catalog, schema, force)
    except ApiError as error:
        if not (if_exists and error.error_code in ("SCHEMA_DOES_NOT_EXIST", "CATALOG_DOES_NOT_EXIST")):
            raise


def _require_no_tables(s: Session, catalog: str, schema: str) -> None:
    if tables.list_tables(s, catalog, schema, include_hidden=True):
        message = (
            f"Cannot drop a schema `{catalog}`.`{schema}` because it contains objects. Use DROP SCHEMA ... CASCADE to"
            " drop the schema and all its objects."
        )
        raise SqlError("SCHEMA_NOT_EMPTY", "2BP01", message)


# ---- ALTER


def parse_alter_catalog(reader: Reader) -> Statement:
    """ALTER CATALOG c {OWNER TO | SET OWNER TO | SET TAGS | UNSET TAGS | RENAME TO | … PREDICTIVE OPTIMIZATION}."""
    reader.expect("CATALOG")
    name = () if reader.peek("SET") or reader.peek("OWNER") else (reader.identifier(),)

    def update(s: Session, changes: Doc) -> None:
        securables.update_catalog(s, *(name or (names.current_catalog(s),)), changes)

    tagged = tags.parse_tags(reader, "ALTER_CATALOG", "catalogs", lambda s: name or (names.current_catalog(s),))
    if tagged is not None:
        return tagged
    changes = _container_changes(reader)
    return write("ALTER_CATALOG", lambda s: update(s, changes))


def parse_alter_schema(reader: Reader) -> Statement:
    """ALTER SCHEMA s {OWNER TO | SET DBPROPERTIES | SET TAGS | UNSET TAGS | … PREDICTIVE OPTIMIZATION}."""
    reader.take()
    name = reader.name()
    tagged = tags.parse_tags(reader, "ALTER_SCHEMA", "schemas", lambda s: names.qualify_schema(s, name))
    if tagged is not None:
        return tagged
    if reader.accept("SET", "DBPROPERTIES"):
        added = reader.properties()
        reader.finish()
        return write("ALTER_SCHEMA", lambda s: _set_properties(s, name, added))
    changes = _container_changes(reader)
    return write("ALTER_SCHEMA", lambda s: securables.update_schema(s, *names.qualify_schema(s, name), changes))


def _set_properties(s: Session, name: Name, added: dict[str, str]) -> None:
    parts = names.qualify_schema(s, name)
    current = securables.get_schema(s, *parts).get("properties", {})
    securables.update_schema(s, *parts, {"properties": current | added})


def _container_changes(reader: Reader) -> Doc:
    changes: Doc
    if reader.accept("RENAME", "TO"):
        changes = {"new_name": reader.name()[-1]}
    elif reader.accept("SET", "OWNER", "TO") or reader.accept("OWNER", "TO"):
        changes = {"owner": reader.principal()}
    elif word := reader.accept_any("ENABLE", "DISABLE", "INHERIT"):
        reader.expect("PREDICTIVE", "OPTIMIZATION")
        changes = {"enable_predictive_optimization": word}
    else:
        raise reader.error("a clause of ALTER that the emulator supports")
    reader.finish()
    return changes


# ---- USE


def parse_use(reader: Reader) -> Statement:
    """USE [CATALOG | SCHEMA | DATABASE] name; `USE c.s` sets both."""
    reader.expect("USE")
    word = reader.accept_any("CATALOG", *SCHEMA_WORDS)
    name = reader.name()
    reader.finish()
    return Statement("USE", False, write("USE", lambda s: _use(s, name, word)).run)


def parse_set_catalog(reader: Reader) -> Statement:
    """SET CATALOG c."""
    reader.expect("SET", "CATALOG")
    name = reader.name()
    reader.finish()
    return Statement("USE", False, write("USE", lambda s: _use(s, name, "CATALOG")).run)


def _use(s: Session, name: Name, word: str | None) -> None:
    if word == "CATALOG":
        s.catalog, s.schema = securables.get_catalog(s, name[0])["name"], "default"
        return
    catalog, schema = names.qualify_schema(s, name)
    securables.get_schema(s, catalog, schema)
    s.catalog, s.schema = catalog, schema
