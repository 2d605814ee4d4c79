"""Which statement is it: the first words choose the family that reads the rest."""

from __future__ import annotations

import re
from collections.abc import Callable

from replicator.emulator.session import Session
from replicator.emulator.sql import history_union, query, translate
from replicator.emulator.sql.reader import Reader
from replicator.emulator.sql.statement import Result, Statement
from replicator.emulator.sql.statements import (
    alter_table,
    catalogs,
    clone,
    comments,
    copy_into,
    create_table,
    delete,
    describe,
    drop,
    functions,
    grants,
    insert,
    maintenance,
    merge,
    pipelines,
    schedules,
    settings,
    sharing,
    show,
    show_create,
    show_metadata,
    show_security,
    tags,
    views,
    volumes,
)

Parse = Callable[[Reader], Statement]

# First words of Databricks statements that the emulator does not know.
_OTHER_WORDS = (
    "ADD",
    "BEGIN",
    "CACHE",
    "CALL",
    "CLEAR",
    "CONVERT",
    "DECLARE",
    "EXECUTE",
    "GENERATE",
    "GET",
    "LIST",
    "LOAD",
    "MSCK",
    "PUT",
    "REMOVE",
    "REPAIR",
    "SYNC",
    "UNCACHE",
    "UNDROP",
    "UNSET",
)
_QUERY = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:(?:SELECT|WITH|VALUES|FROM|TABLE)\b|\()", re.IGNORECASE | re.DOTALL
)


def parse(text: str) -> Statement:
    """Parse one statement. Raises SqlError PARSE_SYNTAX_ERROR, and UNSUPPORTED_FEATURE for one that is not known."""
    if _QUERY.match(text):
        query_text = text.rstrip().rstrip(";")
        return Statement("SELECT", False, lambda s: _select(s, query_text))
    reader = Reader(text)
    if reader.at_end():
        raise reader.error("a statement")
    return _choose(reader, _STATEMENTS)(reader)


def _select(s: Session, text: str) -> Result:
    versions = history_union.select(s, text)
    return Result(query.select(s, text) if versions is None else versions)


def _choose(reader: Reader, table: dict[str, Parse]) -> Parse:
    """The longest entry of words that the statement begins with."""
    for words in sorted(table, key=lambda key: -len(key)):
        if reader.peek(*words.split()):
            return table[words]
    if table is not _STATEMENTS or any(reader.peek(word) for word in _OTHER_WORDS):
        raise translate.unsupported(reader.text)
    raise reader.error()


def _create(reader: Reader) -> Statement:
    reader.expect("CREATE")
    replaces = reader.accept("OR", "REPLACE")
    if replaces or not reader.peek("OR", "REFRESH"):
        temporary = reader.accept("TEMPORARY") or reader.accept("TEMP")
        if temporary and not reader.peek("VIEW"):
            raise translate.unsupported(reader.text)
        if reader.peek("TABLE") or reader.peek("EXTERNAL", "TABLE"):
            return _create_table(reader, replaces)
        if reader.peek("VIEW"):
            return views.parse_create(reader, replaces, temporary)
        if reader.peek("FUNCTION"):
            return functions.parse_create(reader, replaces)
        if reader.peek("MATERIALIZED", "VIEW"):
            return pipelines.parse_create(reader, replaces)
    return _choose(reader, _CREATE)(reader)


def _create_table(reader: Reader, replaces: bool) -> Statement:
    mark = reader.mark()
    found = clone.parse(reader, replaces)
    if found is not None:
        return found
    reader.reset(mark)
    return create_table.parse(reader, replaces)


def _drop(reader: Reader) -> Statement:
    reader.expect("DROP")
    return _choose(reader, _DROP)(reader)


def _alter(reader: Reader) -> Statement:
    reader.expect("ALTER")
    return _choose(reader, _ALTER)(reader)


def _show(reader: Reader) -> Statement:
    reader.expect("SHOW")
    return _choose(reader, _SHOW)(reader)


def _describe(reader: Reader) -> Statement:
    reader.take()
    return (
        _choose(reader, _DESCRIBE)(reader)
        if any(reader.peek(*k.split()) for k in _DESCRIBE)
        else describe.parse_table(reader)
    )


_CREATE: dict[str, Parse] = {
    "CATALOG": catalogs.parse_create_catalog,
    "FOREIGN CATALOG": catalogs.parse_create_catalog,
    "SCHEMA": catalogs.parse_create_schema,
    "DATABASE": catalogs.parse_create_schema,
    "SHARE": sharing.parse_create_share,
    "RECIPIENT": sharing.parse_create_recipient,
    "VOLUME": volumes.parse_create,
    "EXTERNAL VOLUME": volumes.parse_create,
    "STREAMING TABLE": pipelines.parse_create,
    "OR REFRESH STREAMING TABLE": pipelines.parse_create,
}
_DROP: dict[str, Parse] = {
    "CATALOG": catalogs.parse_drop_catalog,
    "SCHEMA": catalogs.parse_drop_schema,
    "DATABASE": catalogs.parse_drop_schema,
    "TABLE": drop.parse_table,
    "STREAMING TABLE": drop.parse_table,
    "VIEW": drop.parse_view,
    "MATERIALIZED VIEW": drop.parse_view,
    "VOLUME": volumes.parse_drop,
    "FUNCTION": functions.parse_drop,
    "SHARE": sharing.parse_drop_share,
    "RECIPIENT": sharing.parse_drop_recipient,
    "PROVIDER": sharing.parse_drop_provider,
}
_ALTER: dict[str, Parse] = {
    "CATALOG": catalogs.parse_alter_catalog,
    "SCHEMA": catalogs.parse_alter_schema,
    "DATABASE": catalogs.parse_alter_schema,
    "TABLE": alter_table.parse,
    "STREAMING TABLE": schedules.parse_alter_table,
    "VIEW": views.parse_alter,
    "MATERIALIZED VIEW": schedules.parse_alter_view,
    "VOLUME": volumes.parse_alter,
    "SHARE": sharing.parse_alter_share,
    "RECIPIENT": sharing.parse_alter_recipient,
    "PROVIDER": sharing.parse_alter_provider,
}
_SHOW: dict[str, Parse] = {
    "CATALOGS": show.parse_catalogs,
    "SCHEMAS": show.parse_schemas,
    "DATABASES": show.parse_schemas,
    "TABLES": show.parse_tables,
    "TABLE EXTENDED": show.parse_table_extended,
    "VIEWS": show.parse_views,
    "COLUMNS": show.parse_columns,
    "TBLPROPERTIES": show.parse_properties,
    "PARTITIONS": show.parse_partitions,
    "VOLUMES": show.parse_volumes,
    "FUNCTIONS": show.parse_functions,
    "USER FUNCTIONS": show.parse_functions,
    "SHARES": show.parse_shares,
    "ALL IN SHARE": show.parse_share_content,
    "RECIPIENTS": show.parse_recipients,
    "PROVIDERS": show.parse_providers,
    "SHARES IN PROVIDER": show.parse_provider_shares,
    "GRANTS": grants.parse_show,
    "GRANT": grants.parse_show,
    "CREATE TABLE": show_create.parse,
    "TABLE_TYPES": show_metadata.parse_table_types,
    "KEYS": show_metadata.parse_keys,
    "FOREIGN KEYS": show_metadata.parse_keys,
    **show_security.SHOW,
}
_DESCRIBE: dict[str, Parse] = {
    "DETAIL": describe.parse_detail,
    "HISTORY": describe.parse_history,
    "CATALOG": describe.parse_catalog,
    "SCHEMA": describe.parse_schema,
    "DATABASE": describe.parse_schema,
    "VOLUME": describe.parse_volume,
    "FUNCTION": describe.parse_function,
    "SHARE": describe.parse_share,
    "RECIPIENT": describe.parse_recipient,
    "PROVIDER": describe.parse_provider,
    **show_security.DESCRIBE,
}
_STATEMENTS: dict[str, Parse] = {
    "CREATE": _create,
    "REPLACE TABLE": lambda reader: create_table.parse(reader, bool(reader.accept("REPLACE"))),
    "DROP": _drop,
    "ALTER": _alter,
    "SHOW": _show,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "COMMENT ON": comments.parse,
    "USE": catalogs.parse_use,
    "SET": settings.parse_set,
    "SET CATALOG": catalogs.parse_set_catalog,
    "RESET": settings.parse_reset,
    "SET TAG": tags.parse_set_tag_on,
    "UNSET TAG": tags.parse_set_tag_on,
    "GRANT": grants.parse_grant,
    "REVOKE": grants.parse_revoke,
    "INSERT": insert.parse,
    "TRUNCATE": insert.parse_truncate,
    "DELETE": delete.parse_delete,
    "UPDATE": delete.parse_update,
    "MERGE": merge.parse,
    "COPY INTO": copy_into.parse,
    "OPTIMIZE": maintenance.parse_optimize,
    "VACUUM": maintenance.parse_vacuum,
    "RESTORE": maintenance.parse_restore,
    "ANALYZE TABLE": maintenance.parse_analyze,
    "REORG TABLE": maintenance.parse_reorg,
    "FSCK REPAIR TABLE": maintenance.parse_fsck,
    "REFRESH": pipelines.parse_refresh,
    "EXPLAIN": settings.parse_explain,
}
