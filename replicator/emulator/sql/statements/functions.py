"""Functions: CREATE FUNCTION in SQL (other languages are kept, not run), DROP."""

from __future__ import annotations

from replicator.emulator import volumes
from replicator.emulator.delta import types
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, translate
from replicator.emulator.sql.reader import Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import volumes as volume_statements


def parse_create(reader: Reader, replaces: bool) -> Statement:
    """FUNCTION [IF NOT EXISTS] f (parameters) RETURNS type … RETURN expression | AS $$ … $$."""
    reader.expect("FUNCTION")
    if_not_exists = reader.if_not_exists()
    name = reader.name()
    parameters = [
        _numbered(item, index) for index, item in enumerate(reader.in_parentheses(lambda: _parameter(reader)))
    ]
    doc: Doc = {
        "input_params": {"parameters": parameters},
        "routine_body": "SQL",
        "parameter_style": "S",
        "is_deterministic": True,
        "sql_data_access": "CONTAINS_SQL",
        "is_null_call": False,
        "security_type": "DEFINER",
        "specific_name": name[-1].lower(),
    }
    _clauses(reader, doc)

    def effect(s: Session) -> None:
        catalog, schema, function = names.qualify(s, name)
        given = doc | {"catalog_name": catalog, "schema_name": schema, "name": function}
        volumes.create(s, "function", given, if_not_exists, replaces)

    return write("CREATE_FUNCTION", effect)


def _clauses(reader: Reader, doc: Doc) -> None:
    while not reader.at_end():
        if reader.accept("RETURNS"):
            if reader.accept("TABLE"):
                listed = reader.in_parentheses(lambda: _parameter(reader))
                columns = [_numbered(item, index) for index, item in enumerate(listed)]
                doc |= {"data_type": "TABLE_TYPE", "full_data_type": "TABLE", "return_params": {"parameters": columns}}
                continue
            item = reader.type()
            doc["data_type"] = types.column_doc(item, 0)["type_name"]
            doc["full_data_type"] = types.field_text(item)
        elif reader.accept("LANGUAGE"):
            language = reader.identifier().upper()
            if language != "SQL":
                doc |= {"routine_body": "EXTERNAL", "external_language": language}
        elif reader.accept("COMMENT"):
            doc["comment"] = reader.string()
        elif reader.accept("NOT", "DETERMINISTIC"):
            doc["is_deterministic"] = False
        elif reader.accept("CONTAINS", "SQL") or reader.accept("DETERMINISTIC"):
            continue
        elif reader.accept("READS", "SQL", "DATA"):
            doc["sql_data_access"] = "READS_SQL_DATA"
        elif reader.accept("RETURN"):
            doc["routine_definition"] = _body(reader.rest())
        elif reader.accept("AS"):
            doc["routine_definition"] = reader.rest().strip("$").strip()
        else:
            raise reader.error("a clause of CREATE FUNCTION")
    if "routine_definition" not in doc:
        raise reader.error("RETURN")
    doc.setdefault("data_type", "STRING")
    doc.setdefault("full_data_type", "string")


def _body(text: str) -> str:
    """Refuse a body that cannot be read, now rather than at the first call."""
    upper = text.lstrip("( \n\t").upper()
    _ = translate.parse(text) if upper.startswith(("SELECT", "WITH")) else translate.parse_expression(text)
    return text


def _parameter(reader: Reader) -> Doc:
    name = reader.identifier()
    item = reader.type()
    doc: Doc = types.column_doc(item, 0) | {"name": name, "parameter_mode": "IN", "parameter_type": "PARAM"}
    doc.pop("nullable")
    if reader.accept("DEFAULT"):
        doc["parameter_default"] = reader.text_until(("COMMENT",))
    if reader.accept("COMMENT"):
        doc["comment"] = reader.string()
    return doc


def _numbered(parameter: Doc, index: int) -> Doc:
    return parameter | {"position": index}


def parse_drop(reader: Reader) -> Statement:
    """DROP FUNCTION [IF EXISTS] f."""
    reader.expect("FUNCTION")
    if_exists, name = reader.if_exists(), reader.name()
    reader.finish()
    return write("DROP_FUNCTION", lambda s: volume_statements.drop(s, "function", name, if_exists))
