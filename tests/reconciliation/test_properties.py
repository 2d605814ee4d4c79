"""Random rows and random damage: every difference is found and counted, and order never matters.

The statements run on the emulator's engine over tables in memory; an oracle that knows nothing of hashes counts.
"""

import math
import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from replicator.address import Side
from replicator.emulator import engine
from replicator.emulator.sql import translate
from replicator.reconciliation.drilldown import drill
from replicator.reconciliation.fingerprint import cell, fingerprint_sql, fold
from replicator.reconciliation.probe import Pair, Probe
from replicator.reconciliation.recipe import Compared, Place, Recipe
from replicator.reconciliation.typetext import parse
from replicator.reconciliation.verdicts import DifferenceCounts

_TYPES = {
    "id": (pa.int32(), "int"),
    "n": (pa.int64(), "bigint"),
    "m": (pa.int64(), "bigint"),
    "s1": (pa.string(), "string"),
    "s2": (pa.string(), "string"),
    "d": (pa.float64(), "double"),
    "nums": (pa.list_(pa.int64()), "array<bigint>"),
    "deep": (pa.list_(pa.list_(pa.int64())), "array<array<bigint>>"),
    "pair": (pa.struct({"a": pa.int64(), "b": pa.string()}), "struct<a:bigint,b:string>"),
}
_SCHEMA = pa.schema([(name, kind) for name, (kind, _) in _TYPES.items()])
_BUCKETS = 64

Row = dict[str, Any]
_text = st.none() | st.text("12 a", max_size=3)
_number = st.none() | st.integers(-3, 3)
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 5),
            "n": _number,
            "m": _number,
            "s1": _text,
            "s2": _text,
            "d": st.none() | st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf]),
            "nums": st.none() | st.lists(_number, max_size=3),
            "deep": st.none() | st.lists(st.none() | st.lists(_number, max_size=2), max_size=3),
            "pair": st.none() | st.fixed_dictionaries({"a": _number, "b": _text}),
        }
    ),
    max_size=12,
)


@lru_cache
def _translated(sql: str) -> str:
    return translate.to_duckdb(translate.parse(sql), {})


@dataclass
class Memory:
    """A reader of one table in memory, named t."""

    rows: list[Row]
    side: Side = Side.SOURCE
    sent: list[str] = field(default_factory=list)

    def query(self, sql: str) -> list[dict[str, Any]]:
        self.sent.append(sql)
        table = pa.Table.from_pylist(self.rows, schema=_SCHEMA)
        found: list[dict[str, Any]] = engine.run(_translated(sql), {"t": table}).to_pylist()
        return found

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        raise NotImplementedError


def _recipe(key: tuple[str, ...] = (), names: Collection[str] = tuple(_TYPES)) -> Recipe:
    columns = [(name, parse(_TYPES[name][1])) for name in sorted(names)]
    return Recipe(tuple(Compared(name, kind, (name, kind), (name, kind)) for name, kind in columns), key)


_ALL = _recipe()
_KEYED = _recipe(("id",))
_FEW = _recipe((), ("id", "s1", "d", "nums"))


def _probe(rows: list[Row], side: Side) -> Probe:
    return Probe(Memory(rows, side), Place("t", side))


def _fingerprints(source: list[Row], target: list[Row], recipe: Recipe = _ALL) -> tuple[Any, Any, Pair]:
    pair = Pair(_probe(source, Side.SOURCE), _probe(target, Side.TARGET))
    made = pair.query(lambda probe: fingerprint_sql(recipe, probe.place, _BUCKETS))
    ours, theirs = ({int(row["b"]): cell(row, "h") for row in rows} for rows in made)
    return ours, theirs, pair


def _canonical(row: Row) -> str:
    """Equal for equal rows, different for different ones: repr tells -0.0, None and nan as the check must."""
    return repr(row)


def _oracle(source: list[Row], target: list[Row]) -> DifferenceCounts:
    ours, theirs = Counter(map(_canonical, source)), Counter(map(_canonical, target))
    return DifferenceCounts(
        missing=(ours - theirs).total(),
        extra=sum(count for row, count in (theirs - ours).items() if row not in ours),
        duplicated=sum(count for row, count in (theirs - ours).items() if row in ours),
    )


_DAMAGE = {
    "a row deleted": lambda row: [],
    "a row added twice": lambda row: [row, row],
    "strings swapped": lambda row: [{**row, "s1": row["s2"], "s2": row["s1"]}],
    "numbers swapped": lambda row: [{**row, "n": row["m"], "m": row["n"]}],
    "whitespace": lambda row: [{**row, "s1": (row["s1"] or "") + " "}],
    "text cut elsewhere": lambda row: [{**row, "s1": (row["s1"] or "") + (row["s2"] or ""), "s2": ""}],
    "another sign": lambda row: [{**row, "d": -row["d"] if row["d"] is not None else 0.0}],
    "a NULL appended": lambda row: [{**row, "nums": [*(row["nums"] or ()), None]}],
    "an array flattened": lambda row: [{**row, "deep": [[n for part in row["deep"] or () for n in part or ()]]}],
    "NULL and empty": lambda row: [{**row, "nums": None if row["nums"] == [] else []}],
    "NULL and a struct of NULLs": lambda row: [
        {**row, "pair": {"a": None, "b": None} if row["pair"] is None else None}
    ],
    "another key": lambda row: [{**row, "id": row["id"] + 1}],
}


@given(_rows.filter(bool), st.sampled_from(sorted(_DAMAGE)), st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_damage_is_found_and_counted(rows: list[Row], damage: str, data: st.DataObject) -> None:
    _damage_is_found(rows, damage, data.draw(st.integers(0, len(rows) - 1)))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@given(_rows.filter(bool), st.sampled_from(sorted(_DAMAGE)), st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_more_damages_are_found_and_counted(rows: list[Row], damage: str, data: st.DataObject) -> None:
    _damage_is_found(rows, damage, data.draw(st.integers(0, len(rows) - 1)))


def _damage_is_found(rows: list[Row], damage: str, at: int) -> None:
    spoilt = [*rows[:at], *_DAMAGE[damage](rows[at]), *rows[at + 1 :]]
    wanted = _oracle(rows, spoilt)
    assume(wanted.total)
    source, target, pair = _fingerprints(rows, spoilt)
    assert fold(source.values(), 1) != fold(target.values(), 1)
    assert drill(_ALL, pair, source, target, _BUCKETS).differences == wanted


@given(_rows, _rows)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_two_tables_differ_exactly_as_their_rows_do(ours: list[Row], theirs: list[Row]) -> None:
    source, target, pair = _fingerprints(ours, theirs, _KEYED)
    equal = Counter(map(_canonical, ours)) == Counter(map(_canonical, theirs))
    assert (fold(source.values(), 1) == fold(target.values(), 1)) is equal
    if not equal:
        counts = drill(_KEYED, pair, source, target, _BUCKETS).differences
        assert counts.total > 0
        assert counts.extra + counts.duplicated - counts.missing == len(theirs) - len(ours)


def _never_mismatch(rows: list[Row], seed: int, recipe: Recipe) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    source, target, _ = _fingerprints(rows, shuffled, recipe)
    assert source == target


@given(_rows, st.integers())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_order_of_rows_never_matters(rows: list[Row], seed: int) -> None:
    _never_mismatch(rows, seed, _ALL)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@given(_rows, st.integers())
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_thousand_shuffled_pairs_never_mismatch(rows: list[Row], seed: int) -> None:
    _never_mismatch(rows, seed, _FEW)
