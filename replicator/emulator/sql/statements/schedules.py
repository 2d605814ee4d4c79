"""When streaming tables and materialized views are refreshed: kept as written. Nothing here refreshes by the clock."""

from __future__ import annotations

from replicator.emulator import grants, tables
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import alter_table, views

_UNITS = ("HOUR", "HOURS", "DAY", "DAYS", "WEEK", "WEEKS")


def read(reader: Reader) -> str | None:
    """`SCHEDULE [REFRESH] {EVERY n HOURS | CRON '…' [AT TIME ZONE '…']}` or `TRIGGER ON UPDATE …`; None for neither."""
    start = reader.token.start
    if reader.accept("TRIGGER", "ON", "UPDATE"):
        if reader.accept("AT", "MOST", "EVERY", "INTERVAL"):
            reader.number()
            reader.identifier()
    elif reader.accept("SCHEDULE"):
        reader.accept("REFRESH")
        if reader.accept("EVERY"):
            reader.number()
            if reader.accept_any(*_UNITS) is None:
                raise reader.error("HOURS, DAYS or WEEKS")
        else:
            reader.expect("CRON")
            reader.string()
            if reader.accept("AT", "TIME", "ZONE"):
                reader.string()
    else:
        return None
    return " ".join(reader.text[start : reader.token.start].split())


def parse_alter_view(reader: Reader) -> Statement:
    """MATERIALIZED VIEW v {ADD | ALTER | DROP} SCHEDULE, and what else can be changed of a view."""
    return _parse(reader, ("MATERIALIZED", "VIEW")) or views.parse_alter(reader)


def parse_alter_table(reader: Reader) -> Statement:
    """STREAMING TABLE t {ADD | ALTER | DROP} SCHEDULE, and what else can be changed of a table."""
    return _parse(reader, ("STREAMING", "TABLE")) or alter_table.parse(reader)


def _parse(reader: Reader, words: tuple[str, ...]) -> Statement | None:
    mark = reader.mark()
    reader.expect(*words)
    reader.if_exists()
    name = reader.name()
    word = reader.accept_any("ADD", "ALTER", "DROP")
    if word is None or not (reader.peek("SCHEDULE") or reader.peek("TRIGGER")):
        reader.reset(mark)
        return None
    schedule = "" if word == "DROP" and reader.accept("SCHEDULE") else read(reader)
    reader.finish()
    return write("ALTER_SCHEDULE", lambda s: _change(s, name, word, schedule))


def _change(s: Session, name: Name, word: str, schedule: str | None) -> None:
    doc = names.lookup(s, name)
    if doc["table_type"] not in names.PIPELINE_TABLES:
        message = f"`{doc['full_name']}` is neither a streaming table nor a materialized view."
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", message)
    grants.require_manage(s, "table", names.parts_of(doc))
    if (word == "ADD") == bool(doc.get("_schedule")):
        state = "has a schedule already" if word == "ADD" else "has no schedule"
        raise SqlError("INVALID_SCHEDULE", "42000", f"`{doc['full_name']}` {state}.")
    tables.update_table(s, *names.parts_of(doc), {"_schedule": schedule})
