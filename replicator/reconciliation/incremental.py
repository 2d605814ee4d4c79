"""Carrying a fingerprint forward: F(new) = F(old) + rows inserted - rows deleted, read from the change data feed.

The fingerprint is a homomorphic multiset hash, so the changes of a few commits stand for a scan of the whole table. A
chain of such steps rests on one full scan and is cut after a few, so that an error cannot live on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from replicator.errors import WorkspaceError
from replicator.reconciliation.fingerprint import Cell, aggregates, cell
from replicator.reconciliation.probe import Probe
from replicator.reconciliation.recipe import Recipe, hashed_rows
from replicator.sqltext import literal

MAX_STEPS = 9
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Known:
    """A fingerprint and how many steps it is away from a full scan."""

    cell: Cell
    steps: int = 0

    @property
    def text(self) -> str:
        return f"{self.cell.text}+{self.steps}" if self.steps else self.cell.text

    @classmethod
    def parse(cls, text: str) -> "Known":
        """Read it back; raises ValueError for anything else."""
        fingerprint, _, steps = text.partition("+")
        return cls(Cell.parse(fingerprint), int(steps or 0))


KEPT = 8
"""How many fingerprints of other recipes (another hash, other columns) are kept beside the newest ones."""


def merged(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """What to remember: the new fingerprints, and a few older ones that they do not supersede.

    Keys are `table id@version:recipe`. A newer version of the same table and recipe supersedes an older one.
    """
    superseded = {_without_version(key) for key in new}
    others = {key: text for key, text in known.items() if _without_version(key) not in superseded}
    return {**dict(sorted(others.items())[:KEPT]), **new}


def _without_version(key: str) -> tuple[str, str]:
    return key.partition("@")[0], key.rpartition(":")[2]


def changes_sql(recipe: Recipe, probe: Probe, after: int) -> str:
    """The level-1 columns with b = 1 for rows that came and b = -1 for rows that went, in the commits after `after`."""
    place = probe.place
    changed = f"table_changes({literal(place.table)}, {after + 1}, {place.version})"
    signed = "CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 1 ELSE -1 END AS b"
    rows = hashed_rows(recipe, place, [signed], table=changed, keep=("_change_type",))
    return f"SELECT b, {aggregates(recipe)} FROM ({rows}) GROUP BY b"


def carried_forward(recipe: Recipe, probe: Probe, version: int, known: Known) -> Known | None:
    """The fingerprint at the probe's version from that of an older one; None when a full scan is due, or when the
    change feed does not reach back that far."""
    if known.steps >= MAX_STEPS:
        return None
    try:
        rows = probe.query(changes_sql(recipe, probe, version))
    except WorkspaceError:
        # the feed may have been switched on later, or cleaned up; a full scan answers in any case
        return None
    parts = {int(row["b"]): cell(row, recipe.hashing.words) for row in rows}
    return Known(apply(known.cell, parts.get(1), parts.get(-1)), known.steps + 1)


def apply(base: Cell, came: Cell | None, went: Cell | None) -> Cell:
    """The cell of a multiset after rows came and went."""
    rows, sums, xors = base.rows, list(base.sums), list(base.xors)
    for part, sign in ((came, 1), (went, -1)):
        if part is None:
            continue
        rows += sign * part.rows
        sums = [(total + sign * other) & _MASK for total, other in zip(sums, part.sums, strict=True)]
        xors = [one ^ other for one, other in zip(xors, part.xors, strict=True)]
    return Cell(rows, tuple(sums), tuple(xors))
