"""Sessions on emulated metastores, straight at the SQL front: breadth without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replicator.emulator import sql
from replicator.emulator.errors import ApiError, SqlError, as_sql_error
from replicator.emulator.metastore import Store
from replicator.emulator.session import Session


@dataclass
class Warehouse:
    """Runs statements for one session and returns plain Python values."""

    session: Session

    def run(self, *statements: str, params: tuple[sql.Param, ...] = ()) -> list[dict[str, Any]]:
        """Run the statements in order; rows of the last one."""
        result = None
        for statement in statements:
            result = sql.execute(self.session, statement, params)
        assert result is not None
        rows: list[dict[str, Any]] = result.table.to_pylist()
        return rows

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows as tuples; column names may repeat."""
        table = sql.execute(self.session, statement).table
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def value(self, statement: str) -> Any:
        """The only value of the only row."""
        rows = self.rows(statement)
        assert len(rows) == 1
        assert len(rows[0]) == 1
        return rows[0][0]

    def refusal(self, statement: str) -> str:
        """The error class with which a statement is refused."""
        return self.error(statement).error_class

    def error(self, statement: str) -> SqlError:
        """The error with which a statement is refused, as the transports word it."""
        with pytest.raises((SqlError, ApiError)) as caught:
            sql.execute(self.session, statement)
        error = caught.value
        return as_sql_error(error) if isinstance(error, ApiError) else error

    def as_principal(self, principal: str) -> Warehouse:
        """Another user on the same metastore."""
        s = self.session
        return Warehouse(Session(s.store, s.metastore, principal, s.catalog, s.schema))


def open_warehouse(root: Path, name: str = "us-east") -> Warehouse:
    """A warehouse of the metastore's owner, in the schema `main.s`."""
    store = Store(root)
    metastore = store.metastore(name)
    warehouse = Warehouse(Session(store, metastore, metastore.owner))
    warehouse.run("CREATE CATALOG IF NOT EXISTS main", "CREATE SCHEMA IF NOT EXISTS main.s", "USE main.s")
    return warehouse


Opener = Callable[[str], Warehouse]
