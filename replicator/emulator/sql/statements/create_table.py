"""CREATE TABLE: with columns, AS SELECT, LIKE, from an existing folder; replacing a table keeps its history."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from replicator.emulator import engine, grants, securables, tables
from replicator.emulator.delta import commit, log, types
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.delta.mapping import physical_name
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import columns, names, query, rows, unpublished
from replicator.emulator.sql.columns import Columns
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """What a CREATE TABLE statement says."""

    name: Name
    replace: bool = False
    if_not_exists: bool = False
    columns: Columns = field(default_factory=Columns)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    location: str | None = None
    source_format: str = "DELTA"
    query: str | None = None
    like: Name | None = None
    row_filter: tuple[Name, tuple[str, ...]] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # further fields of the catalog's document


def parse(reader: Reader, replaces: bool) -> Statement:
    """After CREATE [OR REPLACE]: TABLE [IF NOT EXISTS] name … (clone statements are told apart by the dispatcher)."""
    reader.accept("EXTERNAL")
    reader.expect("TABLE")
    spec = Spec((), replace=replaces, if_not_exists=reader.if_not_exists())
    spec = replace(spec, name=reader.name())
    if reader.accept("LIKE"):
        spec = replace(spec, like=reader.name())
    elif reader.peek("("):
        spec = replace(spec, columns=columns.read_columns(reader))
    while not reader.at_end():
        spec = _clause(reader, spec)
    if spec.replace and spec.if_not_exists:
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", "CREATE OR REPLACE TABLE cannot have IF NOT EXISTS.")
    kind = "CREATE_TABLE_AS_SELECT" if spec.query is not None else "CREATE_TABLE"
    return Statement(kind, True, lambda s: run(s, spec, kind))


def _clause(reader: Reader, spec: Spec) -> Spec:
    if reader.accept("USING"):
        return replace(spec, source_format=reader.identifier().upper())
    if reader.accept("PARTITIONED", "BY"):
        return _partitioned(reader, spec)
    if reader.accept("CLUSTER", "BY"):
        return replace(spec, cluster_by=read_clustering(reader))
    if reader.accept("TBLPROPERTIES"):
        return replace(spec, properties=reader.properties())
    if reader.accept("OPTIONS"):
        reader.properties()
        return spec
    if reader.accept("COMMENT"):
        return replace(spec, comment=reader.string())
    if reader.accept("LOCATION"):
        return replace(spec, location=reader.string())
    if reader.accept("DEFAULT", "COLLATION"):
        reader.identifier()
        return spec
    if reader.accept("WITH", "ROW", "FILTER"):
        return replace(spec, row_filter=read_row_filter(reader))
    if reader.accept("AS") or any(reader.peek(word) for word in ("SELECT", "WITH", "VALUES", "FROM")):
        return replace(spec, query=reader.rest())
    raise reader.error("a clause of CREATE TABLE")


def _partitioned(reader: Reader, spec: Spec) -> Spec:
    """Partition columns by name, or with types that add them to the columns."""
    found: list[str] = []
    added: list[types.Field] = []

    def item() -> None:
        name = reader.identifier()
        found.append(name)
        if not (reader.peek(",") or reader.peek(")")):
            added.append(replace(reader.type(), name=name))

    reader.in_parentheses(item)
    together = replace(spec.columns, fields=spec.columns.fields + tuple(added))
    return replace(spec, partition_by=tuple(found), columns=together)


def read_clustering(reader: Reader) -> tuple[str, ...]:
    """`(column, …)`, AUTO or NONE after CLUSTER BY."""
    if reader.accept("AUTO") or reader.accept("NONE"):
        return ()
    return tuple(reader.in_parentheses(lambda: ".".join(reader.name())))


def read_row_filter(reader: Reader) -> tuple[Name, tuple[str, ...]]:
    """`function ON (column, …)` of a row filter."""
    function = reader.name()
    reader.expect("ON")
    return function, tuple(reader.in_parentheses(reader.identifier))


# ---- effect


def run(s: Session, spec: Spec, kind: str) -> Result:
    """Create or replace the table. Raises ApiError and SqlError as Databricks refuses."""
    if spec.source_format != "DELTA":
        message = f"Data source format {spec.source_format} is not supported by the emulator: only DELTA is."
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", message)
    if names.is_path(spec.name):
        spec = replace(spec, location=spec.name[1])
    parts = None if names.is_path(spec.name) else names.qualify(s, spec.name)
    existing = existing_table(s, parts) if parts else None
    if existing is not None and spec.if_not_exists:
        return Result(pa.table({}), kind=kind)
    if existing is not None and not spec.replace:
        raise ApiError(400, "TABLE_ALREADY_EXISTS", f"Table '{parts}' already exists", name=existing["full_name"])
    if spec.like is not None:
        spec = _like(s, spec)
    try:
        count = _create(s, spec, parts, existing)
    except ApiError as error:
        if not (spec.if_not_exists and error.error_code == "TABLE_ALREADY_EXISTS"):
            raise
        count = None  # somebody else was first
    if count is None:
        return Result(pa.table({}), kind=kind)
    table = rows_of([("num_affected_rows", pa.int64()), ("num_inserted_rows", pa.int64())], [])
    return Result(table, count, kind)


def existing_table(s: Session, parts: names.Parts) -> Doc | None:
    """The table of that name if there is one. Raises ApiError for a missing catalog or schema, or privilege."""
    try:
        return tables.get_table(s, *parts)
    except ApiError as error:
        if error.error_code != "TABLE_DOES_NOT_EXIST":
            raise
    securables.require_parent(s, parts[0], parts[1], "CREATE_TABLE")
    return None


def _like(s: Session, spec: Spec) -> Spec:
    source = names.lookup(s, spec.like or ())
    state = names.snapshot_of(source)
    fields = tuple(item.with_metadata(**{rows.IDENTITY_HIGH: None}) for item in state.schema.fields)
    # Columns keep their defaults, and with them the feature that allows those.
    features = {key: value for key, value in state.properties.items() if key == columns.DEFAULTS_FEATURE}
    properties = features | dict(spec.properties)
    return replace(spec, columns=Columns(fields), partition_by=tuple(state.partition_columns), properties=properties)


def _create(s: Session, spec: Spec, parts: names.Parts | None, existing: Doc | None) -> int | None:
    """Write the table and register it; the number of rows that AS SELECT wrote."""
    table_id = str(uuid.uuid4())
    path = place(s, spec.location, existing, table_id)
    with table_lock(path):
        current = log.snapshot(path) if log.exists(path) else None
        if current is not None and existing is None and not spec.columns.fields and spec.query is None:
            state, count = current, None  # an existing folder is registered as it is
        else:
            state, count = _write(s, spec, path, current, parts if existing is not None else None)
        if parts is not None:
            with s.store.transaction():
                tables.register_table(s, _document(s, spec, parts, state, table_id), replace=existing is not None)
                unpublished.done(s, path)
    return count


def place(s: Session, location: str | None, existing: Doc | None, table_id: str) -> Path:
    """Where the table's files are: a given location, the replaced table's own, or a new managed folder."""
    if location is not None:
        return names.reachable(s, location, "CREATE_EXTERNAL_TABLE")
    if existing is not None:
        names.require_writable(existing)
        grants.require_manage(s, "table", names.parts_of(existing))
        return names.path_of(existing)
    return tables.managed_path(s, table_id)


def _write(
    s: Session, spec: Spec, path: Path, current: Snapshot | None, replaced: names.Parts | None
) -> tuple[Snapshot, int | None]:
    """Commit the table; `replaced` is the registered table that it replaces. Returns the number of rows of a query."""
    if current is not None and replaced is None and not spec.replace:
        _refuse_other_schema(spec, current, path)
        return current, None
    properties = dict(spec.properties) | columns.checks_of(spec.columns.constraints)
    columns.require_default_feature(spec.columns.fields, properties, "CREATE TABLE")
    binder, source = query.Binder(s), None
    if spec.query is not None:
        bound = query.bind(s, spec.query)
        source, binder.relations = bound.sql, bound.relations
    with engine.connect(binder.relations) as connection:
        schema = types.Struct(spec.columns.fields)
        if source is not None:
            schema = _schema_of_query(connection, source, bound.names)
        schema = _keys_not_null(spec, schema)
        schema = columns.map_columns(schema, properties, new_columns=True)
        _require_columns(spec, schema)
        draft = _draft(path, spec, schema, properties, current)
        written = None
        if source is not None:
            given: list[str] = connection.sql(source).columns
            mapping = rows.matched_by_position(given, schema.names, ".".join(spec.name))
            written = rows.write_query(s, connection, draft, source, mapping)
    if replaced is not None:
        unpublished.announce(s, path, draft.version + 1, _document(s, spec, replaced, draft, ""))
    return _commit(s, spec, draft, current, written), None if written is None else written.rows


def _schema_of_query(connection: engine.Connection, source: str, given: list[str] | None) -> types.Struct:
    relation = connection.sql(source)
    found = given if given is not None else relation.columns
    fields = tuple(types.Field(name, types.from_duckdb(kind)) for name, kind in zip(found, relation.types, strict=True))
    for item in fields:
        if any(char in item.name for char in " ,;{}()\n\t="):
            message = (
                f"Found invalid character(s) among ' ,;{{}}()\\n\\t=' in the column names of your schema: {item.name}."
            )
            raise SqlError("DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05", message)
    lowered = [item.name.lower() for item in fields]
    for name in lowered:
        if lowered.count(name) > 1:
            raise SqlError("COLUMN_ALREADY_EXISTS", "42711", f"The column `{name}` already exists.")
    return types.Struct(fields)


def _keys_not_null(spec: Spec, schema: types.Struct) -> types.Struct:
    for constraint in spec.columns.constraints:
        if constraint.kind == "PRIMARY KEY":
            schema = columns.not_null(schema, constraint.columns)
    return schema


def _require_columns(spec: Spec, schema: types.Struct) -> None:
    for name in (*spec.partition_by, *(item.split(".")[0] for item in spec.cluster_by)):
        if schema.find(name) is None:
            message = f"Couldn't find column {name} in:\n{', '.join(schema.names)}"
            raise SqlError("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "42703", message)
    if spec.partition_by and spec.cluster_by:
        message = "Clustering and partitioning cannot both be specified. Please remove PARTITIONED BY."
        raise SqlError("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "42908", message)
    if schema.fields and len(spec.partition_by) == len(schema.fields):
        raise SqlError("ALL_PARTITION_COLUMNS_NOT_ALLOWED", "KD005", "Cannot use all columns for partition columns.")


def _draft(
    path: Path, spec: Spec, schema: types.Struct, properties: Mapping[str, str], current: Snapshot | None
) -> Snapshot:
    """The snapshot that the new table will have, without files: what the writer of rows needs to know."""
    partition_by = [schema_name(schema, name) for name in spec.partition_by]
    kept = {} if current is None else current.metadata
    metadata = commit.metadata_action(
        schema,
        partition_by,
        properties,
        table_id=kept.get("id"),
        description=spec.comment,
        created=kept.get("createdTime"),
    )["metaData"]
    features = {"delta.feature.clustering": "supported", "delta.feature.domainMetadata": "supported"}
    wanted = {**properties, **features} if spec.cluster_by else properties
    protocol = commit.protocol_for(schema, wanted, None if current is None else current.protocol)
    version = -1 if current is None else current.version
    return Snapshot(path, version, 0, protocol, metadata, {})


def schema_name(schema: types.Struct, name: str) -> str:
    """A column's name as the schema spells it."""
    found = schema.find(name)
    return name if found is None else found.name


def clustering_action(schema: types.Struct, cluster_by: tuple[str, ...]) -> Json:
    """The domain metadata that holds the clustering columns (physical names)."""
    paths = []
    for name in cluster_by:
        first, *rest = name.split(".")
        found = schema.find(first)
        paths.append([first if found is None else physical_name(found), *rest])
    value = json.dumps({"clusteringColumns": paths, "domainName": "delta.clustering"})
    return {"domainMetadata": {"domain": "delta.clustering", "configuration": value, "removed": False}}


def _commit(
    s: Session, spec: Spec, draft: Snapshot, current: Snapshot | None, written: rows.Written | None
) -> Snapshot:
    schema = draft.schema if written is None or written.schema is None else written.schema
    metadata = draft.metadata | {"schemaString": types.schema_to_string(schema)}
    actions: list[Json] = [{"protocol": draft.protocol}, {"metaData": metadata}]
    if spec.cluster_by:
        actions.append(clustering_action(schema, spec.cluster_by))
    elif current is not None and "delta.clustering" in current.domains:
        gone = current.domains["delta.clustering"] | {"removed": True}
        actions.append({"domainMetadata": gone})
    if current is not None:
        actions += [commit.remove_action(add) for add in current.files.values()]
    if written is not None:
        actions += [{"add": add} for add in written.adds]
    operation = commit.Operation(
        _operation_name(spec),
        {
            "partitionBy": json.dumps(metadata["partitionColumns"]),
            "clusterBy": json.dumps(list(spec.cluster_by)),
            "description": spec.comment,
            "isManaged": "false" if spec.location else "true",
            "properties": json.dumps(dict(spec.properties)),
        },
        {}
        if written is None
        else {"numFiles": len(written.adds), "numOutputRows": written.rows, "numOutputBytes": written.size},
        s.principal,
        blind_append=True,
    )
    commit.commit(draft.path, draft.version + 1, actions, operation)
    return log.snapshot(draft.path)


def _operation_name(spec: Spec) -> str:
    start = "CREATE OR REPLACE TABLE" if spec.replace else "CREATE TABLE"
    return f"{start} AS SELECT" if spec.query is not None else start


def _refuse_other_schema(spec: Spec, current: Snapshot, path: Path) -> None:
    wanted = [(item.name.lower(), types.text_of(item.type)) for item in spec.columns.fields]
    found = [(item.name.lower(), types.text_of(item.type)) for item in current.schema.fields]
    if spec.query is not None or (wanted and wanted != found):
        message = f"The specified schema does not match the existing schema at {path.as_uri()}."
        raise SqlError("DELTA_CREATE_TABLE_SCHEME_MISMATCH", "42KD7", message)


def _document(s: Session, spec: Spec, parts: names.Parts, state: Snapshot, table_id: str) -> Doc:
    """What the catalog holds of the table. A replaced one keeps its id."""
    parents = {
        item.parent: ".".join(names.qualify(s, item.parent))
        for item in spec.columns.constraints
        if item.kind == "FOREIGN KEY"
    }
    doc: Doc = {
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "name": parts[2],
        "table_type": "EXTERNAL" if spec.location else "MANAGED",
        "data_source_format": "DELTA",
        "table_id": table_id,
        "_path": str(state.path),
        "comment": spec.comment,
        "properties": names.properties_of(state),
        **spec.extra,
    }
    doc["columns"] = names.columns_of({}, state)
    keys = columns.key_documents(spec.columns.constraints, parts[2], parents)
    if keys:
        doc["table_constraints"] = keys
    for column in doc["columns"]:
        mask = spec.columns.masks.get(column["name"].lower())
        if mask is not None:
            column["mask"] = mask_document(s, mask)
    if spec.row_filter is not None:
        doc["row_filter"] = filter_document(s, spec.row_filter)
    return doc


def mask_document(s: Session, mask: tuple[Name, tuple[str, ...]]) -> Doc:
    """A column mask as the REST API's ColumnMask."""
    function, using = mask
    return {"function_name": ".".join(names.qualify(s, function)), "using_column_names": list(using)}


def filter_document(s: Session, row_filter: tuple[Name, tuple[str, ...]]) -> Doc:
    """A row filter as the REST API's TableRowFilter."""
    function, given = row_filter
    return {"function_name": ".".join(names.qualify(s, function)), "input_column_names": list(given)}
