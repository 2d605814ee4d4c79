"""What parsing a statement yields: its kind, whether it writes, and the effect to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from replicator.emulator.session import Session


@dataclass(frozen=True)
class Param:
    """A statement parameter as the client sent it: by name or by ordinal (from 1), value as text."""

    name: str | None
    ordinal: int | None
    type: str
    value: str | None


@dataclass(frozen=True)
class Result:
    """What a statement returns. `affected` is the number of rows that DML touched."""

    table: pa.Table
    affected: int | None = None
    kind: str = "SELECT"


@dataclass(frozen=True)
class Statement:
    """A parsed statement. `run` has the effect; parsing has none."""

    kind: str
    writes: bool
    run: Callable[[Session], Result]


def write(kind: str, run: Callable[[Session], object]) -> Statement:
    """A statement that changes something and returns no rows."""

    def effect(s: Session) -> Result:
        run(s)
        return Result(pa.table({}), kind=kind)

    return Statement(kind, True, effect)


def read(kind: str, run: Callable[[Session], pa.Table]) -> Statement:
    """A statement that only returns rows."""
    return Statement(kind, False, lambda s: Result(run(s), kind=kind))


def rows_of(columns: Sequence[tuple[str, pa.DataType]], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows as an Arrow table."""
    listed = [list(row) for row in rows]
    return pa.Table.from_arrays(
        [pa.array([row[index] for row in listed], kind) for index, (_, kind) in enumerate(columns)],
        schema=pa.schema([pa.field(name, kind) for name, kind in columns]),
    )


def texts(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows of strings as an Arrow table."""
    return rows_of([(name, pa.string()) for name in names], rows)
