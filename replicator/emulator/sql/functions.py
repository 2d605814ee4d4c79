"""SQL functions of the catalog: a call becomes the function's body with the arguments in place of the parameters."""

from __future__ import annotations

from sqlglot import exp

from replicator.emulator import grants
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, translate

_MAX_DEPTH = 32


def inline(s: Session, tree: exp.Expr) -> None:
    """Replace every call of a catalog function below `tree`, those inside bodies too. Raises SqlError, ApiError."""
    for _ in range(_MAX_DEPTH):
        calls = [(node, doc) for node in tree.find_all(exp.Anonymous) if (doc := _function(s, node)) is not None]
        if not calls:
            return
        for node, doc in reversed(calls):
            whole = node.parent if isinstance(node.parent, exp.Dot) and node.arg_key == "expression" else node
            whole.replace(_body(s, doc, node.expressions))
    raise SqlError("RECURSIVE_FUNCTION", "42K0H", "A function calls itself.")


def _function(s: Session, node: exp.Anonymous) -> Doc | None:
    qualifiers = _qualifiers(node)
    if not qualifiers and (translate.is_known(node.name) or isinstance(node.parent, exp.Table)):
        return None
    if len(qualifiers) > 2:
        return None
    return s.store.get(s.ms, "function", *names.qualify(s, (*qualifiers, node.name)))


def _qualifiers(node: exp.Anonymous) -> tuple[str, ...]:
    """The name parts before a call: sqlglot reads `c.s.f(x)` as nested dots."""
    if not isinstance(node.parent, exp.Dot) or node.arg_key != "expression":
        return ()
    left = node.parent.this
    if isinstance(left, exp.Column):
        return tuple(part.name for part in left.parts)
    return tuple(part.name for part in left.find_all(exp.Identifier, bfs=False))


def _body(s: Session, doc: Doc, arguments: list[exp.Expr]) -> exp.Expr:
    parts = names.parts_of(doc)
    grants.check(s, "EXECUTE", "function", parts)
    if doc.get("routine_body") != "SQL":
        message = f"The function {doc['full_name']} is written in {doc.get('external_language')}: only SQL runs here."
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", message)
    parameters = doc.get("input_params", {}).get("parameters", [])
    if len(arguments) > len(parameters):
        message = (
            f"The `{doc['name']}` requires {len(parameters)} parameters but the actual number is {len(arguments)}."
        )
        raise SqlError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", message)
    values = {}
    for position, parameter in enumerate(parameters):
        value = arguments[position] if position < len(arguments) else _default(doc, parameter)
        values[parameter["name"].lower()] = _cast(value, parameter["type_text"])
    text = doc["routine_definition"]
    if text.lstrip("( \n\t").upper().startswith(("SELECT", "WITH")):
        body: exp.Expr = exp.Subquery(this=translate.parse(text))
    else:
        body = exp.Paren(this=translate.parse_expression(text))
    return _cast(_substituted(body, values), doc.get("full_data_type") or doc["data_type"])


def _default(doc: Doc, parameter: Doc) -> exp.Expr:
    if "parameter_default" not in parameter:
        message = f"Cannot invoke routine `{doc['name']}`: the parameter `{parameter['name']}` is required."
        raise SqlError("REQUIRED_PARAMETER_NOT_FOUND", "4274K", message)
    return translate.parse_expression(parameter["parameter_default"])


def _cast(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(value.copy(), exp.DataType.build(kind, dialect="databricks"))


def _substituted(body: exp.Expr, values: dict[str, exp.Expr]) -> exp.Expr:
    holder = exp.Paren(this=body)
    for column in list(holder.find_all(exp.Column)):
        if not column.table and column.name.lower() in values:
            column.replace(values[column.name.lower()].copy())
    found: exp.Expr = holder.this
    return found.pop()
