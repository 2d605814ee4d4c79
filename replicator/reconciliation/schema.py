"""Comparing two tables' definitions: every difference, whether it breaks the copy, and what it means. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replicator.reconciliation.tables import ColumnInfo, TableInfo, kind_of
from replicator.reconciliation.typetext import render, unify
from replicator.reconciliation.verdicts import SchemaDifference, SchemaKind


@dataclass(frozen=True, slots=True)
class _Weight:
    breaking: bool
    meaning: str


_WEIGHTS = {
    SchemaKind.MISSING_COLUMN: _Weight(True, "the copy lacks data that the origin has; queries that name it fail"),
    SchemaKind.EXTRA_COLUMN: _Weight(True, "the copy was altered: the next clone removes this column"),
    SchemaKind.TYPE: _Weight(True, "values may be cut, rounded or refused when work moves to the copy"),
    SchemaKind.NULLABILITY: _Weight(True, "writes that one side accepts are refused by the other"),
    SchemaKind.ORDER: _Weight(True, "INSERT without column names and SELECT * put values into other columns"),
    SchemaKind.DEFAULT: _Weight(False, "new rows that leave the column out get other values"),
    SchemaKind.GENERATED: _Weight(False, "new rows compute the column in another way, or not at all"),
    SchemaKind.IDENTITY: _Weight(False, "new rows on the copy get no number, or one that is taken"),
    SchemaKind.COLUMN_COMMENT: _Weight(False, "documentation only"),
    SchemaKind.TABLE_COMMENT: _Weight(False, "documentation only; CLONE does not copy it"),
    SchemaKind.PARTITIONING: _Weight(False, "same rows, other files: queries may be slower, clones copy everything"),
    SchemaKind.CLUSTERING: _Weight(False, "same rows, other layout: queries may be slower"),
    SchemaKind.CONSTRAINT: _Weight(False, "the copy accepts rows that the origin refuses, or the other way round"),
    SchemaKind.OWNER: _Weight(False, "somebody else decides who may use it"),
    SchemaKind.ROW_FILTER: _Weight(False, "rows that one side hides from some people, the other shows them"),
    SchemaKind.MASK: _Weight(False, "values that one side hides from some people, the other shows them"),
    SchemaKind.PROPERTY: _Weight(False, "a setting or a note that one side lacks"),
    SchemaKind.TAG: _Weight(False, "policies and searches that go by this tag treat the sides differently"),
    SchemaKind.COLUMN_TAG: _Weight(False, "policies and searches that go by this tag treat the sides differently"),
    SchemaKind.GRANT: _Weight(False, "who works on one side is refused on the other"),
}
_SINCE_THEN = "the origin's definition may have changed after the copied version"


def compare(source: TableInfo, target: TableInfo, exclude: Iterable[str] = ()) -> list[SchemaDifference]:
    """All differences between two definitions. Columns are matched by name without case; excluded ones are not
    looked at."""
    excluded = {name.lower() for name in exclude}
    ours = {item.name.lower(): item for item in source.columns if item.name.lower() not in excluded}
    theirs = {item.name.lower(): item for item in target.columns if item.name.lower() not in excluded}
    found = [
        difference(SchemaKind.MISSING_COLUMN, c.name, c.type_text, None) for n, c in ours.items() if n not in theirs
    ]
    found += [
        difference(SchemaKind.EXTRA_COLUMN, c.name, None, c.type_text) for n, c in theirs.items() if n not in ours
    ]
    for name, column in ours.items():
        if name in theirs:
            found += _compare_column(column, theirs[name])
    common = [name for name in ours if name in theirs], [name for name in theirs if name in ours]
    if common[0] != common[1]:
        found.append(difference(SchemaKind.ORDER, None, ", ".join(common[0]), ", ".join(common[1])))
    return found + _compare_tables(source, target)


def _compare_column(source: ColumnInfo, target: ColumnInfo) -> list[SchemaDifference]:
    facts: Sequence[tuple[SchemaKind, str | None, str | None]] = (
        (SchemaKind.TYPE, render(source.kind), render(target.kind)),
        (SchemaKind.NULLABILITY, _nullable(source), _nullable(target)),
        (SchemaKind.DEFAULT, source.default, target.default),
        (SchemaKind.GENERATED, source.generated, target.generated),
        (SchemaKind.IDENTITY, str(source.identity).lower(), str(target.identity).lower()),
        (SchemaKind.COLUMN_COMMENT, source.comment, target.comment),
    )
    return [difference(kind, source.name, ours, theirs) for kind, ours, theirs in facts if ours != theirs]


def _nullable(column: ColumnInfo) -> str:
    return "nullable" if column.nullable else "not null"


def _compare_tables(source: TableInfo, target: TableInfo) -> list[SchemaDifference]:
    found = []
    if source.comment != target.comment:
        found.append(difference(SchemaKind.TABLE_COMMENT, None, source.comment, target.comment))
    for kind, ours, theirs in (
        (SchemaKind.PARTITIONING, source.partitioned_by, target.partitioned_by),
        (SchemaKind.CLUSTERING, source.clustered_by, target.clustered_by),
    ):
        if [name.lower() for name in ours] != [name.lower() for name in theirs]:
            found.append(difference(kind, None, ", ".join(ours) or None, ", ".join(theirs) or None))
    for text in sorted(source.constraints ^ target.constraints):
        here = text in source.constraints
        found.append(difference(SchemaKind.CONSTRAINT, None, text if here else None, None if here else text))
    return found


def difference(
    kind: SchemaKind, column: str | None, source: str | None, target: str | None, meaning: str | None = None
) -> SchemaDifference:
    """One difference with the weight of its kind; `meaning` where more is known than what the kind means."""
    weight = _WEIGHTS[kind]
    return SchemaDifference(
        kind=kind,
        column=column,
        source=source,
        target=target,
        breaking=weight.breaking,
        meaning=meaning or weight.meaning,
    )


def as_of_copy(
    differences: Iterable[SchemaDifference],
    names_then: Sequence[str],
    types_then: dict[str, str],
    target: Sequence[ColumnInfo],
) -> list[SchemaDifference]:
    """Judge differences from an origin that has moved on by what it was at the copied version.

    `names_then` are its column names at that version, in order; `types_then` the type texts of some of them by
    lower-cased name. What was the same then is no difference; what cannot be known for then does not break the copy.
    """
    kept = [_judge(item, names_then, types_then, target) for item in differences]
    found = [item for item in kept if item is not None]
    then, now = {name.lower() for name in names_then}, {column.name.lower() for column in target}
    known = {(item.kind, (item.column or "").lower()) for item in found}
    for name in names_then:
        if name.lower() not in now and (SchemaKind.MISSING_COLUMN, name.lower()) not in known:
            found.append(difference(SchemaKind.MISSING_COLUMN, name, None, None))
    for column in target:
        if column.name.lower() not in then and (SchemaKind.EXTRA_COLUMN, column.name.lower()) not in known:
            found.append(difference(SchemaKind.EXTRA_COLUMN, column.name, None, column.type_text))
    return found


def _judge(
    item: SchemaDifference, names_then: Sequence[str], types_then: dict[str, str], target: Sequence[ColumnInfo]
) -> SchemaDifference | None:
    then, column = {name.lower() for name in names_then}, (item.column or "").lower()
    match item.kind:
        case SchemaKind.MISSING_COLUMN:
            return item if column in then else None
        case SchemaKind.EXTRA_COLUMN:
            return None if column in then else item
        case SchemaKind.TYPE:
            return None if _same_then(column, types_then, target) else item
        case SchemaKind.ORDER:
            now = [c.name.lower() for c in target]
            same = [n.lower() for n in names_then if n.lower() in now] == [n for n in now if n in then]
            return None if same else item
        case _:
            return item.model_copy(update={"breaking": False, "meaning": f"{item.meaning}; {_SINCE_THEN}"})


def _same_then(column: str, types_then: dict[str, str], target: Sequence[ColumnInfo]) -> bool:
    text = types_then.get(column)
    mine = next((c.kind for c in target if c.name.lower() == column), None)
    if text is None or mine is None:
        return False
    then = kind_of(text)
    # typeof() names char and varchar string
    return then == mine or (render(then).startswith("string") and unify(then, mine) is not None)
