"""Which files of a table a reader needs: the partitions that are shared, and what its predicates leave over."""

from __future__ import annotations

import fnmatch
import itertools
import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from replicator.emulator.metastore import Doc

Values = Mapping[str, str | None]  # partition column -> value as the Delta log holds it; None and "" are NULL
# Outcomes that a predicate may have for the rows of a file, NULL as None; all three if its values do not tell
Outcomes = frozenset[bool | None]
_ANY: Outcomes = frozenset({True, False, None})


def in_partitions(partitions: Iterable[Doc], properties: Mapping[str, str], values: Values) -> bool:
    """Whether a file is in one of the shared partitions; without any the whole table is shared.

    Databricks documents the form: within one partition all values must match, by EQUAL or LIKE, against a value or a
    property of the recipient.
    """
    given = list(partitions)
    folded = {name.lower(): value or None for name, value in values.items()}
    return not given or any(
        all(_matches(item, properties, folded) for item in partition.get("values") or ()) for partition in given
    )


def _matches(item: Doc, properties: Mapping[str, str], values: Values) -> bool:
    found = values.get(str(item.get("name", "")).lower())
    key = item.get("recipient_property_key")
    wanted = properties.get(str(key)) if key else item.get("value")
    if wanted is None or found is None:
        return wanted is found and not key
    if item.get("op") == "LIKE":
        escaped = "".join(f"[{char}]" if char in "*?[" else char for char in wanted)
        return fnmatch.fnmatchcase(found, escaped.replace("%", "*").replace("_", "?"))
    return found == wanted


# ---- hints


def hints(texts: Any, tree: Any) -> Callable[[Values], bool]:
    """A function that says whether a file may hold rows that satisfy the client's predicates.

    `texts` are SQL expressions, `tree` is the JSON form. The protocol wants best effort: what cannot be read or judged
    keeps the file.
    """
    predicates = [node for text in texts or () if isinstance(text, str) and (node := _of_sql(text)) is not None]
    if isinstance(tree, str):
        predicates.append(_of_json(tree))

    def keep(values: Values) -> bool:
        folded = {name.lower(): value or None for name, value in values.items()}
        return all(True in _judge(node, folded) for node in predicates)

    return keep


_SQL: Mapping[type[exp.Expression], str] = {
    exp.EQ: "equal",
    exp.LT: "lessThan",
    exp.LTE: "lessThanOrEqual",
    exp.GT: "greaterThan",
    exp.GTE: "greaterThanOrEqual",
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "equal": operator.eq,
    "lessThan": operator.lt,
    "lessThanOrEqual": operator.le,
    "greaterThan": operator.gt,
    "greaterThanOrEqual": operator.ge,
}
_CAST: Mapping[str, Callable[[str], Any]] = {
    "bool": lambda text: text.lower() == "true",
    "boolean": lambda text: text.lower() == "true",
    "date": date.fromisoformat,
    "string": str,
    **dict.fromkeys(("int", "long", "short", "byte", "float", "double", "decimal"), Decimal),
}


def _of_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _of_sql(text: str) -> Doc | None:
    """An SQL comparison in the JSON form; None when it is not one of those that the protocol names."""
    try:
        node = sqlglot.parse_one(text, dialect="databricks")
    except SqlglotError:
        return None
    return _tree(node)


def _tree(node: Any) -> Doc | None:
    if isinstance(node, exp.Paren):
        return _tree(node.this)
    if isinstance(node, exp.Column):
        return {"op": "column", "name": node.name}
    if isinstance(node, exp.Literal):
        return {"op": "literal", "value": node.name, "valueType": "string" if node.is_string else "decimal"}
    if isinstance(node, exp.NEQ):
        return _node("not", _node("equal", _tree(node.this), _tree(node.expression)))
    if isinstance(node, exp.Not):
        return _node("not", _tree(node.this))
    if isinstance(node, exp.And | exp.Or):
        return _node("and" if isinstance(node, exp.And) else "or", _tree(node.left), _tree(node.right))
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return _node("isNull", _tree(node.this))
    if type(node) in _SQL:
        return _node(_SQL[type(node)], _tree(node.this), _tree(node.expression))
    return None


def _node(op: str, *children: Doc | None) -> Doc | None:
    return {"op": op, "children": list(children)} if all(child is not None for child in children) else None


def _judge(node: Any, values: Values) -> Outcomes:
    """What a predicate may come to for the rows of a file with these partition values."""
    if not isinstance(node, dict) or not isinstance(node.get("children"), list):
        return _ANY
    op, children = node.get("op"), node["children"]
    if op in ("and", "or"):
        pairs = itertools.product(*(_judge(child, values) for child in children))
        return frozenset(_joined(outcomes, decisive=op == "or") for outcomes in pairs)
    if op == "not" and len(children) == 1:
        return frozenset(None if outcome is None else not outcome for outcome in _judge(children[0], values))
    if op == "isNull" and len(children) == 1:
        name = str(children[0].get("name", "")).lower() if isinstance(children[0], dict) else ""
        return frozenset({values[name] is None}) if name in values else _ANY
    return _compare(str(op), children, values)


def _joined(outcomes: Sequence[bool | None], *, decisive: bool) -> bool | None:
    """SQL's AND (False decides) and OR (True decides) of outcomes."""
    if decisive in outcomes:
        return decisive
    return None if None in outcomes else not decisive


def _compare(op: str, children: list[Any], values: Values) -> Outcomes:
    if op not in _COMPARE or len(children) != 2 or not all(isinstance(child, dict) for child in children):
        return _ANY
    texts: list[str | None] = []
    for child in children:
        name = str(child.get("name", "")).lower()
        if child.get("op") == "column" and name not in values:
            return _ANY
        texts.append(values[name] if child.get("op") == "column" else child.get("value"))
    kinds = [child.get("valueType") for child in children if child.get("op") == "literal"]
    cast = _CAST.get(str(kinds[0] if kinds else children[0].get("valueType")))
    left, right = texts
    if left is None or right is None:
        return frozenset({None})
    if cast is None:
        return _ANY
    try:
        return frozenset({_COMPARE[op](cast(str(left)), cast(str(right)))})
    except (ValueError, InvalidOperation):
        return _ANY
