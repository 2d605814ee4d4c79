"""HTML from calls: every text is escaped, unless it is HTML already."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(name: str, *children: object, **attributes: object) -> Html:
    """An element. `None` is left out, of children and attributes; `class_` is `class`; True is a bare attribute."""
    shown = "".join(
        f" {key.rstrip('_')}" if value is True else f' {key.rstrip("_")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{shown}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Children one after the other, escaped."""
    return Html(
        "".join(
            child if isinstance(child, Html) else html.escape(str(child)) for child in children if child is not None
        )
    )


def link(text: object, **query: str) -> Html:
    """A link to this page with other query parameters."""
    return el("a", text, href="/?" + urlencode(query) if query else "/")


def chip(text: object, kind: str = "") -> Html:
    """A small label."""
    return el("span", text, class_=f"chip {kind}".strip())


def table(heads: Sequence[object], rows: Iterable[Sequence[object]], empty: str) -> Html:
    """A table, or the sentence `empty` when there are no rows."""
    body = [el("tr", *(cell if _is_cell(cell) else el("td", cell) for cell in row)) for row in rows]
    if not body:
        return el("p", empty, class_="empty")
    head = el("tr", *(text if _is_cell(text) else el("th", text, scope="col") for text in heads))
    return el("div", el("table", el("thead", head), el("tbody", *body)), class_="scroll")


def _is_cell(value: object) -> bool:
    return isinstance(value, Html) and value.startswith(("<td", "<th"))
