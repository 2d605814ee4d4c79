"""The Thrift protocol of the SQL connectors, at `/sql/1.0/warehouses/{id}`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import TCLIService
from databricks.sql.thrift_api.TCLIService import ttypes as T
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

from replicator.emulator import arrow, thrift_columns, thrift_metadata
from replicator.emulator.errors import ApiError
from replicator.emulator.routing import Request, Response
from replicator.emulator.statements import State, Statement

_DIRECT_SECONDS = 5.0  # how long ExecuteStatement waits for the result before it leaves the client to poll
_POLL_SECONDS = 5.0  # the connector polls without a pause, so GetOperationStatus must wait
_DEFAULT_ROWS = 100_000
_FORMATS = {True: T.TSparkRowSetType.COLUMN_BASED_SET, False: T.TSparkRowSetType.ARROW_BASED_SET}
_PROTOCOL = T.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V9
_STATES = {
    State.PENDING: T.TOperationState.PENDING_STATE,
    State.RUNNING: T.TOperationState.RUNNING_STATE,
    State.SUCCEEDED: T.TOperationState.FINISHED_STATE,
    State.FAILED: T.TOperationState.ERROR_STATE,
    State.CANCELED: T.TOperationState.CANCELED_STATE,
    State.CLOSED: T.TOperationState.CLOSED_STATE,
}
# base type of the Statement Execution API -> Thrift type; all others travel as STRING
_TYPE_IDS = {
    "BOOLEAN": T.TTypeId.BOOLEAN_TYPE,
    "BYTE": T.TTypeId.TINYINT_TYPE,
    "SHORT": T.TTypeId.SMALLINT_TYPE,
    "INT": T.TTypeId.INT_TYPE,
    "LONG": T.TTypeId.BIGINT_TYPE,
    "FLOAT": T.TTypeId.FLOAT_TYPE,
    "DOUBLE": T.TTypeId.DOUBLE_TYPE,
    "BINARY": T.TTypeId.BINARY_TYPE,
    "DATE": T.TTypeId.DATE_TYPE,
    "TIMESTAMP": T.TTypeId.TIMESTAMP_TYPE,
    "TIMESTAMP_NTZ": T.TTypeId.TIMESTAMP_TYPE,
    "DECIMAL": T.TTypeId.DECIMAL_TYPE,
    "ARRAY": T.TTypeId.ARRAY_TYPE,
    "MAP": T.TTypeId.MAP_TYPE,
    "STRUCT": T.TTypeId.STRUCT_TYPE,
    "NULL": T.TTypeId.NULL_TYPE,
    "INTERVAL": T.TTypeId.INTERVAL_DAY_TIME_TYPE,
}
_INFO = {
    T.TGetInfoType.CLI_SERVER_NAME: "Spark SQL",
    T.TGetInfoType.CLI_DBMS_NAME: "Spark SQL",
    T.TGetInfoType.CLI_DBMS_VER: "3.5.0",
}
_OK = T.TStatus(statusCode=T.TStatusCode.SUCCESS_STATUS)


def serve(request: Request) -> Response:
    """POST sql/1.0/warehouses/{id}: one Thrift call."""
    request.workspace.use_warehouse(request.args["id"])
    incoming, outgoing = TMemoryBuffer(request.body), TMemoryBuffer()
    try:
        TCLIService.Processor(_Service(request)).process(_protocol(incoming), _protocol(outgoing))
    except (EOFError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise ApiError(400, "MALFORMED_REQUEST", f"Not a Thrift call: {error}") from None
    return Response(200, outgoing.getvalue(), "application/x-thrift")


def _protocol(buffer: TMemoryBuffer) -> TBinaryProtocolAccelerated:
    return TBinaryProtocolAccelerated(buffer, fallback=False, string_length_limit=None, container_length_limit=None)


class _Service:
    """The calls of TCLIService; their names and arguments are Thrift's. One instance per request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._statements = request.workspace.statements

    # ---- sessions

    def OpenSession(self, req: T.TOpenSessionReq) -> T.TOpenSessionResp:
        space = req.initialNamespace
        session = self._request.workspace.session(
            self._request.principal, space.catalogName if space else None, space.schemaName if space else None
        )
        session.conf.update({str(key): str(value) for key, value in (req.configuration or {}).items()})
        session_id = self._statements.open_session(session)
        version = min(_PROTOCOL, req.client_protocol_i64 or req.client_protocol or _PROTOCOL)
        handle = T.TSessionHandle(sessionId=_handle(session_id), serverProtocolVersion=version)
        return T.TOpenSessionResp(
            status=_OK,
            serverProtocolVersion=version,
            sessionHandle=handle,
            configuration={},
            initialNamespace=space,
            canUseMultipleCatalogs=True,
        )

    def CloseSession(self, req: T.TCloseSessionReq) -> T.TCloseSessionResp:
        self._statements.close_session(_id(req.sessionHandle.sessionId))
        return T.TCloseSessionResp(status=_OK)

    def GetInfo(self, req: T.TGetInfoReq) -> T.TGetInfoResp:
        value = T.TGetInfoValue(stringValue=_INFO.get(req.infoType, ""))
        return T.TGetInfoResp(status=_OK, infoValue=value)

    # ---- statements

    def ExecuteStatement(self, req: T.TExecuteStatementReq) -> T.TExecuteStatementResp:
        self._request.log.update(self._statements.describe(req.statement))
        try:
            session = self._statements.session(_id(req.sessionHandle.sessionId), self._request.principal)
        except ApiError as error:
            return T.TExecuteStatementResp(status=_failure(error))
        statement = self._statements.submit(session, req.statement, _parameters(req), req.resultRowLimit)
        statement.delivery = _delivery(req)
        return self._answer(T.TExecuteStatementResp, statement, req)

    def _answer(self, response: Callable[..., Any], statement: Statement, req: Any) -> Any:
        """The operation's handle and, if the statement ends soon enough, its whole outcome in one round trip."""
        direct = None
        if req.getDirectResults is not None:
            statement.done.wait(_DIRECT_SECONDS)
            direct = self._direct_results(statement, req.getDirectResults.maxRows)
        handle = T.TOperationHandle(
            operationId=_handle(statement.id),
            operationType=T.TOperationType.EXECUTE_STATEMENT,
            hasResultSet=True,
            modifiedRowCount=statement.affected,
        )
        return response(status=_OK, operationHandle=handle, directResults=direct)

    def _direct_results(self, statement: Statement, max_rows: int) -> T.TSparkDirectResults:
        direct = T.TSparkDirectResults(operationStatus=_status(statement))
        if statement.state is not State.SUCCEEDED:
            return direct
        direct.resultSetMetadata = _metadata(statement)
        direct.resultSet = _fetch(statement, 0, max_rows)
        if not direct.resultSet.hasMoreRows:
            self._statements.close_statement(statement)
            direct.closeOperation = T.TCloseOperationResp(status=_OK)
        return direct

    def GetOperationStatus(self, req: T.TGetOperationStatusReq) -> T.TGetOperationStatusResp:
        statement = self._find(req)
        if statement is None:
            return T.TGetOperationStatusResp(status=_unknown())
        statement.done.wait(_POLL_SECONDS)
        return _status(statement)

    def GetResultSetMetadata(self, req: T.TGetResultSetMetadataReq) -> T.TGetResultSetMetadataResp:
        statement = self._find(req)
        if statement is None or statement.table is None:
            return T.TGetResultSetMetadataResp(status=_unknown())
        return _metadata(statement)

    def FetchResults(self, req: T.TFetchResultsReq) -> T.TFetchResultsResp:
        statement = self._find(req)
        if statement is None or statement.table is None:
            return T.TFetchResultsResp(status=_unknown())
        start = statement.delivery.get("position", 0) if req.startRowOffset is None else req.startRowOffset
        response = _fetch(statement, start, req.maxRows or _DEFAULT_ROWS)
        if req.includeResultSetMetadata:
            response.resultSetMetadata = _metadata(statement)
        return response

    def CancelOperation(self, req: T.TCancelOperationReq) -> T.TCancelOperationResp:
        statement = self._find(req)
        if statement is not None:
            self._statements.cancel(statement)
        return T.TCancelOperationResp(status=_OK)

    def CloseOperation(self, req: T.TCloseOperationReq) -> T.TCloseOperationResp:
        statement = self._find(req)
        if statement is not None:
            self._statements.close_statement(statement)
        return T.TCloseOperationResp(status=_OK)

    def _find(self, req: Any) -> Statement | None:
        try:
            return self._statements.get(_id(req.operationHandle.operationId), self._request.session)
        except ApiError:
            return None

    # ---- catalogs, schemas, tables, columns

    def GetCatalogs(self, req: T.TGetCatalogsReq) -> T.TGetCatalogsResp:
        return self._listing(T.TGetCatalogsResp, req, lambda s: thrift_metadata.catalogs(s))

    def GetSchemas(self, req: T.TGetSchemasReq) -> T.TGetSchemasResp:
        return self._listing(
            T.TGetSchemasResp, req, lambda s: thrift_metadata.schemas(s, req.catalogName, req.schemaName)
        )

    def GetTables(self, req: T.TGetTablesReq) -> T.TGetTablesResp:
        names = (req.catalogName, req.schemaName, req.tableName)
        return self._listing(T.TGetTablesResp, req, lambda s: thrift_metadata.tables(s, *names, req.tableTypes))

    def GetColumns(self, req: T.TGetColumnsReq) -> T.TGetColumnsResp:
        names = (req.catalogName, req.schemaName, req.tableName, req.columnName)
        return self._listing(T.TGetColumnsResp, req, lambda s: thrift_metadata.columns(s, *names))

    def GetTableTypes(self, req: T.TGetTableTypesReq) -> T.TGetTableTypesResp:
        return self._listing(T.TGetTableTypesResp, req, lambda s: thrift_metadata.table_types())

    def GetFunctions(self, req: T.TGetFunctionsReq) -> T.TGetFunctionsResp:
        names = (req.catalogName, req.schemaName, req.functionName)
        return self._listing(T.TGetFunctionsResp, req, lambda s: thrift_metadata.functions(s, *names))

    def GetTypeInfo(self, req: T.TGetTypeInfoReq) -> T.TGetTypeInfoResp:
        return self._listing(T.TGetTypeInfoResp, req, lambda s: thrift_metadata.type_info())

    def GetPrimaryKeys(self, req: T.TGetPrimaryKeysReq) -> T.TGetPrimaryKeysResp:
        names = (req.catalogName, req.schemaName, req.tableName)
        return self._listing(T.TGetPrimaryKeysResp, req, lambda s: thrift_metadata.primary_keys(s, *names))

    def GetCrossReference(self, req: T.TGetCrossReferenceReq) -> T.TGetCrossReferenceResp:
        parent = (req.parentCatalogName, req.parentSchemaName, req.parentTableName)
        child = (req.foreignCatalogName, req.foreignSchemaName, req.foreignTableName)
        return self._listing(T.TGetCrossReferenceResp, req, lambda s: thrift_metadata.cross_reference(s, parent, child))

    def _listing(self, response: Callable[..., Any], req: Any, read: Callable[[Any], pa.Table]) -> Any:
        try:
            session = self._statements.session(_id(req.sessionHandle.sessionId), self._request.principal)
            statement = self._statements.finished(session, read(session))
        except ApiError as error:
            return response(status=_failure(error))
        statement.delivery = {"compressed": False, "in_columns": True}
        return self._answer(response, statement, req)


# ---- pieces of answers


def _handle(identifier: str) -> T.THandleIdentifier:
    guid = uuid.UUID(identifier).bytes
    return T.THandleIdentifier(guid=guid, secret=guid)


def _id(handle: T.THandleIdentifier) -> str:
    return str(uuid.UUID(bytes=handle.guid)) if len(handle.guid) == 16 else ""


def _failure(error: ApiError) -> T.TStatus:
    invalid = error.error_code == "RESOURCE_DOES_NOT_EXIST"
    code = T.TStatusCode.INVALID_HANDLE_STATUS if invalid else T.TStatusCode.ERROR_STATUS
    return T.TStatus(statusCode=code, errorMessage=error.message, displayMessage=error.message)


def _unknown() -> T.TStatus:
    message = "Invalid OperationHandle"
    return T.TStatus(statusCode=T.TStatusCode.INVALID_HANDLE_STATUS, errorMessage=message, displayMessage=message)


def _delivery(req: T.TExecuteStatementReq) -> dict[str, Any]:
    native = req.useArrowNativeTypes
    as_text = native is not None and native.complexTypesAsArrow is False
    in_columns = not req.canReadArrowResult
    compressed = bool(req.canDecompressLZ4Result) and not in_columns
    return {"compressed": compressed, "complex_as_text": as_text or in_columns, "in_columns": in_columns}


def _table(statement: Statement) -> pa.Table:
    table = statement.table
    if statement.delivery.get("complex_as_text") and not statement.delivery.get("converted"):
        table = statement.table = arrow.complex_as_text(table)
        statement.delivery["converted"] = True
    return table


def _status(statement: Statement) -> T.TGetOperationStatusResp:
    response = T.TGetOperationStatusResp(
        status=_OK,
        operationState=_STATES[statement.state],
        hasResultSet=True,
        numModifiedRows=statement.affected,
    )
    if statement.error is not None:
        response.sqlState = statement.error.sqlstate
        response.errorMessage = statement.error.display()
        response.displayMessage = statement.error.display()
        response.diagnosticInfo = statement.error.display()
    return response


def _metadata(statement: Statement) -> T.TGetResultSetMetadataResp:
    schema = _table(statement).schema
    columns = [_column(position, arrow.column(field)) for position, field in enumerate(schema)]
    return T.TGetResultSetMetadataResp(
        status=_OK,
        schema=T.TTableSchema(columns=columns),
        resultFormat=_FORMATS[statement.delivery["in_columns"]],
        lz4Compressed=statement.delivery["compressed"],
        arrowSchema=None if statement.delivery["in_columns"] else schema.serialize().to_pybytes(),
        isStagingOperation=False,
    )


def _column(position: int, column: arrow.Column) -> T.TColumnDesc:
    type_id = _TYPE_IDS.get(column.name, T.TTypeId.STRING_TYPE)
    if column.text.startswith("INTERVAL") and "YEAR" in column.text:
        type_id = T.TTypeId.INTERVAL_YEAR_MONTH_TYPE
    entry = T.TPrimitiveTypeEntry(type=type_id)
    if column.precision is not None:
        qualifiers = {
            "precision": T.TTypeQualifierValue(i32Value=column.precision),
            "scale": T.TTypeQualifierValue(i32Value=column.scale),
        }
        entry.typeQualifiers = T.TTypeQualifiers(qualifiers=qualifiers)
    types = T.TTypeDesc(types=[T.TTypeEntry(primitiveEntry=entry)])
    return T.TColumnDesc(columnName=column.label, typeDesc=types, position=position + 1, comment="")


def _fetch(statement: Statement, start: int, max_rows: int) -> T.TFetchResultsResp:
    whole = _table(statement)
    # Arrow would make up the rows of a table without columns.
    table = whole.slice(start, max(0, min(max_rows, whole.num_rows - start)))
    statement.delivery["position"] = start + table.num_rows
    rows = thrift_columns.row_set(table) if statement.delivery["in_columns"] else _arrow_rows(statement, table)
    rows.startRowOffset = start
    more = start + table.num_rows < statement.table.num_rows if statement.table is not None else False
    return T.TFetchResultsResp(status=_OK, hasMoreRows=more, results=rows)


def _arrow_rows(statement: Statement, table: pa.Table) -> T.TRowSet:
    parts = arrow.batches(table, statement.delivery["compressed"])
    return T.TRowSet(rows=[], arrowBatches=[T.TSparkArrowBatch(batch=data, rowCount=count) for data, count in parts])


def _parameters(req: T.TExecuteStatementReq) -> list[Any]:
    if not req.parameters:
        return []
    from replicator.emulator.sql import Param

    return [
        Param(item.name or None, None if item.name else position, *_typed(item))
        for position, item in enumerate(req.parameters, start=1)
    ]


def _typed(item: Any) -> tuple[str, str | None]:
    """(SQL type, text) of a parameter. An array arrives as its items and a map as keys and values in turn."""
    kind = str(item.type or "STRING").upper()
    if kind == "ARRAY":
        items = [_text(argument) for argument in item.arguments or ()]
        return f"ARRAY<{_item_type(item.arguments or ())}>", f"[{', '.join(items)}]"
    if kind == "MAP":
        given = item.arguments or ()
        keys, values = given[0::2], given[1::2]
        pairs = [f"{_text(key)}={_text(value)}" for key, value in zip(keys, values, strict=True)]
        return f"MAP<{_item_type(keys)}, {_item_type(values)}>", f"{{{', '.join(pairs)}}}"
    value = getattr(item.value, "stringValue", item.value)
    return kind, None if kind == "VOID" else value


def _item_type(arguments: Sequence[Any]) -> str:
    """One type for all items: integers arrive as INT or BIGINT by their size."""
    kinds = [_typed(argument)[0] for argument in arguments if str(argument.type).upper() != "VOID"]
    return "BIGINT" if "BIGINT" in kinds else kinds[0] if kinds else "STRING"


def _text(argument: Any) -> str:
    kind, value = _typed(argument)
    if value is None:
        return "NULL"
    if kind == "STRING":
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{quoted}'"
    return value
