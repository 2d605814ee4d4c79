"""The versions of hundreds of tables in one statement: a UNION ALL of `SELECT … FROM (DESCRIBE HISTORY t LIMIT 1)`.

Branches that differ only in literals and in the table are one query over the history rows of all tables: the text is
parsed once, whatever their number; the plainest of them are not even that (`history_listing`).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from replicator.emulator import engine
from replicator.emulator.delta import history
from replicator.emulator.session import Session
from replicator.emulator.sql import history_listing, query, rewrite, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.tokens import Kind, Token, quote_string, tokenize

_FEWEST = 4
_RELATION = "__histories"
_LITERAL = "__literal"


@dataclass(frozen=True)
class Branch:
    """One SELECT: what it has in common with the others, and what is its own."""

    shape: tuple[str, ...]
    text: str
    literals: tuple[str, ...]
    table: Name
    limit: int | None


def select(s: Session, text: str) -> pa.Table | None:
    """The result of such a statement; None for any other, which takes the ordinary way."""
    if "UNION" not in text.upper() or "HISTORY" not in text.upper():
        return None
    listed = history_listing.select(s, text, _FEWEST)
    return parsed(s, text) if listed is None else listed


def parsed(s: Session, text: str) -> pa.Table | None:
    """The result of any such statement, by parsing its first branch; None for any other."""
    branches = _branches(text)
    if branches is None or len(branches) < _FEWEST or len({branch.shape for branch in branches}) > 1:
        return None
    tree = translate.parse(branches[0].text)
    if not isinstance(tree, exp.Select) or tree.find(
        exp.AggFunc, exp.Window, exp.Group, exp.Order, exp.Limit, exp.Distinct
    ):
        return None
    named = query.output_names(translate.parse(_first_branch(branches[0])))
    if named is None:
        return None  # a star would also show the literals
    binder = query.Binder(s, {_RELATION: _rows(s, branches)})
    bound = binder.duckdb(_reading_all(tree, binder))
    return engine.run(bound, binder.relations, named)


def _branches(text: str) -> list[Branch] | None:
    tokens = tokenize(text)
    found: list[Branch] = []
    start, depth = 0, 0
    for index, token in enumerate(tokens):
        depth += (token.upper == "(") - (token.upper == ")")
        ends = token.kind is Kind.END or (token.upper == ";" and depth == 0)
        unites = depth == 0 and token.upper == "UNION" and tokens[index + 1].upper == "ALL"
        if ends or unites:
            branch = _branch(text, tokens[start:index])
            if branch is None:
                return None
            found.append(branch)
            start = index + 2
        if ends:
            return found
    return found


def _branch(text: str, tokens: list[Token]) -> Branch | None:
    """Read one branch; its literals become columns and its history a relation that all branches share."""
    pieces: list[str] = []
    literals: list[str] = []
    table: Name = ()
    limit, index = None, 0
    while index < len(tokens):
        token = tokens[index]
        if token.upper == "(" and index + 2 < len(tokens) and tokens[index + 2].upper == "HISTORY":
            if table or tokens[index + 1].upper not in ("DESCRIBE", "DESC"):
                return None
            reader = Reader(text, [*tokens[index + 3 :], Token(Kind.END, "", len(text), len(text))])
            table = reader.name()
            limit = reader.number() if reader.accept("LIMIT") else None
            while tokens[index].start < reader.token.start:
                index += 1
            pieces.append(f"(SELECT * FROM {_RELATION}")
            continue
        if token.kind is Kind.STRING and index and tokens[index - 1].kind is Kind.STRING:
            literals[-1] += token.text  # Databricks chains literals
        elif token.kind is Kind.STRING:
            pieces.append(f"{_LITERAL}{len(literals)}")
            literals.append(token.text)
        else:
            pieces.append(text[token.start : token.end])
        index += 1
    if not table:
        return None
    return Branch(tuple(pieces), " ".join(pieces), tuple(literals), table, limit)


def _first_branch(branch: Branch) -> str:
    """The branch with its literals in place, for the names of its columns."""
    values = {f"{_LITERAL}{number}": quote_string(value) for number, value in enumerate(branch.literals)}
    return " ".join(values.get(piece, piece) for piece in branch.shape)


def _rows(s: Session, branches: list[Branch]) -> pa.Table:
    """History rows of all branches, each with the literals of its branch."""
    found, literals = [], []
    for branch in branches:
        mine = rewrite.history_rows(s, branch.table, branch.limit)
        found += mine
        literals += [branch.literals] * len(mine)
    table = history.table(found)
    for number in range(len(branches[0].literals)):
        column = pa.array([values[number] for values in literals], pa.string())
        table = table.append_column(f"{_LITERAL}{number}", column)
    return table


def _reading_all(tree: exp.Select, binder: query.Binder) -> exp.Expr:
    for table in list(tree.find_all(exp.Table)):
        if table.name == _RELATION:
            table.replace(query.bound_table(_RELATION))
    return binder.visit(tree)
