"""Which columns are compared, in which common type, and by which key rows are told apart. Pure."""

from collections.abc import Iterable, Sequence

from replicator.errors import ConfigError
from replicator.reconciliation.canon import unverifiable
from replicator.reconciliation.recipe import Compared, Hashing, Recipe
from replicator.reconciliation.tables import ColumnInfo, TableInfo
from replicator.reconciliation.typetext import render, unify
from replicator.reconciliation.verdicts import UncomparedColumn, Why


def choose(
    source: TableInfo, target: TableInfo, *, exclude: Iterable[str], key: Sequence[str], hashing: Hashing
) -> tuple[Recipe, tuple[UncomparedColumn, ...], tuple[str, ...]]:
    """The recipe, the columns it leaves out, and notes. Raises ConfigError for a configured key that is no column."""
    ours = {item.name.lower(): item for item in source.columns}
    theirs = {item.name.lower(): item for item in target.columns}
    excluded = {name.lower() for name in exclude}
    compared: list[Compared] = []
    left_out: list[UncomparedColumn] = []
    for name in sorted(ours.keys() | theirs.keys()):
        found = _column(name, ours.get(name), theirs.get(name), excluded)
        if isinstance(found, Compared):
            compared.append(found)
        else:
            left_out.append(found)
    chosen, notes = _key(source, target, key, {item.name.lower() for item in compared})
    return Recipe(tuple(compared), chosen, hashing), tuple(left_out), notes


def _column(
    name: str, source: ColumnInfo | None, target: ColumnInfo | None, excluded: set[str]
) -> Compared | UncomparedColumn:
    either = target or source
    assert either is not None
    if name in excluded:
        return UncomparedColumn(name=either.name, why=Why.EXCLUDED, detail="by configuration")
    if source is None or target is None:
        return UncomparedColumn(
            name=either.name, why=Why.ABSENT, detail=f"only in the {'origin' if source else 'copy'}"
        )
    if source.masked or target.masked:
        return UncomparedColumn(name=target.name, why=Why.MASKED, detail="a column mask may hide its values from us")
    bad = unverifiable(source.kind) or unverifiable(target.kind)
    if bad is not None:
        return UncomparedColumn(name=target.name, why=Why.TYPE, detail=f"{bad} cannot be compared")
    kind = unify(source.kind, target.kind)
    if kind is None:
        types = f"{render(source.kind)} and {render(target.kind)} have no common type"
        return UncomparedColumn(name=target.name, why=Why.TYPE, detail=types)
    return Compared(target.name, kind, (source.name, source.kind), (target.name, target.kind))


def _key(
    source: TableInfo, target: TableInfo, configured: Sequence[str], comparable: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The configured key, else a primary key; none when one of its columns cannot be compared."""
    known = {item.name.lower(): item.name for item in target.columns}
    if missing := [name for name in configured if name.lower() not in known]:
        raise ConfigError(f"{target.name}: the key names {', '.join(missing)}, which is not a column of it")
    wanted = tuple(configured) or source.primary_key or target.primary_key
    if not wanted or not all(name.lower() in known for name in wanted):
        return (), ()
    if not all(name.lower() in comparable for name in wanted):
        return (), (f"the key ({', '.join(wanted)}) cannot be compared: rows were matched as a whole",)
    return tuple(known[name.lower()] for name in wanted), ()
