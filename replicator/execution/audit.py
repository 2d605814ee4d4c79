"""The audit trail: one row per action of a run in a Delta table, written in batches and never in the way of the run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from replicator.address import Address, Side
from replicator.execution.events import Event, Kind
from replicator.sqltext import literal, quote, quote_name
from replicator.values import canonical_json

BATCH_ROWS = 500
_LONGEST_TEXT = 4000

COLUMNS: Mapping[str, str] = {
    "run_id": "STRING",
    "correlation_id": "STRING",
    "logging_time": "TIMESTAMP",
    "operation_type": "STRING",
    "catalog_name": "STRING",
    "schema_name": "STRING",
    "object_name": "STRING",
    "object_type": "STRING",
    "status": "STRING",
    "start_time": "TIMESTAMP",
    "end_time": "TIMESTAMP",
    "duration_seconds": "DOUBLE",
    "error_message": "STRING",
    "details": "STRING",
    "attempt_number": "INT",
    "max_attempts": "INT",
    "execution_user": "STRING",
}
"""Column to SQL type. `correlation_id` is unique per run and resource; `details` is JSON; times are UTC."""

_STATUS = {
    "done": "success",
    "already": "success",
    "failed": "failed",
    "stale": "failed",
    "blocked": "skipped",
    "skipped": "skipped",
}
_WORTH_KEEPING = frozenset({"success", "failed", "mismatch"})
Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Place:
    """The table that holds the trail, and whether its catalog is ours to create, and where."""

    table: str
    create_catalog: bool = False
    catalog_location: str | None = None


class AuditTrail:
    """An observer of events that turns the end of each action into a row.

    `execute` runs a statement where the table is. A run of which nothing was done or failed writes nothing.
    """

    def __init__(self, place: Place, execute: Callable[[str], Any], principals: Mapping[Side, str]) -> None:
        self._place = place
        self._execute = execute
        self._principals = principals
        self._rows: list[Row] = []
        self._unequal: set[str] = set()
        self._ready = False

    def __call__(self, event: Event) -> None:
        if event.kind is Kind.CHECK_RESULT and not event.data["equal"]:
            self._unequal.add(event.data["address"])
        if event.kind is Kind.ACTION_END:
            self._rows.append(self._row(event))
            if len(self._rows) >= BATCH_ROWS:
                self.flush()

    def flush(self) -> None:
        """Write the rows so far, if any is worth keeping. Raises what the workspace answers, and keeps them then."""
        if not any(row["status"] in _WORTH_KEEPING for row in self._rows):
            return
        if not self._ready:
            for statement in creating(self._place):
                self._execute(statement)
            self._ready = True
        self._execute(inserting(self._place.table, self._rows))
        self._rows = []

    def _row(self, event: Event) -> Row:
        data = event.data
        address = Address.parse(data["address"])
        catalog, schema, name = _names(address)
        ended = datetime.fromisoformat(event.at)
        status = "mismatch" if data["address"] in self._unequal else _STATUS[data["result"]]
        details = {key: data.get(key) for key in ("address", "do", "outputs", "hint", "because_of") if data.get(key)}
        return {
            "run_id": event.run,
            "correlation_id": data["correlation_id"],
            "logging_time": event.at,
            "operation_type": data["section"],
            "catalog_name": catalog,
            "schema_name": schema,
            "object_name": name,
            "object_type": address.type,
            "status": status,
            "start_time": (ended - timedelta(seconds=data["seconds"])).isoformat(timespec="milliseconds"),
            "end_time": event.at,
            "duration_seconds": float(data["seconds"]),
            "error_message": (data.get("error") or "")[:_LONGEST_TEXT] or None,
            "details": canonical_json(details),
            "attempt_number": data["attempts"],
            "max_attempts": data["max_attempts"],
            "execution_user": self._principals.get(address.side),
        }


def _names(address: Address) -> tuple[str | None, str | None, str | None]:
    """Catalog, schema and object of an address; what is in no catalog has only a name."""
    kind = address.name.partition("/")[0] if address.type in ("grants", "tags") else address.type
    if kind not in ("catalog", "schema", "table", "column", "clone", "check", "view", "volume", "function"):
        return None, None, address.name
    parts = [*address.parts, None, None]
    return parts[0], parts[1], parts[2]


def creating(place: Place) -> list[str]:
    """The statements that make the table, and what holds it, where they are missing."""
    catalog, schema, _ = place.table.split(".")
    located = f" MANAGED LOCATION {literal(place.catalog_location)}" if place.catalog_location else ""
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in COLUMNS.items())
    return [
        *([f"CREATE CATALOG IF NOT EXISTS {quote(catalog)}{located}"] if place.create_catalog else []),
        f"CREATE SCHEMA IF NOT EXISTS {quote(catalog, schema)}",
        f"CREATE TABLE IF NOT EXISTS {quote_name(place.table)} ({columns}) USING DELTA",
    ]


def inserting(table: str, rows: list[Row]) -> str:
    """One INSERT, and so one commit, for many rows; sent again it finds its first row and inserts nothing."""
    columns, name = ", ".join(map(quote, COLUMNS)), quote_name(table)
    values = ", ".join("(" + ", ".join(_value(row[name], kind) for name, kind in COLUMNS.items()) + ")" for row in rows)
    known = " AND ".join(f"{quote(key)} = {literal(str(rows[0][key]))}" for key in ("run_id", "correlation_id"))
    return (
        f"INSERT INTO {name} ({columns}) SELECT {columns} FROM (VALUES {values}) AS v({columns})"
        f" WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {known})"
    )


def _value(value: str | int | float | None, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    text = literal(value) if isinstance(value, str) else repr(value)
    return text if kind == "STRING" else f"CAST({text} AS {kind})"
