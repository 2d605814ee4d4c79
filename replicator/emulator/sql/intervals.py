"""Interval literals of two units, which sqlglot reads and the engine does not: `INTERVAL '1-2' YEAR TO MONTH`."""

from __future__ import annotations

import re

from replicator.emulator.errors import SqlError

_UNITS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
# What stands between the values of two neighbouring units.
_BETWEEN = {"MONTH": "-", "HOUR": " ", "MINUTE": ":", "SECOND": ":"}


def spelled_out(text: str, first: str, last: str) -> str:
    """The literal with every unit named, as the engine reads it: `1 day 2 hour 3 minute 4.5 second`.

    Raises SqlError INVALID_INTERVAL_FORMAT for text that does not have the form of the units.
    """
    begin, end = first.upper().rstrip("S"), last.upper().rstrip("S")
    units = _UNITS[_UNITS.index(begin) : _UNITS.index(end) + 1] if begin in _UNITS and end in _UNITS else ()
    pattern = "".join(_BETWEEN.get(unit, "") * (unit != begin) + r"(\d+(?:\.\d+)?)" for unit in units)
    match = re.fullmatch(r"([+-]?)" + pattern, text.strip()) if units else None
    if match is None:
        kind = f"INTERVAL {begin} TO {end}"
        message = f"Error parsing '{text}' to interval. Interval string does not match {kind}."
        raise SqlError("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING", "22006", message)
    sign = "-" if match[1] == "-" else ""
    return " ".join(f"{sign}{value} {unit.lower()}" for value, unit in zip(match.groups()[1:], units, strict=True))
