"""Which versions are compared: the version that the copy's own history says was copied, and the copy as it is read."""

from dataclasses import replace

from replicator.reconciliation.probe import Probe
from replicator.reconciliation.schema import as_of_copy
from replicator.reconciliation.tables import VersionOf, kind_of
from replicator.reconciliation.task import Outcome, Work
from replicator.reconciliation.verdicts import SchemaKind, Verdict, Why
from replicator.resources.base import DeltaVersion
from replicator.sqltext import quote, quote_name
from replicator.wording import listed


def pin(work: Work, versions: VersionOf) -> Outcome | None:
    """Fix the version of each side; ends the check when the copied version is known to be another table's."""
    source, target = work.pair.source, work.pair.target
    then = work.source_now = versions(source.reader, source.place.table)
    now = work.target_now = versions(target.reader, target.place.table)
    for info, found in ((work.source, then), (work.target, now)):
        if info is not None and info.versioned and found is None:
            message = f"the history of {info.name} cannot be read, so nothing says which version was copied"
            return Outcome(Verdict.UNVERIFIABLE, message, Why.FORBIDDEN)
    if now is not None:
        target.pin(now.version)
    if now is None or now.clone is None:
        _pin_unrelated(work, then)
        return None
    if now.foreign is not None:
        work.notes.append(f"somebody wrote to the copy after it was made: {now.foreign[1]} at version {now.foreign[0]}")
    if then is None:
        work.notes.append("the origin keeps no versions: it was compared as it is now")
        return None
    copied = _copied_version(work, now, versions)
    if copied is None:
        return Outcome(
            Verdict.UNVERIFIABLE,
            f"the staging copy {work.task.via} was made again after this copy: bring the copy up to date first",
            Why.MOVING,
        )
    if _recreated(work, then, copied):
        return Outcome(
            Verdict.UNVERIFIABLE,
            "the origin was dropped and made again since it was copied: what was copied no longer exists",
            Why.RECREATED,
        )
    source.pin(copied)
    work.lag = then.version - copied
    return None


def _pin_unrelated(work: Work, then: DeltaVersion | None) -> None:
    """A table that is no clone: both are compared as they are now."""
    if then is not None:
        work.pair.source.pin(then.version)
    work.notes.append("not a clone: both tables were compared as they are now")


def _copied_version(work: Work, now: DeltaVersion, versions: VersionOf) -> int | None:
    """The origin's version that reached the copy, through the staging copy if there is one."""
    assert now.clone is not None
    if work.task.via is None:
        return now.clone.source_version
    staging = versions(work.pair.target.reader, work.task.via)
    if staging is None or staging.clone is None or staging.clone.at_version > now.clone.source_version:
        return None
    return staging.clone.source_version


def _recreated(work: Work, then: DeltaVersion, copied: int) -> bool:
    expected, found = work.task.origin_id, work.source.id if work.source else None
    return then.version < copied or (expected is not None and found is not None and expected != found)


def judge_schema(work: Work) -> Outcome | None:
    """End the check when definitions differ in a way that breaks the copy, at the version that was copied."""
    if work.lag and any(item.breaking for item in work.schema_differences):
        _go_back(work)
    if not work.task.schema_check:
        work.schema_differences = ()
        return None
    breaking = [item for item in work.schema_differences if item.breaking]
    if not breaking:
        return None
    words = listed([f"{item.kind.value.replace('_', ' ')} {item.column or ''}".strip() for item in breaking])
    return Outcome(Verdict.SCHEMA_MISMATCH, f"definitions differ: {words}; rows were not compared")


def _go_back(work: Work) -> None:
    """Replace what the origin's definition is by what it was at the copied version, as far as it can be asked for."""
    assert work.source is not None
    assert work.target is not None
    excluded = {name.lower() for name in work.task.exclude_columns}
    then = names_at(work.pair.source)
    names = {name.lower() for name in then}
    retyped = [item.column for item in work.schema_differences if item.kind is SchemaKind.TYPE and item.column]
    asked = [name for name in retyped if name.lower() in names]
    types = types_at(work.pair.source, asked) if asked else {}
    work.schema_differences = tuple(
        as_of_copy(
            work.schema_differences,
            [name for name in then if name.lower() not in excluded],
            types,
            [column for column in work.target.columns if column.name.lower() not in excluded],
        )
    )
    kept = [column for column in work.source.columns if column.name.lower() in names]
    columns = (
        replace(column, kind=kind_of(types[column.name.lower()])) if column.name.lower() in types else column
        for column in kept
    )
    work.source = replace(work.source, columns=tuple(columns))
    work.notes.append(f"the origin's definition changed after the copied version {work.pair.source.place.version}")


def names_sql(table: str, version: int | None) -> str:
    """One row of NULLs whose column names are the table's at that version; no row of the table is read."""
    at = f" VERSION AS OF {version}" if version is not None else ""
    return f"SELECT t.* FROM (SELECT 1 AS one) o LEFT JOIN (SELECT * FROM {quote_name(table)}{at} LIMIT 0) t ON true"


def types_sql(table: str, version: int | None, columns: list[str]) -> str:
    """One row with the type text of each column at that version, as t0, t1, …"""
    at = f" VERSION AS OF {version}" if version is not None else ""
    names = ", ".join(f"{quote(name)} AS c{i}" for i, name in enumerate(columns))
    types = ", ".join(f"typeof(c{i}) AS t{i}" for i in range(len(columns)))
    return (
        f"SELECT {types} FROM (SELECT 1 AS one) o LEFT JOIN"
        f" (SELECT {names} FROM {quote_name(table)}{at} LIMIT 0) t ON true"
    )


def names_at(probe: Probe) -> list[str]:
    """The column names at the pinned version, in order."""
    (row,) = probe.query(names_sql(probe.place.table, probe.place.version))
    return list(row)


def types_at(probe: Probe, columns: list[str]) -> dict[str, str]:
    """Lower-cased column name to type text at the pinned version."""
    (row,) = probe.query(types_sql(probe.place.table, probe.place.version, columns))
    return {name.lower(): str(row[f"t{i}"]) for i, name in enumerate(columns)}
