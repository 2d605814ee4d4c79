"""Streaming tables and materialized views: their data lives in a hidden backing table that only the pipeline writes.

The name of the backing table has four forms in the field; `TBLPROPERTIES('emulator.backing' = …)` chooses one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from replicator.emulator import grants, securables, tables
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session, now_ms
from replicator.emulator.sql import names, query, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, write
from replicator.emulator.sql.statements import create_table, schedules
from replicator.emulator.sql.statements.create_table import existing_table

_BACKING = "emulator.backing"
_INTERNAL = "__databricks_internal"
_PIPELINE_ID = "pipelines.pipelineId"
_PARENT_ID = "spark.sql.internal.pipelines.parentTableId"

# form -> full name of the backing table of (catalog, schema, table) of a pipeline (id with `_`)
_FORMS: dict[str, Callable[[names.Parts, str], names.Parts]] = {
    "dpm": lambda t, pid: (t[0], t[1], f"__materialization_mat_{pid}_{t[2]}_1"),
    "legacy": lambda t, pid: (_INTERNAL, f"__dlt_materialization_schema_{pid}", t[2]),
    "legacy_prefixed": lambda t, pid: (
        _INTERNAL,
        f"__dlt_materialization_schema_{pid}",
        f"__materialization_mat_{pid}_{t[2]}_1",
    ),
    "legacy_short": lambda t, pid: (
        _INTERNAL,
        f"__dlt_materialization_schema_{pid}",
        f"__materialization_mat_{t[2]}_1",
    ),
}


@dataclass(frozen=True)
class Spec:
    """What the statement says. `kind` is STREAMING_TABLE or MATERIALIZED_VIEW."""

    kind: str
    name: Name
    query: str = ""
    comment: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    column_comments: dict[str, str] = field(default_factory=dict)
    schedule: str | None = None
    if_not_exists: bool = False
    replaces: bool = False


def parse_create(reader: Reader, replaces: bool = False) -> Statement:
    """[OR REFRESH] STREAMING TABLE t … AS query; [OR REPLACE] MATERIALIZED VIEW m … AS query."""
    refresh = reader.accept("OR", "REFRESH")
    if reader.accept("STREAMING"):
        reader.expect("TABLE")
        kind = "STREAMING_TABLE"
    else:
        reader.expect("MATERIALIZED", "VIEW")
        kind = "MATERIALIZED_VIEW"
    if_not_exists = reader.if_not_exists()
    spec = Spec(kind, reader.name(), if_not_exists=if_not_exists, replaces=replaces or refresh)
    if reader.peek("("):
        spec = replace(spec, column_comments=_columns(reader))
    while not reader.accept("AS"):
        spec = _clause(reader, spec)
    spec = replace(spec, query=reader.rest())
    return write(f"CREATE_{kind}", lambda s: _create(s, spec))


def _columns(reader: Reader) -> dict[str, str]:
    """Comments of the columns; types must agree with the query and expectations are not checked here."""

    def item() -> tuple[str, str]:
        if reader.accept("CONSTRAINT"):
            reader.text_until()
            return "", ""
        name = reader.identifier()
        if not (reader.peek(",") or reader.peek(")") or reader.peek("COMMENT")):
            reader.type()
        while reader.accept("NOT", "NULL"):
            continue
        comment = reader.string() if reader.accept("COMMENT") else ""
        return name.lower(), comment

    return {name: comment for name, comment in reader.in_parentheses(item) if comment}


def _clause(reader: Reader, spec: Spec) -> Spec:
    if reader.accept("COMMENT"):
        return replace(spec, comment=reader.string())
    if reader.accept("TBLPROPERTIES"):
        return replace(spec, properties=reader.properties())
    if reader.accept("PARTITIONED", "BY"):
        return replace(spec, partition_by=tuple(reader.in_parentheses(reader.identifier)))
    if reader.accept("CLUSTER", "BY"):
        return replace(spec, cluster_by=create_table.read_clustering(reader))
    schedule = schedules.read(reader)
    if schedule is not None:
        return replace(spec, schedule=schedule)
    raise translate.unsupported(reader.text)


def _create(s: Session, spec: Spec) -> None:
    parts = names.qualify(s, spec.name)
    existing = existing_table(s, parts)
    if existing is not None:
        if spec.if_not_exists:
            return
        if not spec.replaces or existing["table_type"] != spec.kind:
            raise ApiError(400, "TABLE_ALREADY_EXISTS", "Table already exists", name=".".join(parts))
        grants.require_manage(s, "table", parts)
    form = spec.properties.get(_BACKING, "dpm")
    if form not in _FORMS:
        message = f"'{_BACKING}' must be one of {', '.join(_FORMS)}."
        raise SqlError("INVALID_PARAMETER_VALUE", "22023", message)
    pipeline_id = existing["pipeline_id"] if existing else str(uuid.uuid4())
    table_id = existing["table_id"] if existing else str(uuid.uuid4())
    backing = _FORMS[form](parts, pipeline_id.replace("-", "_"))
    owner = _prepare_schema(s, backing)
    properties = {key: value for key, value in spec.properties.items() if key != _BACKING}
    properties |= {_PIPELINE_ID: pipeline_id, _PARENT_ID: table_id}
    made = _write_backing(s, owner, spec, backing, properties)
    doc = _document(s, spec, parts, made) | {
        "table_id": table_id,
        "pipeline_id": pipeline_id,
        "_backing": [".".join(backing)],
        "_sources": source_versions(s, spec.query),
        "_schedule": spec.schedule,
    }
    tables.register_table(s, doc, replace=existing is not None)
    _record_pipeline(s, spec, parts, pipeline_id)


def _prepare_schema(s: Session, backing: names.Parts) -> Session:
    """Who writes the backing table: the platform itself in its internal catalog, which is made on first use."""
    if backing[0] != _INTERNAL:
        return s
    system = Session(s.store, s.metastore, s.metastore.owner, s.catalog, s.schema)
    securables.create_catalog(system, {"name": backing[0]}, if_not_exists=True)
    securables.create_schema(system, {"catalog_name": backing[0], "name": backing[1]}, if_not_exists=True)
    return system


def _write_backing(s: Session, owner: Session, spec: Spec, backing: names.Parts, properties: dict[str, str]) -> Doc:
    statement = create_table.Spec(
        backing,
        replace=True,
        properties=properties,
        partition_by=spec.partition_by,
        cluster_by=spec.cluster_by,
        query=spec.query,
        extra={"_hidden": True},
    )
    # The query reads with the rights and names of whoever runs it; only the placing is the platform's.
    create_table.run(replace_principal(s, owner), statement, "CREATE_TABLE_AS_SELECT")
    return tables.get_table(owner, *backing)


def replace_principal(s: Session, owner: Session) -> Session:
    """The session `s` acting as another principal."""
    return s if owner is s else Session(s.store, s.metastore, owner.principal, s.catalog, s.schema, s.conf)


def _document(s: Session, spec: Spec, parts: names.Parts, backing: Doc) -> Doc:
    schema = [
        column
        | (
            {"comment": spec.column_comments[column["name"].lower()]}
            if column["name"].lower() in spec.column_comments
            else {}
        )
        for column in backing["columns"]
    ]
    return {
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "name": parts[2],
        "table_type": spec.kind,
        "data_source_format": "DELTA",
        "columns": schema,
        "comment": spec.comment,
        "properties": backing["properties"],
        "view_definition": spec.query,
        "view_dependencies": {
            "dependencies": [{"table": {"table_full_name": name}} for name in query.names_read(s, spec.query)]
        },
        "_view_context": [names.current_catalog(s), names.current_schema(s)],
        "_path": backing["_path"],
        "_partition_by": list(spec.partition_by),
        "_cluster_by": list(spec.cluster_by),
    }


def _record_pipeline(s: Session, spec: Spec, parts: names.Parts, pipeline_id: str) -> None:
    doc = {
        "pipeline_id": pipeline_id,
        "name": f"{spec.kind.replace('_', ' ').title()} {'.'.join(parts)}",
        "creator_user_name": s.principal,
        "run_as_user_name": s.principal,
        "state": "IDLE",
        "last_modified": now_ms(),
        "spec": {"catalog": parts[0], "schema": parts[1], "channel": "PREVIEW", "serverless": True},
    }
    s.store.put(s.ms, "pipeline", pipeline_id, doc=doc)


def source_versions(s: Session, text: str) -> dict[str, int]:
    """The versions of the Delta tables that a query reads now, by relation key."""
    return query.versions_read(s, text)


# ---- REFRESH


def parse_refresh(reader: Reader) -> Statement:
    """REFRESH {STREAMING TABLE | MATERIALIZED VIEW} t [FULL] [SYNC | ASYNC]; of other objects it changes nothing."""
    reader.expect("REFRESH")
    if reader.accept("FOREIGN"):
        word = reader.accept_any("CATALOG", "SCHEMA", "TABLE")
        if word is None:
            raise reader.error("CATALOG, SCHEMA or TABLE")
        reader.name()
        return Statement("REFRESH", False, lambda s: Result(pa.table({}), kind="REFRESH"))
    _ = reader.accept("STREAMING", "TABLE") or reader.accept("MATERIALIZED", "VIEW") or reader.accept("TABLE")
    name = reader.name()
    full = reader.accept("FULL")
    reader.accept_any("SYNC", "ASYNC")
    reader.finish()
    return write("REFRESH", lambda s: _refresh(s, name, full))


def _refresh(s: Session, name: Name, full: bool) -> None:
    doc = names.lookup(s, name)
    if doc.get("table_type") not in names.PIPELINE_TABLES or doc.get("_read_only"):
        return
    grants.check(s, "REFRESH", "table", names.parts_of(doc))
    reading = query.view_session(s, doc)
    found = source_versions(reading, doc["view_definition"])
    if found == doc.get("_sources") and not full:
        return
    spec = Spec(
        doc["table_type"],
        names.parts_of(doc),
        doc["view_definition"],
        partition_by=tuple(doc.get("_partition_by", ())),
        cluster_by=tuple(doc.get("_cluster_by", ())),
    )
    backing = tuple(doc["_backing"][0].split("."))
    owner = _prepare_schema(s, (backing[0], backing[1], backing[2]))
    known = names.snapshot_of(doc).properties
    made = _write_backing(reading, owner, spec, (backing[0], backing[1], backing[2]), known)
    changes = {"_sources": found} | ({"columns": made["columns"]} if _types(made) != _types(doc) else {})
    tables.update_table(s, *names.parts_of(doc), changes)


def _types(doc: Doc) -> list[tuple[str, str]]:
    return [(column["name"], column["type_text"]) for column in doc["columns"]]
