"""Rows of a query as aligned columns."""

from collections.abc import Sequence

from replicator.render.fit import cells, narrowed, padded
from replicator.render.look import Look, clean, cut
from replicator.wording import many

WIDEST = 40
NARROWEST = 8


def table_text(names: Sequence[str], rows: Sequence[Sequence[str]], look: Look, *, more: int = 0) -> str:
    """Columns as wide as they need, at most 40 and together one line unless everything is asked for; `more` rows are
    only counted."""
    limit = 10_000 if look.full else WIDEST
    shown = [[cut(clean(cell), limit) for cell in row] for row in [names, *rows]]
    room = 10_000 if look.full else look.width - 2 * (len(names) - 1)
    widths = narrowed([[cells(cell) for cell in row] for row in shown], room, NARROWEST)
    lines = [
        "  ".join(padded(cut(cell, width), width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    rule = "  ".join("-" * width for width in widths)
    total = f"…{many(more, 'row')} more" if more else many(len(rows), "row")
    return "\n".join([lines[0], rule, *lines[1:], f"({total})"]) + "\n"
