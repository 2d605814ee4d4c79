"""Values as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from replicator.emulator.web.html import Html, chip, el, table

_LONGEST = 200  # characters of a value


def moment(milliseconds: float | None) -> str:
    """A time in ms since the epoch, in UTC to the second."""
    if not milliseconds:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def status_chip(status: int) -> Html:
    """An HTTP status; 0 is a connection that was dropped."""
    kind = "bad" if status >= 500 or status == 0 else "warn" if status >= 400 else "good"
    return chip(status or "dropped", kind)


def values(names: Sequence[str], rows: Sequence[Mapping[str, object]], empty: str) -> Html:
    """Rows of a table as they are, numbers to the right."""
    numeric = {name for name in names if all(_is_number(row[name]) for row in rows)}
    heads = [el("th", name, scope="col", class_="number" if name in numeric else None) for name in names]
    return table(heads, [[_cell(row[name], name in numeric) for name in names] for row in rows], empty)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _cell(value: object, numeric: bool) -> Html:
    kind = "number" if numeric else None
    if value is None:
        return el("td", "NULL", class_=f"null {kind or ''}".strip())
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    return el("td", text if len(text) <= _LONGEST else text[:_LONGEST] + "…", class_=kind)
