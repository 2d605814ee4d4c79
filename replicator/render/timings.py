"""Where a command's time went: what was asked of each side, in one line or as a table."""

from collections.abc import Mapping

from replicator.engine.snapshot import ReadStats
from replicator.render.look import Look, duration, size
from replicator.render.table import table_text
from replicator.wording import count, many

HEADINGS = ("side", "calls", "statements", "received", "refused", "sent again", "seconds")


def timings_line(read: Mapping[str, ReadStats], seconds: float) -> str:
    """All of it in one line; `seconds` of wall time since the command began to read."""
    sides = "; ".join(f"{side} {_short(stats)}" for side, stats in read.items())
    return f"{sides}; {duration(seconds)} in all"


def _short(stats: ReadStats) -> str:
    text = f"{many(stats.calls, 'call')}, {many(stats.statements, 'statement')}, {size(stats.bytes)}"
    text += f", {count(stats.refused)} refused as too many" if stats.refused else ""
    return f"{text} in {duration(stats.seconds)}"


def timings_table(read: Mapping[str, ReadStats], seconds: float, place: Look) -> str:
    """One row per side, with the seconds in which something was asked of it, and one for what is left: our own work."""
    rows = [
        [
            side,
            count(stats.calls),
            count(stats.statements),
            size(stats.bytes),
            count(stats.refused),
            count(stats.repeated),
            f"{stats.seconds:.2f}",
        ]
        for side, stats in read.items()
    ]
    longest = max((stats.seconds for stats in read.values()), default=0.0)
    rows.append(["in all", *[""] * (len(HEADINGS) - 2), f"{seconds:.2f}"])
    rows.append(["longer side", *[""] * (len(HEADINGS) - 2), f"{longest:.2f}"])
    return table_text(list(HEADINGS), rows, place)
