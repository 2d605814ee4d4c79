"""What is rewritten in a query's text before sqlglot reads it: forms that only Databricks knows, and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replicator.emulator import grants
from replicator.emulator.delta import history
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Param
from replicator.emulator.sql.tokens import Kind, Token, quote_name, quote_string, tokenize

Edit = tuple[int, int, str]


def prepare(text: str) -> str:
    """Replace `(DESCRIBE HISTORY t LIMIT n)`, `t@v3`, IDENTIFIER('t') and chained literals by what sqlglot can read."""
    tokens = tokenize(text)
    edits = [*_describe_edits(text, tokens), *_version_edits(tokens), *_identifier_edits(tokens)]
    taken = {start for start, _, _ in edits}
    edits += [edit for edit in _chain_edits(tokens) if edit[0] not in taken]
    if tokens[0].upper == "TABLE":
        edits.append((tokens[0].start, tokens[0].end, "SELECT * FROM"))
    return _edited(text, edits) if edits else text


def _edited(text: str, edits: list[Edit]) -> str:
    pieces, at = [], 0
    for start, end, replacement in sorted(edits):
        pieces += [text[at:start], replacement]
        at = end
    return "".join([*pieces, text[at:]])


def _describe_edits(text: str, tokens: list[Token]) -> list[Edit]:
    edits: list[Edit] = []
    for index, token in enumerate(tokens[:-2]):
        if token.upper != "(" or tokens[index + 1].upper not in ("DESCRIBE", "DESC"):
            continue
        kind = tokens[index + 2].upper
        if kind not in ("HISTORY", "DETAIL"):
            continue
        reader = Reader(text, tokens[index + 3 :])
        arguments = quote_string(quote_name(*reader.name()))
        if kind == "HISTORY" and reader.accept("LIMIT"):
            arguments += f", {reader.number()}"
        end = reader.token.start
        edits.append((tokens[index + 1].start, end, f"SELECT * FROM emulator_{kind.lower()}({arguments})"))
    return edits


def _version_edits(tokens: list[Token]) -> list[Edit]:
    """`t@v3` and `t@20240131000000000` as AS OF clauses."""
    edits: list[Edit] = []
    for before, at, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (
            at.text != "@"
            or at.kind is not Kind.SYMBOL
            or before.end != at.start
            or before.kind not in (Kind.WORD, Kind.QUOTED)
        ):
            continue
        if after.kind is Kind.WORD and after.text[0] in "vV" and after.text[1:].isdigit():
            edits.append((at.start, after.end, f" VERSION AS OF {after.text[1:]}"))
        elif after.kind is Kind.NUMBER and len(after.text) == 17:
            digits = after.text
            stamp = (
                f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:14]}.{digits[14:]}"
            )
            edits.append((at.start, after.end, f" TIMESTAMP AS OF '{stamp}'"))
    return edits


def _identifier_edits(tokens: list[Token]) -> list[Edit]:
    """IDENTIFIER('a.b') is the name a.b."""
    edits: list[Edit] = []
    for first, opens, value, closes in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        shape = (first.upper, opens.upper, closes.upper)
        if shape == ("IDENTIFIER", "(", ")") and value.kind is Kind.STRING:
            edits.append((first.start, closes.end, quote_name(*name_of(value.text))))
    return edits


def _chain_edits(tokens: list[Token]) -> list[Edit]:
    """Adjacent string literals become one: Databricks chains them (so `'it''s'` is `its`)."""
    edits: list[Edit] = []
    index = 0
    while index < len(tokens):
        last = index
        while tokens[last].kind is Kind.STRING and tokens[last + 1].kind is Kind.STRING:
            last += 1
        if last > index:
            value = "".join(token.text for token in tokens[index : last + 1])
            edits.append((tokens[index].start, tokens[last].end, quote_string(value)))
        index = last + 1
    return edits


# ---- parameters

_UNQUOTED = frozenset({"TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "LONG", "BOOLEAN"})


def with_parameters(text: str, params: Sequence[Param]) -> str:
    """The statement with its `:name` and `?` markers replaced by literals. Raises SqlError for an unbound marker."""
    if not params:
        return text
    by_name = {param.name.lower(): param for param in params if param.name}
    ordered = [param for param in params if not param.name]
    tokens = tokenize(text)
    edits: list[Edit] = []
    for previous, token in zip([None, *tokens], tokens, strict=False):
        if token.kind is not Kind.PARAMETER or _is_path(previous, token):
            continue
        param = _parameter(token, by_name, ordered)
        edits.append((token.start, token.end, _literal(param)))
    return _edited(text, edits)


def _is_path(previous: Token | None, token: Token) -> bool:
    """`column:path` is a path into JSON, no parameter."""
    if previous is None or token.text == "?":
        return False
    touching = previous.end == token.start
    return touching and (previous.kind in (Kind.WORD, Kind.QUOTED) or previous.text in (")", "]"))


def _parameter(token: Token, by_name: Mapping[str, Param], ordered: list[Param]) -> Param:
    if token.text == "?":
        if ordered:
            return ordered.pop(0)
    elif (name := token.text[1:].strip("`").lower()) in by_name:
        return by_name[name]
    message = f"Found the unbound parameter: {token.text.lstrip(':')}. Please, provide a mapping of the parameter."
    raise SqlError("UNBOUND_SQL_PARAMETER", "42P02", message)


def _literal(param: Param) -> str:
    kind = param.type.upper()
    if param.value is None or kind == "VOID":
        return "NULL"
    if kind in _UNQUOTED:
        plain = param.value.strip().lstrip("+-")
        if not (plain.isdigit() or param.value.lower() in ("true", "false")):
            message = f"The value '{param.value}' of a parameter cannot be cast to \"{kind}\" because it is malformed."
            raise SqlError("CAST_INVALID_INPUT", "22018", message)
        small = kind in ("INT", "INTEGER", "BOOLEAN") or (kind in ("BIGINT", "LONG") and len(plain) > 18)
        return param.value if small else f"CAST({param.value} AS {kind})"
    if kind == "STRING":
        return quote_string(param.value)
    return f"CAST({quote_string(param.value)} AS {kind})"


# ---- DESCRIBE inside a query


def name_of(text: str) -> Name:
    """The name that a text holds."""
    return Reader(text).name()


def history_rows(s: Session, name: Name, limit: int | None) -> list[dict[str, Any]]:
    """Rows of DESCRIBE HISTORY for a name, newest first. Raises ApiError and SqlError for what may not be seen."""
    if names.is_path(name):
        return history.rows(names.reachable(s, name[1], "READ_FILES"), limit)
    doc = names.lookup(s, name)
    names.require_history(doc)
    grants.check(s, "SELECT", "table", names.parts_of(doc))
    return newest_rows(names.path_of(doc), limit)


def newest_rows(path: Path, limit: int | None) -> list[dict[str, Any]]:
    """History rows of a table that may be seen, newest first. Raises SqlError for the newest of none."""
    return [history.newest(path)] if limit == 1 else history.rows(path, limit)
