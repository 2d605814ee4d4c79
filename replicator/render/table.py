"""Rows of a query as aligned columns."""

from collections.abc import Sequence

from replicator.render.look import Look, clean, cut, many

WIDEST = 40


def table_text(names: Sequence[str], rows: Sequence[Sequence[str]], look: Look, *, more: int = 0) -> str:
    """Columns as wide as they need, at most 40 unless everything is asked for; `more` rows are only counted."""
    limit = 10_000 if look.full else WIDEST
    shown = [[cut(clean(cell), limit) for cell in row] for row in [names, *rows]]
    widths = [max(len(row[index]) for row in shown) for index in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    rule = "  ".join("-" * width for width in widths)
    total = f"…{many(more, 'row')} more" if more else many(len(rows), "row")
    return "\n".join([lines[0], rule, *lines[1:], f"({total})"]) + "\n"
