"""Volumes: CREATE, ALTER, DROP."""

from __future__ import annotations

from replicator.emulator import volumes
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import tags


def parse_create(reader: Reader) -> Statement:
    """[EXTERNAL] VOLUME [IF NOT EXISTS] v [LOCATION '…'] [COMMENT '…']."""
    kind = "EXTERNAL" if reader.accept("EXTERNAL") else "MANAGED"
    reader.expect("VOLUME")
    if_not_exists = reader.if_not_exists()
    name = reader.name()
    doc: Doc = {"volume_type": kind}
    while not reader.at_end():
        if reader.accept("LOCATION"):
            doc["storage_location"] = reader.string()
        elif reader.accept("COMMENT"):
            doc["comment"] = reader.string()
        else:
            raise reader.error("a clause of CREATE VOLUME")

    def effect(s: Session) -> None:
        catalog, schema, volume = names.qualify(s, name)
        given = doc | {"catalog_name": catalog, "schema_name": schema, "name": volume}
        volumes.create_volume(s, given, if_not_exists)

    return write("CREATE_VOLUME", effect)


def parse_drop(reader: Reader) -> Statement:
    """DROP VOLUME [IF EXISTS] v."""
    reader.expect("VOLUME")
    if_exists, name = reader.if_exists(), reader.name()
    reader.finish()
    return write("DROP_VOLUME", lambda s: drop(s, "volume", name, if_exists))


def drop(s: Session, kind: str, name: Name, if_exists: bool) -> None:
    """Drop a volume or function."""
    try:
        volumes.delete(s, kind, names.qualify(s, name))
    except ApiError as error:
        if not (if_exists and error.status == 404):
            raise


def parse_alter(reader: Reader) -> Statement:
    """ALTER VOLUME v {RENAME TO | [SET] OWNER TO | SET TAGS | UNSET TAGS}."""
    reader.expect("VOLUME")
    name = reader.name()
    tagged = tags.parse_tags(reader, "ALTER_VOLUME", "volumes", lambda s: names.qualify(s, name))
    if tagged is not None:
        return tagged
    changes: Doc
    if reader.accept("RENAME", "TO"):
        changes = {"new_name": reader.name()[-1]}
    elif reader.accept("SET", "OWNER", "TO") or reader.accept("OWNER", "TO"):
        changes = {"owner": reader.principal()}
    else:
        raise reader.error("RENAME TO, OWNER TO or TAGS")
    reader.finish()
    return write("ALTER_VOLUME", lambda s: volumes.update(s, "volume", names.qualify(s, name), changes))
