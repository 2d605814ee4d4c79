"""How sentences for people name many things: a few, and how many more there are."""

from collections.abc import Sequence

LISTED = 3
"""Lists show this many items and count the rest."""


def listed(items: Sequence[str], limit: int = LISTED) -> str:
    """The first items and how many more there are."""
    more = len(items) - limit
    if more <= 0:
        return ", ".join(items)
    return f"{', '.join(items[:limit])}, …{more:,} more"
