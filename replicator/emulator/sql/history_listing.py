"""The usual form of a UNION ALL of histories, read with one pattern and answered without an engine.

`SELECT 'text' AS a, version, … FROM (DESCRIBE HISTORY c.s.t LIMIT 1) UNION ALL …`, the same columns in every branch, is
how hundreds of versions are asked for at a time. Whatever does not fit is left to `history_union`, which answers all of
them; the answers are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from replicator.emulator.delta import history
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import query, rewrite, translate
from replicator.emulator.sql.reader import Name
from replicator.emulator.sql.tokens import SURROGATE, unescape

_COLUMNS = {field.name.lower(): field for field in history.SCHEMA if not pa.types.is_struct(field.type)}
_PART = r"(?:`(?:[^`]|``)+`|[^\W\d]\w*)"
_BRANCH = re.compile(
    rf"""
    \s*SELECT\s+'(?P<text>(?:[^'\\]|\\.)*)'(?P<columns>\s+AS\s+\w+[\w\s,]*?)\sFROM\s*
    \(\s*(?:DESCRIBE|DESC)\s+HISTORY\s+(?P<name>{_PART}(?:\.{_PART})*)(?:\s+LIMIT\s+(?P<limit>[0-9]+))?\s*\)\s*
    (?P<more>UNION\s+ALL\b|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_PARTS = re.compile(r"`((?:[^`]|``)+)`|(\w+)")


@dataclass(frozen=True, slots=True)
class Branch:
    """One SELECT: its text, and whose history it reads."""

    text: str
    table: Name
    limit: int | None


def select(s: Session, text: str, fewest: int) -> pa.Table | None:
    """The result of such a statement of at least so many branches; None for any other."""
    read = None if SURROGATE.search(text) else _read(text)
    if read is None or len(read[1]) < fewest:
        return None
    columns, branches = read
    shape = _shape(columns)
    if shape is None:
        return None
    names, wanted = shape
    texts, rows = [], []
    for branch, found in zip(branches, _histories(s, branches), strict=True):
        rows += found
        texts += [branch.text] * len(found)
    kinds = [pa.string(), *(field.type for field in wanted)]
    values: list[list[Any]] = [texts, *([row.get(field.name) for row in rows] for field in wanted)]
    arrays = [pa.array(items, kind) for items, kind in zip(values, kinds, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(list(zip(names, kinds, strict=True))))


def _read(text: str) -> tuple[str, list[Branch]] | None:
    """The columns that all branches have, as they are written, and the branches."""
    found: list[Branch] = []
    columns, at = "", 0
    while match := _BRANCH.match(text, at):
        literal, listed, name, limit, more = match.groups()
        if found and listed != columns:
            return None
        columns, at = listed, match.end()
        parts = tuple(word or quoted.replace("``", "`") for quoted, word in _PARTS.findall(name))
        found.append(Branch(unescape(literal), parts, None if limit is None else int(limit)))
        if not more:
            return columns, found
    return None


@lru_cache(64)
def _shape(columns: str) -> tuple[list[str], list[pa.Field]] | None:
    """The names of the result's columns, and which of a history's stand behind the text; None for what is no such list.

    The text is read by the parser that reads all queries: it knows which words are no names.
    """
    try:
        tree = translate.parse(f"SELECT ''{columns} FROM histories")
        names = query.output_names(tree)
    except SqlError:
        return None  # the ordinary way words the refusal
    first, *others = tree.expressions
    if not isinstance(first, exp.Alias) or not all(type(item) is exp.Column for item in others):
        return None
    known = [item.name.lower() for item in others]
    if names is None or not all(name in _COLUMNS for name in known):
        return None
    return names, [_COLUMNS[name] for name in known]


def _histories(s: Session, branches: list[Branch]) -> Iterator[list[dict[str, Any]]]:
    """The history rows of each branch. Raises ApiError and SqlError for the first that may not be seen."""
    known = _known(s, branches)
    for branch in branches:
        doc = known.get(branch.table, {})
        if "_path" in doc and not doc.get("_read_only"):
            yield rewrite.newest_rows(Path(doc["_path"]), branch.limit)
        else:
            yield rewrite.history_rows(s, branch.table, branch.limit)


def _known(s: Session, branches: list[Branch]) -> Mapping[Name, Doc]:
    """What is kept of the tables that an admin, who may see all, names in full: one query for all of them."""
    if not s.is_admin:
        return {}
    return s.store.private(s.ms, "table", [branch.table for branch in branches if len(branch.table) == 3])
