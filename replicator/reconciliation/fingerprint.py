"""Level 1: one statement per side, one row per bucket back, and the fold of the buckets into a table's fingerprint.

Count, sum and xor of 64-bit row hashes form a multiset hash: independent of order, and of how rows are cut into
buckets; the sum sees duplicates, which xor alone does not. `sum(h)` would overflow under ANSI, so both halves of the
hash are summed (exact up to two billion rows per bucket, beyond which the statement fails rather than errs).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from replicator.reconciliation.recipe import Place, Recipe, hashed_rows, relation

DEFAULT_BUCKETS = 4096
MIN_BUCKETS, MAX_BUCKETS = 64, 65_536
ROWS_PER_BUCKET = 2000
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows of one bucket, or of a whole table: their count, and per hash word the sum modulo 2^64 and the xor."""

    rows: int
    sums: tuple[int, ...]
    xors: tuple[int, ...]

    @property
    def text(self) -> str:
        """`rows:` and 32 hexadecimal digits per hash word."""
        words = "".join(f"{total:016x}{xor:016x}" for total, xor in zip(self.sums, self.xors, strict=True))
        return f"{self.rows}:{words}"

    @classmethod
    def parse(cls, text: str) -> "Cell":
        """Read a fingerprint back; raises ValueError for anything else."""
        rows, _, words = text.partition(":")
        if not words or len(words) % 32:
            raise ValueError(f"not a fingerprint: {text!r}")
        halves = [int(words[at : at + 16], 16) for at in range(0, len(words), 16)]
        return cls(int(rows), tuple(halves[0::2]), tuple(halves[1::2]))


Buckets = Mapping[int, Cell]


def bucket_count(rows: int | None) -> int:
    """A power of two with about 2,000 rows per bucket; 4,096 when the size is unknown, which costs Spark no more than
    one bucket (measured)."""
    if rows is None:
        return DEFAULT_BUCKETS
    wanted = 1 << max(0, (rows // ROWS_PER_BUCKET - 1)).bit_length()
    return min(max(wanted, MIN_BUCKETS), MAX_BUCKETS)


def fingerprint_sql(recipe: Recipe, place: Place, buckets: int) -> str:
    """Columns b, n and, per hash word w: x_w, hi_w, lo_w."""
    bucket = bucket_of(recipe, buckets)
    return f"SELECT {bucket} AS b, {aggregates(recipe)} FROM ({hashed_rows(recipe, place)}) GROUP BY {bucket}"


def by_hand_sql(recipe: Recipe, place: Place) -> str:
    """One row for the whole table, for a person to run on both sides: two equal rows are two equal tables."""
    whole = replace(recipe, key=())
    return f"SELECT {aggregates(recipe)}\nFROM ({hashed_rows(whole, place)})"


def bucket_of(recipe: Recipe, buckets: int) -> str:
    """The number of a row's bucket. `buckets` is a power of two, so that a mask does what pmod does, at less cost."""
    return f"{recipe.bucket_by} & {buckets - 1}"


def count_sql(place: Place) -> str:
    """One row, one column n."""
    return f"SELECT count(*) AS n FROM {relation(place)}"


def aggregates(recipe: Recipe) -> str:
    parts = ["count(*) AS n"]
    for word in recipe.hashing.words:
        parts.append(f"bit_xor({word}) AS x_{word}")
        parts.append(f"sum(shiftright({word}, 32)) AS hi_{word}")
        parts.append(f"sum({word} & 4294967295) AS lo_{word}")
    return ", ".join(parts)


def cell(row: Mapping[str, Any], words: Iterable[str]) -> Cell:
    """One result row as a cell."""
    names = tuple(words)
    return Cell(
        rows=int(row["n"]),
        sums=tuple(((int(row[f"hi_{w}"]) << 32) + int(row[f"lo_{w}"])) & _MASK for w in names),
        xors=tuple(int(row[f"x_{w}"]) & _MASK for w in names),
    )


def fold(cells: Iterable[Cell], words: int) -> Cell:
    """The cell of all rows together; `words` gives the width where there are none."""
    rows, sums, xors = 0, [0] * words, [0] * words
    for item in cells:
        rows += item.rows
        for at in range(words):
            sums[at] = (sums[at] + item.sums[at]) & _MASK
            xors[at] ^= item.xors[at]
    return Cell(rows, tuple(sums), tuple(xors))


def differing(source: Buckets, target: Buckets) -> list[int]:
    """The buckets that are not equal, in order."""
    return sorted(bucket for bucket in source.keys() | target.keys() if source.get(bucket) != target.get(bucket))
