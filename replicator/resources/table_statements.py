"""The SQL that makes a table and changes it. Types come from a checked pattern; everything else is quoted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from replicator.resources.base import Fields, Task
from replicator.resources.rest import marked
from replicator.sqltext import literal, properties, quote, quote_name


def create_statement(task: Task) -> str:
    """CREATE TABLE with everything that is declared, and the deployment's mark."""
    wanted = task.desired
    columns = ", ".join(_column(name, value) for name, value in (wanted.get("columns") or {}).items())
    clauses = [f"CREATE TABLE {quote_name(task.address.name)}", f"({columns})" if columns else "", "USING DELTA"]
    if wanted.get("partitioned_by"):
        clauses.append(f"PARTITIONED BY ({_names(wanted['partitioned_by'])})")
    if wanted.get("clustered_by"):
        clauses.append(f"CLUSTER BY ({_names(wanted['clustered_by'])})")
    if wanted.get("location"):
        clauses.append(f"LOCATION {literal(wanted['location'])}")
    if wanted.get("comment"):
        clauses.append(f"COMMENT {literal(wanted['comment'])}")
    clauses.append(f"TBLPROPERTIES ({properties(marked(wanted.get('properties'), task.lineage))})")
    return " ".join(clause for clause in clauses if clause)


def alter_statements(task: Task) -> Iterator[str]:
    """What brings the changed fields from `task.before` to what is desired."""
    table = f"ALTER TABLE {quote_name(task.address.name)}"
    before: Fields = task.before.fields if task.before else {}
    if "columns" in task.changed:
        applied = task.applied.get("columns") or {}
        for change in _column_changes(before.get("columns") or {}, task.desired["columns"] or {}, applied):
            yield f"{table} {change}"
    if "clustered_by" in task.changed:
        columns = task.desired["clustered_by"]
        yield f"{table} CLUSTER BY {f'({_names(columns)})' if columns else 'NONE'}"
    yield from describe_statements(task)


def describe_statements(task: Task, what: str = "TABLE") -> Iterator[str]:
    """Comment and properties, which copies and views have as well as tables. `what` is TABLE or VIEW."""
    name = quote_name(task.address.name)
    if "properties" in task.changed:
        wanted = task.desired.get("properties") or {}
        held = (task.before.fields if task.before else {}).get("properties") or {}
        applied = task.applied.get("properties") or {}
        put = {key: value for key, value in wanted.items() if value is not None and held.get(key) != value}
        gone = [k for k in sorted({*wanted, *applied}) if wanted.get(k) is None and k in held]
        if put:
            yield f"ALTER {what} {name} SET TBLPROPERTIES ({properties(put)})"
        if gone:
            yield f"ALTER {what} {name} UNSET TBLPROPERTIES IF EXISTS ({', '.join(map(literal, gone))})"
    if "comment" in task.changed:
        comment = task.desired.get("comment")
        yield f"COMMENT ON TABLE {name} IS {literal(comment) if comment else 'NULL'}"


def _column_changes(found: Fields, wanted: Fields, applied: Fields) -> Iterator[str]:
    added = [_column(name, value) for name, value in wanted.items() if name not in found]
    if added:
        yield f"ADD COLUMNS ({', '.join(added)})"
    for name, value in wanted.items():
        if name in found:
            yield from (f"ALTER COLUMN {quote(name)} {change}" for change in _altered(found[name], value))
    for name in sorted(set(applied) - set(wanted)):
        if name in found:
            yield f"DROP COLUMN {quote(name)}"


def _altered(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    if "type" in wanted and found.get("type") != wanted["type"]:
        yield f"TYPE {wanted['type']}"
    if "nullable" in wanted and found.get("nullable") != wanted["nullable"]:
        yield "DROP NOT NULL" if wanted["nullable"] else "SET NOT NULL"
    if "comment" in wanted and found.get("comment") != wanted["comment"]:
        yield f"COMMENT {literal(wanted['comment'] or '')}"


def _column(name: str, value: Mapping[str, Any]) -> str:
    parts = [quote(value.get("name", name)), value["type"]]
    if value.get("nullable") is False:
        parts.append("NOT NULL")
    if value.get("comment"):
        parts.append(f"COMMENT {literal(value['comment'])}")
    return " ".join(parts)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quote, columns))
