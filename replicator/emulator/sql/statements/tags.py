"""SET TAGS and UNSET TAGS on every object and column, in the ALTER form and the SET TAG ON form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replicator.emulator import tags
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.tokens import Kind

Where = Callable[[Session], Sequence[str]]

_WORDS = {
    "CATALOG": "catalogs",
    "SCHEMA": "schemas",
    "DATABASE": "schemas",
    "TABLE": "tables",
    "VIEW": "tables",
    "COLUMN": "columns",
    "VOLUME": "volumes",
    "FUNCTION": "functions",
}


def parse_tags(reader: Reader, kind: str, entity: str, where: Where) -> Statement | None:
    """SET TAGS ('k' = 'v', 'k2') or UNSET TAGS ('k', …) at the cursor; None when something else is there."""
    if reader.accept("SET", "TAGS"):
        values = dict(reader.in_parentheses(lambda: _tag(reader)))
        reader.finish()
        return write(kind, lambda s: _set(s, entity, where(s), values))
    if reader.accept("UNSET", "TAGS"):
        reader.if_exists()
        keys = reader.in_parentheses(lambda: _key(reader))
        reader.finish()
        return write(kind, lambda s: _unset(s, entity, where(s), keys))
    return None


def parse_set_tag_on(reader: Reader) -> Statement:
    """SET TAG ON object key [= value]; UNSET TAG ON object key."""
    setting = reader.accept("SET")
    if not setting:
        reader.expect("UNSET")
    reader.expect("TAG", "ON")
    word = reader.accept_any(*_WORDS)
    if word is None:
        raise reader.error("a kind of object")
    name = reader.name()
    key = _key(reader)
    value = _key(reader) if setting and reader.accept("=") else ""
    reader.finish()

    def where(s: Session) -> Sequence[str]:
        return entity_parts(s, _WORDS[word], name)

    if setting:
        return write("SET_TAG", lambda s: _set(s, _WORDS[word], where(s), {key: value}))
    return write("UNSET_TAG", lambda s: _unset(s, _WORDS[word], where(s), [key]))


def entity_parts(s: Session, entity: str, name: Name) -> Sequence[str]:
    """The full name parts of an entity, lower case but for the column."""
    if entity == "catalogs":
        return (name[0].lower(),)
    if entity == "schemas":
        return names.qualify_schema(s, name)
    if entity == "columns":
        return (*names.qualify(s, name[:-1]), name[-1])
    return names.qualify(s, name)


def _key(reader: Reader) -> str:
    return reader.string() if reader.token.kind is Kind.STRING else reader.identifier()


def _tag(reader: Reader) -> tuple[str, str]:
    key = _key(reader)
    return key, _key(reader) if reader.accept("=") else ""


def _set(s: Session, entity: str, parts: Sequence[str], values: dict[str, str]) -> None:
    with s.store.transaction():
        for key, value in values.items():
            tags.assign(s, entity, parts, key, value)


def _unset(s: Session, entity: str, parts: Sequence[str], keys: list[str]) -> None:
    """UNSET of a tag that is not set is no error, with or without IF EXISTS."""
    with s.store.transaction():
        for key in keys:
            tags.unassign(s, entity, parts, key)
