"""The SQL front: one statement in, one Arrow table out, as a Databricks SQL warehouse would answer."""

from __future__ import annotations

from collections.abc import Sequence

from replicator.emulator import engine
from replicator.emulator.session import Session
from replicator.emulator.sql import parser, rewrite
from replicator.emulator.sql.statement import Param, Result

__all__ = ["Param", "Result", "classify", "execute"]


def execute(session: Session, text: str, params: Sequence[Param] = ()) -> Result:
    """Run one statement for a session. Raises SqlError, or ApiError where the catalog's rules refuse."""
    statement = parser.parse(rewrite.with_parameters(text, params))
    with engine.in_zone(session.time_zone):
        return statement.run(session)


def classify(text: str) -> tuple[str, bool]:
    """The kind of a statement and whether it writes, without running it. Raises SqlError for what cannot be parsed."""
    statement = parser.parse(text)
    return statement.kind, statement.writes
