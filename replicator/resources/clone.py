"""Clones: tables whose data is a deep clone of another table, kept at its version."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from replicator.address import Address
from replicator.errors import NotFound, StaleError, WorkspaceError
from replicator.resources import canonical, rest
from replicator.resources.base import (
    CloneRecord,
    DeltaVersion,
    Effect,
    Fields,
    Lag,
    LagReport,
    Observed,
    Outputs,
    Reader,
    Resource,
    ResourceType,
    Rule,
    Task,
    Writer,
    rules_of,
)
from replicator.resources.provider import polled
from replicator.resources.rest import marked
from replicator.resources.table import delete, read, rename
from replicator.resources.table_statements import describe_statements
from replicator.sqltext import literal, properties, quote_name


class MaxLag(BaseModel):
    """How far a copy may be behind before drift says so: commits of the origin that it lacks, or hours since the first
    of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: Annotated[int, Field(ge=0)] | None = None
    hours: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.versions is None and self.hours is None:
            raise ValueError("give `versions`, `hours`, or both")
        return self


class Clone(Resource):
    """A deep clone. `source` is the full name to clone from, on the same side; `origin` the address of the table whose
    version counts (on the source metastore when `source` is a shared table). The target's own history is the truth
    about what was copied."""

    type: ClassVar[str] = "clone"

    source: Annotated[
        str,
        Rule(
            write_only=True, why="what was cloned is read from the table's history, where the name may be an older one"
        ),
    ]
    origin: Annotated[str, Rule(effect=Effect.IGNORED)]
    enforce_schema: Annotated[bool, Rule(effect=Effect.IGNORED)] = True
    max_lag: Annotated[MaxLag | None, Rule(effect=Effect.IGNORED)] = None
    comment: Annotated[str | None, Rule(canonical=canonical.text, why="CLONE does not copy the table's comment")] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="a clone brings its source's properties"),
    ] = None
    location: Annotated[str | None, Rule(effect=Effect.REPLACE, canonical=canonical.url)] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "schema", self.address.container)
        yield Address.parse(self.origin)
        yield Address(self.side, "clone", self.source)
        yield Address(self.side, "catalog", self.source.partition(".")[0])
        yield from self.after


ORIGIN_STOOD_AT, LEFT_AT = "origin_stood_at", "left_at"
"""Outputs of a copy: the origin's commit that it holds, as version and time; and where the copy stood when that was
seen, as its newest version, the version of its CLONE, and what that names as its source."""

PIPELINE_PROPERTIES = ("pipelines.pipelineId", "spark.sql.internal.pipelines.parentTableId")
"""What a backing table says of its pipeline; a copy that keeps them passes for the pipeline's own table."""


def create(writer: Writer, task: Task) -> Outputs:
    """Clone, then say what CLONE does not carry over."""
    outputs = sync(writer, task)
    found = read(writer, task.address)
    changed = {name for name in ("comment", "properties") if name in task.desired}
    return outputs | _describe(writer, replace(task, before=found, changed=frozenset(changed)))


def update(writer: Writer, task: Task) -> Outputs:
    """Change comment, properties or owner; data is moved by sync."""
    outputs = _describe(writer, task)
    if "owner" in task.changed:
        writer.send("PATCH", rest.path("tables", task.address.name), {"owner": task.desired["owner"]})
    return outputs


def _describe(writer: Writer, task: Task) -> Outputs:
    for statement in describe_statements(task):
        writer.execute(statement)
    return {}


def sync(writer: Writer, task: Task) -> Outputs:
    """Bring the copy to its origin's version: only files that it lacks are copied, so running it twice is safe.

    A table that was just shared is waited for. Outputs: copied_files, copied_bytes, removed_files, source_version, and
    the origin's identity. Raises WorkspaceError when the version to copy is not known.
    """
    origin = task.origin
    if origin is None or origin.version is None:
        raise WorkspaceError(
            f"{task.address}: the version of its origin is not known", hint="plan again: replicator plan"
        )
    rows = _cloned(writer, task, origin.version.version)
    _disown(writer, task, origin)
    copied = rows[0] if rows else {}
    return {
        "origin_id": origin.id,
        "source_version": origin.version.version,
        "copied_files": copied.get("num_copied_files", 0),
        "copied_bytes": copied.get("copied_files_size", 0),
        "removed_files": copied.get("num_removed_files", 0),
    }


_VERSION_GONE = re.compile("FILE_NOT_FOUND|VERSION_NOT_FOUND|TIME_?TRAVEL|TRUNCATED_TRANSACTION_LOG|FILE_NOT_EXIST")
"""Error classes that say that a version can no longer be read (docs.databricks.com, error classes)."""


def _cloned(writer: Writer, task: Task, version: int) -> list[dict[str, Any]]:
    """Clone, and wait for a table that was just shared. Raises StaleError when the version is no longer there."""
    source, statement = task.desired["source"], clone_statement(task, version)
    try:
        return writer.execute(statement)
    except NotFound:
        if not _shared(writer, source):
            raise
        polled(lambda: _visible(writer, source), f"the shared table {source}")
        return writer.execute(statement)
    except WorkspaceError as error:
        newest = _newest(writer, source) if _VERSION_GONE.search(error.code) else None
        if newest is None or newest <= version:
            raise
        raise StaleError(
            f"{task.address}: version {version} of {source} can no longer be read: what it needs was vacuumed; "
            f"the newest version is {newest}",
            hint="plan again, and the newest version is copied: replicator plan",
        ) from error


def _newest(writer: Writer, table: str) -> int | None:
    """The newest version of a table; None when that cannot be read either."""
    try:
        return int(writer.execute(f"DESCRIBE HISTORY {quote_name(table)} LIMIT 1")[0]["version"])
    except (WorkspaceError, IndexError):
        return None


def clone_statement(task: Task, version: int) -> str:
    """The statement that makes or refreshes the copy, pinned to a version of its source.

    What was not there when it was looked for is never replaced: somebody may have made a table of that name meanwhile.
    """
    wanted = task.desired
    pinned = f"{quote_name(wanted['source'])} VERSION AS OF {version}"
    located = f" LOCATION {literal(wanted['location'])}" if wanted.get("location") else ""
    carried = properties(marked(wanted.get("properties"), task.lineage))
    name = quote_name(task.address.name)
    create = "CREATE TABLE" if task.before is None else "CREATE OR REPLACE TABLE"
    return f"{create} {name} DEEP CLONE {pinned} TBLPROPERTIES ({carried}){located}"


def _disown(writer: Writer, task: Task, origin: Observed) -> None:
    """The copy of a pipeline's table is an ordinary table."""
    carried = _carried(origin)
    if carried:
        keys = ", ".join(map(literal, carried))
        writer.execute(f"ALTER TABLE {quote_name(task.address.name)} UNSET TBLPROPERTIES IF EXISTS ({keys})")


def _carried(table: Observed) -> list[str]:
    """What a table says of a pipeline that made it."""
    return [key for key in PIPELINE_PROPERTIES if key in (table.fields.get("properties") or {})]


def _shared(reader: Reader, table: str) -> bool:
    try:
        return bool(reader.get(rest.path("catalogs", table.partition(".")[0])).get("share_name"))
    except NotFound:
        return False


def _visible(reader: Reader, table: str) -> bool:
    try:
        return bool(reader.get(rest.path("tables", table)))
    except NotFound:
        return False


def origin(desired: Fields) -> Address | None:
    return Address.parse(desired["origin"])


def lag(desired: Fields, copy: Observed | None, origin: Observed | None, outputs: Mapping[str, Any]) -> LagReport:
    """Judge a copy by its own history: the last CLONE says which version of the origin it holds.

    Properties and time stamps of tables say nothing about data, so only Delta versions count.
    """
    if origin is None:
        return LagReport(Lag.UNKNOWN, f"its origin {desired['origin']} does not exist")
    if origin.version is None:
        return LagReport(Lag.UNKNOWN, f"the version of its origin {desired['origin']} cannot be read")
    if copy is None:
        return LagReport(Lag.NEVER_COPIED, "not copied yet")
    if copy.version is None:
        return LagReport(Lag.UNKNOWN, "its own history cannot be read")
    breaks = _breaks(origin, copy) if desired.get("enforce_schema", True) else ()
    if copy.version.clone is None:
        return _without_clone(outputs, breaks)
    other = _something_else(desired, copy.mark, copy.version.clone)
    if other is not None:
        known = Lag.FOREIGN_WRITE if outputs else Lag.NEVER_COPIED
        return LagReport(known, f"it is a copy of {other}, and not of {desired['source']}", breaks=breaks)
    report = _judge(copy.version, copy.version.clone, origin.version.version, breaks, _recreated(origin, outputs))
    if report.lag is Lag.CURRENT and _carried(copy):
        return LagReport(Lag.BEHIND, f"{report.why}, and still passes for the pipeline's own table", breaks=breaks)
    return report


def _without_clone(outputs: Mapping[str, Any], breaks: tuple[str, ...]) -> LagReport:
    """A table that we did copy once and whose history says nothing of it is another table by now, for all we know."""
    if outputs.get("source_version") is None:
        return LagReport(Lag.NEVER_COPIED, "it was never cloned", breaks=breaks)
    why = "its history holds no clone any more: somebody made it anew, or its history was cut short"
    return LagReport(Lag.FOREIGN_WRITE, why, breaks=breaks)


def _something_else(desired: Fields, mark: str | None, held: CloneRecord) -> str | None:
    """What a table is a copy of, if somebody else made it one of another table: its version is none of our origin's.

    What we clone carries our mark, whatever its source was called then; a CREATE OR REPLACE of others takes it away.
    """
    named = held.source.replace("`", "").lower()
    return held.source if mark is None and named != desired["source"] else None


def _judge(copy: DeltaVersion, held: CloneRecord, newest: int, breaks: tuple[str, ...], recreated: bool) -> LagReport:
    if recreated or held.source_version > newest:
        return LagReport(Lag.RECREATED, "the source was dropped and created again", breaks=breaks)
    if copy.foreign is not None:
        version, operation = copy.foreign
        return LagReport(Lag.FOREIGN_WRITE, f"the copy was written to: {operation} at version {version}", breaks=breaks)
    if held.source_version == newest:
        return LagReport(Lag.CURRENT, f"at version {newest}")
    behind = newest - held.source_version
    return LagReport(Lag.BEHIND, f"{behind} version{'s' * (behind > 1)} behind", versions=behind, breaks=breaks)


def _recreated(origin: Observed, outputs: Mapping[str, Any]) -> bool:
    known = outputs.get("origin_id")
    return known is not None and origin.id is not None and known != origin.id


def _breaks(origin: Observed, copy: Observed) -> tuple[str, ...]:
    """Differences that a copy must not take over silently. An added column is none: it follows."""
    if origin.info.get("glance"):
        return ()  # it stands at the commit that the copy holds, so they are as they were
    new, old = origin.fields.get("columns") or {}, copy.fields.get("columns") or {}
    found: list[str] = []
    for name, column in old.items():
        if name not in new:
            found.append(f"column {name} is gone")
        elif new[name].get("type") != column.get("type"):
            found.append(f"column {name}: {column.get('type')} became {new[name].get('type')}")
        elif new[name].get("nullable") != column.get("nullable"):
            found.append(f"column {name}: {'NOT NULL was dropped' if new[name].get('nullable') else 'became NOT NULL'}")
    return tuple(found)


TYPE = ResourceType(
    name="clone",
    model=Clone,
    rules=rules_of(Clone),
    kind="table",
    table_types=frozenset({"MANAGED", "EXTERNAL"}),
    bears_data=True,
    default_on_existing="fail",
    fleeting=frozenset({ORIGIN_STOOD_AT, LEFT_AT}),
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
    sync=sync,
    origin=origin,
    lag=lag,
)
