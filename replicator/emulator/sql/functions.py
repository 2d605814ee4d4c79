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
        _inline_tables(s, tree)
        calls = [(node, doc) for node in tree.find_all(exp.Anonymous) if (doc := _function(s, node)) is not None]
        if not calls:
            return
        for node, doc in reversed(calls):
            whole = node.parent if isinstance(node.parent, exp.Dot) and node.arg_key == "expression" else node
            whole.replace(_body(s, doc, node.expressions))
    raise SqlError("RECURSIVE_FUNCTION", "42K0H", "A function calls itself.")


def _inline_tables(s: Session, tree: exp.Expr) -> None:
    """Replace every `f(x)` in FROM that is a table function of the catalog by the query that it returns."""
    for node in list(tree.find_all(exp.Table)):
        call = node.this
        if not isinstance(call, exp.Anonymous) or translate.is_known(call.name):
            continue
        qualifiers = [part.name for part in (node.args.get("catalog"), node.args.get("db")) if part is not None]
        doc = s.store.get(s.ms, "function", *names.qualify(s, (*qualifiers, call.name)))
        if doc is None or "return_params" not in doc:
            continue
        grants.check(s, "EXECUTE", "function", names.parts_of(doc))
        body = _substituted(translate.parse(doc["routine_definition"]), _values(doc, call.expressions))
        listed = doc["return_params"]["parameters"]
        inner = exp.TableAlias(
            this=exp.to_identifier("__rows"),
            columns=[exp.to_identifier(item["name"], quoted=True) for item in listed],
        )
        chosen = [
            exp.alias_(_cast(exp.column(item["name"], quoted=True), item["type_text"]), item["name"], quoted=True)
            for item in listed
        ]
        rows = exp.select(*chosen).from_(exp.Subquery(this=body, alias=inner))
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(call.name))
        node.replace(exp.Subquery(this=rows, alias=alias.copy()))


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
    if "return_params" in doc:
        message = f"The function {doc['full_name']} returns a table: it stands in FROM."
        raise SqlError("NOT_A_SCALAR_FUNCTION", "42887", message)
    values = _values(doc, arguments)
    text = doc["routine_definition"]
    if text.lstrip("( \n\t").upper().startswith(("SELECT", "WITH")):
        body: exp.Expr = exp.Subquery(this=translate.parse(text))
    else:
        body = exp.Paren(this=translate.parse_expression(text))
    return _cast(_substituted(body, values), doc.get("full_data_type") or doc["data_type"])


def _values(doc: Doc, arguments: list[exp.Expr]) -> dict[str, exp.Expr]:
    """Parameters (lower case) with their arguments, by place or by name, and their defaults."""
    parameters = doc.get("input_params", {}).get("parameters", [])
    if len(arguments) > len(parameters):
        message = (
            f"The `{doc['name']}` requires {len(parameters)} parameters but the actual number is {len(arguments)}."
        )
        raise SqlError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", message)
    named = {item.this.name.lower(): item.expression for item in arguments if isinstance(item, exp.Kwarg)}
    placed = [item for item in arguments if not isinstance(item, exp.Kwarg)]
    unknown = named.keys() - {parameter["name"].lower() for parameter in parameters}
    if unknown:
        message = f"Cannot invoke routine `{doc['name']}`: it has no parameter `{min(unknown)}`."
        raise SqlError("UNRECOGNIZED_PARAMETER_NAME", "4274K", message)
    values = {}
    for position, parameter in enumerate(parameters):
        name = parameter["name"].lower()
        value = placed[position] if position < len(placed) else named.get(name)
        values[name] = _cast(_default(doc, parameter) if value is None else value, parameter["type_text"])
    return values


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
