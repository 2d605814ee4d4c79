"""SET, RESET and EXPLAIN."""

from __future__ import annotations

import pyarrow as pa

from replicator.emulator import engine
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import query
from replicator.emulator.sql.reader import Reader
from replicator.emulator.sql.statement import Result, Statement, read, texts
from replicator.emulator.sql.tokens import Kind

_ZONES = frozenset({"timezone", "spark.sql.session.timezone"})


def parse_set(reader: Reader) -> Statement:
    """SET; SET key; SET key = value."""
    reader.expect("SET")
    if reader.peek("TIME", "ZONE"):
        reader.take(), reader.take()
        value = reader.rest().strip("'\"")
        value = "UTC" if value.upper() in ("LOCAL", "Z", "UTC") else value
        return Statement("SET", False, lambda s: _set(s, "timezone", value))
    if reader.at_end():
        return read("SET", lambda s: texts(("key", "value"), sorted(s.conf.items())))
    key = reader.property_key() if reader.token.kind is Kind.STRING else ".".join(reader.name())
    if not reader.accept("="):
        reader.finish()
        return read("SET", lambda s: texts(("key", "value"), [(key, s.conf.get(key.lower(), "<undefined>"))]))
    value = reader.rest().strip("'\"`")
    return Statement("SET", False, lambda s: _set(s, key, value))


def _set(s: Session, key: str, value: str) -> Result:
    if key.lower() in _ZONES and value != "UTC" and not engine.is_zone(value):
        message = f"Cannot resolve the given timezone `{value}`."
        raise SqlError("INVALID_CONF_VALUE.TIME_ZONE", "22022", message)
    s.conf[key.lower()] = value
    return Result(texts(("key", "value"), [(key, value)]), kind="SET")


def parse_reset(reader: Reader) -> Statement:
    """RESET; RESET key."""
    reader.expect("RESET")
    key = None if reader.at_end() else ".".join(reader.name())
    reader.finish()
    return Statement("RESET", False, lambda s: _reset(s, key))


def _reset(s: Session, key: str | None) -> Result:
    if key is None:
        s.conf.clear()
    else:
        s.conf.pop(key.lower(), None)
    return Result(pa.table({}), kind="RESET")


def parse_explain(reader: Reader) -> Statement:
    """EXPLAIN [EXTENDED | FORMATTED | …] query: checks the query, and shows what the engine would run."""
    reader.expect("EXPLAIN")
    reader.accept_any("EXTENDED", "FORMATTED", "CODEGEN", "COST")
    text = reader.rest()
    return read("EXPLAIN", lambda s: texts(("plan",), [("== Engine query ==\n" + query.bind(s, text).sql,)]))
