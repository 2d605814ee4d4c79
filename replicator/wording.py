"""How sentences for people tell numbers, and name many things: a few, and how many more there are."""

from collections.abc import Sequence

LISTED = 3
"""Lists show this many items and count the rest."""


def count(number: int) -> str:
    return f"{number:,}"


def many(number: int, singular: str, plural: str = "") -> str:
    """`1 check`, `1,204 checks`; with both words given, more than a noun: `1 copy is`, `2 copies are`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(items: Sequence[str], limit: int = LISTED) -> str:
    """The first items and how many more there are."""
    more = len(items) - limit
    if more <= 0:
        return ", ".join(items)
    return f"{', '.join(items[:limit])}, …{count(more)} more"
