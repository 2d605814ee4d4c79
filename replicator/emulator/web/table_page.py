"""One table or view: its columns, its history, its first rows."""

from __future__ import annotations

from typing import Any

from replicator.emulator import tables, tags
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.routing import Request
from replicator.emulator.session import Session
from replicator.emulator.web import html
from replicator.emulator.web.format import moment, values
from replicator.emulator.web.html import Html, chip, el, join

_HISTORY = 20
_ROWS = 10


def table(request: Request, catalog: str, schema: str, name: str) -> list[Html]:
    """The sections about one table. Raises ApiError when it does not exist or may not be seen."""
    s = request.session
    doc = tables.get_table(s, catalog, schema, name)
    quoted = ".".join(f"`{part.replace('`', '``')}`" for part in (catalog, schema, name))
    sections = [_head(s, doc), _columns(s, doc)]
    if doc.get("view_definition"):
        sections.append(el("section", el("h2", "Definition"), el("pre", doc["view_definition"])))
    sections.append(_result(request, "First rows", f"SELECT * FROM {quoted} LIMIT {_ROWS}", "The table is empty."))
    if "_path" in doc:
        sections.append(_history(request, quoted))
    return sections


def _head(s: Session, doc: Doc) -> Html:
    labels = [chip(doc["table_type"].replace("_", " "), "strong"), " ", chip(doc.get("data_source_format", ""))]
    found = [f"{tag['tag_key']}={tag.get('tag_value', '')}".rstrip("=") for tag in _tags(s, "tables", _parts(doc))]
    filtered = doc.get("row_filter") or {}
    facts = {
        "Comment": doc.get("comment"),
        "Owner": doc.get("owner"),
        "Created": _by(doc, "created"),
        "Changed": _by(doc, "updated"),
        "Location": el("code", doc["storage_location"]) if doc.get("storage_location") else None,
        "Tags": join(html.join([chip(text), " "]) for text in found) if found else None,
        "Row filter": filtered.get("function_name"),
    }
    shown = [join([el("dt", name), el("dd", value)]) for name, value in facts.items() if value]
    return el("section", el("h1", doc["full_name"]), el("p", *labels, class_="soft"), el("dl", *shown, class_="facts"))


def _by(doc: Doc, verb: str) -> str:
    who = doc.get(f"{verb}_by")
    return f"{moment(doc.get(f'{verb}_at'))} by {who}" if who else ""


def _parts(doc: Doc) -> tuple[str, str, str]:
    return doc["catalog_name"], doc["schema_name"], doc["name"]


def _tags(s: Session, entity: str, parts: tuple[str, ...]) -> list[Doc]:
    try:
        return tags.of(s, entity, parts)
    except ApiError:
        # Shared tables carry no tags on this side.
        return []


def _columns(s: Session, doc: Doc) -> Html:
    rows = []
    for column in doc.get("columns", ()):
        notes = [chip("partition")] if column.get("partition_index") is not None else []
        notes += [chip("not null")] if column.get("nullable") is False else []
        notes += [chip(f"mask {column['mask'].get('function_name', '')}", "warn")] if column.get("mask") else []
        kind = el("td", column.get("type_text", ""), class_="code")
        rows.append([column["name"], kind, join(html.join([note, " "]) for note in notes), column.get("comment", "")])
    listed = html.table(["Column", "Type", "", "Comment"], rows, "No columns.")
    return el("section", el("h2", "Columns"), listed)


def _history(request: Request, quoted: str) -> Html:
    rows = []
    try:
        found = _rows(request, f"DESCRIBE HISTORY {quoted} LIMIT {_HISTORY}")
    except (SqlError, ApiError) as error:
        return el("section", el("h2", "History"), el("p", error.message, class_="empty"))
    for row in found:
        metrics = " ".join(f"{key}={value}" for key, value in (row["operationMetrics"] or ()) if value != "0")
        moment_ = row["timestamp"].strftime("%Y-%m-%d %H:%M:%S")
        when = el("td", moment_, class_="nowrap")
        rows.append(
            [row["version"], when, chip(row["operation"]), row["userName"] or "", el("td", metrics, class_="code")]
        )
    heads = ["Version", "Time", "Operation", "User", "Metrics"]
    return el("section", el("h2", "History"), html.table(heads, rows, "No commits."))


def _result(request: Request, name: str, statement: str, empty: str) -> Html:
    try:
        found = request.workspace.execute(request.session, statement, ()).table
    except (SqlError, ApiError) as error:
        return el("section", el("h2", name), el("p", error.message, class_="empty"))
    return el("section", el("h2", name), values(found.column_names, found.to_pylist(), empty))


def _rows(request: Request, statement: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = request.workspace.execute(request.session, statement, ()).table.to_pylist()
    return rows
