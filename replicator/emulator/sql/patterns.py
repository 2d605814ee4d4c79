"""The patterns of SHOW … LIKE."""

from __future__ import annotations

import re


def matches(name: str, pattern: str | None) -> bool:
    """Whether a name is like a pattern: `*` is any text, `|` separates alternatives, the rest is a regular expression.

    Case does not matter. An alternative that is no regular expression is taken literally. No pattern is like any name.
    """
    return pattern is None or any(_fits(name, part.strip()) for part in pattern.split("|"))


def _fits(name: str, part: str) -> bool:
    try:
        return re.fullmatch(part.replace("*", ".*"), name, re.IGNORECASE) is not None
    except re.error:
        return name.lower() == part.lower()
