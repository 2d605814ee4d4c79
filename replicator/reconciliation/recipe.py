"""What of two tables is compared and how: the same recipe makes the statements of both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from replicator.address import Side
from replicator.reconciliation import canon
from replicator.reconciliation.typetext import Type, render
from replicator.sqltext import quote, quote_name
from replicator.values import fingerprint


class Hashing(StrEnum):
    """`xxhash64` finds faults; `sha256` also withstands somebody who makes rows collide, at several times the cost."""

    XXHASH64 = "xxhash64"
    SHA256 = "sha256"

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the 64-bit words of a row's hash."""
        return ("h",) if self is Hashing.XXHASH64 else ("h", "g")


@dataclass(frozen=True, slots=True)
class Compared:
    """One column: its common type, and each side's own name and type."""

    name: str
    kind: Type
    source: tuple[str, Type]
    target: tuple[str, Type]

    def on(self, side: Side) -> tuple[str, Type]:
        return self.source if side is Side.SOURCE else self.target


@dataclass(frozen=True, slots=True)
class Recipe:
    """`columns` sorted by lower-cased name; `key` names some of them, empty when rows have no key."""

    columns: tuple[Compared, ...]
    key: tuple[str, ...] = ()
    hashing: Hashing = Hashing.XXHASH64

    @property
    def key_positions(self) -> tuple[int, ...]:
        names = [column.name.lower() for column in self.columns]
        return tuple(names.index(name.lower()) for name in self.key)

    @property
    def bucket_by(self) -> str:
        """The name of the hash that decides a row's bucket: the key's, or the row's own."""
        return "k" if self.key else "h"


@dataclass(frozen=True, slots=True)
class Place:
    """One table at one version (None: as it is now), which rows of it, and whose spelling of columns it uses."""

    table: str
    side: Side
    version: int | None = None
    where: str | None = None


def recipe_id(recipe: Recipe, place: Place) -> str:
    """Names what a fingerprint of this place depends on beside the data."""
    columns = [[column.name.lower(), render(column.kind)] for column in recipe.columns]
    return fingerprint([columns, recipe.hashing.value, place.where])[7:23]


def relation(place: Place, table: str | None = None) -> str:
    """The FROM clause: the table at its version (or `table`, any relation with its columns), and the filter."""
    version = f" VERSION AS OF {place.version}" if place.version is not None else ""
    where = f" WHERE (\n{place.where}\n)" if place.where else ""
    return f"{table or quote_name(place.table) + version}{where}"


def projection(recipe: Recipe, place: Place, table: str | None = None, keep: Sequence[str] = ()) -> str:
    """The compared columns as c0, c1, …: no name of a column can clash with one of ours further out. `keep` are names
    that `table` adds to them."""
    names = [f"{quote(column.on(place.side)[0])} AS c{i}" for i, column in enumerate(recipe.columns)]
    return f"SELECT {', '.join([*names, *keep])} FROM {relation(place, table)}"


def hashed_rows(
    recipe: Recipe, place: Place, extras: Sequence[str] = (), *, table: str | None = None, keep: Sequence[str] = ()
) -> str:
    """A query with the hash words of each row, `k` where there is a key, and `extras` (`expression AS name`)."""
    key = [f"{_xxhash(recipe, place, recipe.key_positions)} AS k"] if recipe.key else []
    inner = projection(recipe, place, table, keep)
    if recipe.hashing is Hashing.XXHASH64:
        row = f"{_xxhash(recipe, place, range(len(recipe.columns)))} AS h"
        return f"SELECT {', '.join([row, *key, *extras])} FROM ({inner})"
    digest = f"{_sha256(recipe, place)} AS d"
    passed = [item.rpartition(" AS ")[2] for item in (*key, *extras)]
    words = [f"{_word(1)} AS h", f"{_word(17)} AS g"]
    return f"SELECT {', '.join([*words, *passed])} FROM (SELECT {', '.join([digest, *key, *extras])} FROM ({inner}))"


def column_hash(recipe: Recipe, place: Place, position: int) -> str:
    """The hash of one column, NULL included."""
    column = recipe.columns[position]
    return canon.hash_of(f"c{position}", column.kind, column.on(place.side)[1])


def _xxhash(recipe: Recipe, place: Place, positions: Sequence[int]) -> str:
    arguments: list[str] = []
    for position in positions:
        column = recipe.columns[position]
        arguments += canon.hash_arguments(f"c{position}", column.kind, column.on(place.side)[1])
    arguments += canon.null_bitmaps([f"c{position}" for position in positions])
    return f"xxhash64({', '.join(arguments)})"


def _sha256(recipe: Recipe, place: Place) -> str:
    texts = (
        canon.text_of(f"c{position}", column.kind, column.on(place.side)[1])
        for position, column in enumerate(recipe.columns)
    )
    return f"sha2(concat({', '.join(texts)}), 256)"


def _word(start: int) -> str:
    """16 hexadecimal digits of the digest as a signed 64-bit number; conv writes signed to a negative base."""
    return f"CAST(conv(substr(d, {start}, 16), 16, -10) AS BIGINT)"
