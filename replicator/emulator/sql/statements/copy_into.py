"""COPY INTO: load files of a folder once; what was loaded is remembered in the table's log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from replicator.emulator import engine, volumes
from replicator.emulator.delta import types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names, rows, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of

_DOMAIN = "emulator.copyInto"
_READERS = {"PARQUET": "read_parquet", "CSV": "read_csv", "JSON": "read_json"}


@dataclass(frozen=True)
class Copy:
    """What COPY INTO says."""

    table: Name
    columns: str = "*"
    source: str = ""
    source_format: str = "PARQUET"
    files: tuple[str, ...] = ()
    pattern: str | None = None
    format_options: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def parse(reader: Reader) -> Statement:
    """COPY INTO t FROM {'folder' | (SELECT … FROM 'folder')} FILEFORMAT = f [FILES = (…)] [PATTERN = '…'] …"""
    reader.expect("COPY", "INTO")
    statement = Copy(reader.name())
    if reader.peek("("):
        raise translate.unsupported(reader.text)
    reader.expect("FROM")
    if reader.accept("("):
        reader.expect("SELECT")
        projection = reader.text
        start = reader.token.start
        while not reader.peek("FROM"):
            reader.take()
        statement = replace(statement, columns=projection[start : reader.token.start])
        reader.expect("FROM")
        statement = replace(statement, source=reader.string())
        reader.expect(")")
    else:
        statement = replace(statement, source=reader.string())
    while not reader.at_end():
        statement = _clause(reader, statement)
    return Statement("COPY_INTO", True, lambda s: _run(s, statement))


def _clause(reader: Reader, statement: Copy) -> Copy:
    if reader.accept("FILEFORMAT"):
        reader.expect("=")
        return replace(statement, source_format=reader.identifier().upper())
    if reader.accept("FILES"):
        reader.expect("=")
        return replace(statement, files=tuple(reader.in_parentheses(reader.string)))
    if reader.accept("PATTERN"):
        reader.expect("=")
        return replace(statement, pattern=reader.string())
    if reader.accept("FORMAT_OPTIONS"):
        return replace(statement, format_options=reader.properties())
    if reader.accept("COPY_OPTIONS"):
        return replace(statement, options=reader.properties())
    raise reader.error("a clause of COPY INTO")


def _run(s: Session, statement: Copy) -> Result:
    if statement.source_format not in _READERS:
        message = f"FILEFORMAT {statement.source_format} is not supported by the emulator."
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", message)
    with names.writing(s, statement.table) as (_, state):
        loaded = _loaded(state)
        force = statement.options.get("force", "false").lower() == "true"
        files = [path for path in _files(s, statement) if force or str(path) not in loaded]
        if not files:
            return _result(0)
        with engine.connect({}) as connection:
            query = _query(s, statement, files)
            given: list[str] = connection.sql(query).columns
            known = {name.lower(): types.quote(name) for name in given if state.schema.find(name)}
            if not known:
                raise SqlError(
                    "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", "42KDG", "A schema mismatch was detected."
                )
            written = rows.write_query(s, connection, state, query, known)
        domain = {"domain": _DOMAIN, "configuration": json.dumps(sorted({*loaded, *map(str, files)})), "removed": False}
        metrics = {"numFiles": len(written.adds), "numOutputRows": written.rows, "numOutputBytes": written.size}
        definition = [
            {"domainMetadata": domain},
            *(commits.redefine(state, schema=written.schema) if written.schema else []),
        ]
        commits.commit_change(s, state, "COPY INTO", {}, metrics, adds=written.adds, definition=definition)
    return _result(written.rows)


def _loaded(state: Snapshot) -> set[str]:
    domain = state.domains.get(_DOMAIN)
    return set(json.loads(domain["configuration"])) if domain else set()


def _files(s: Session, statement: Copy) -> list[Path]:
    source = statement.source
    if source.startswith("/Volumes/"):
        _, _, catalog, schema, volume, *rest = source.rstrip("/").split("/")
        folder = volumes.folder(s, (catalog, schema, volume), "READ_VOLUME").joinpath(*rest)
    else:
        folder = names.reachable(s, source, "READ_FILES")
    if statement.files:
        return [folder / name for name in statement.files]
    if folder.is_file():
        return [folder]
    if not folder.exists():
        raise SqlError("PATH_NOT_FOUND", "42K03", f"Path does not exist: {source}.")
    return sorted(
        path for path in folder.rglob(statement.pattern or "*") if path.is_file() and path.name[0] not in "._"
    )


def _query(s: Session, statement: Copy, files: list[Path]) -> str:
    listed = ", ".join(types.literal(str(path)) for path in files)
    options = ""
    if statement.source_format == "CSV":
        header = statement.format_options.get("header", "false").lower()
        delimiter = statement.format_options.get("delimiter", statement.format_options.get("sep", ","))
        options = f", header={header}, delim={types.literal(delimiter)}"
    source = f"{_READERS[statement.source_format]}([{listed}]{options})"
    if statement.columns.strip() == "*":
        return f"SELECT * FROM {source}"
    tree = translate.parse(f"SELECT {statement.columns} FROM __files")
    projections = ", ".join(translate.to_duckdb(item.copy(), {}) for item in tree.expressions)
    return f"SELECT {projections} FROM {source}"


def _result(count: int) -> Result:
    names_ = ("num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files")
    return Result(rows_of([(name, pa.int64()) for name in names_], [(count, count, 0)]), count, "COPY_INTO")
