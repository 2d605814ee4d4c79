"""Names and strings as SQL text that no content can escape from.

Encoding follows what Spark 4 was measured to do: a doubled quote inside a literal is two adjacent literals, and
`${name}` is substituted even inside literals and backticks, so every special character is written as a unicode escape.
"""

import re

from replicator.errors import ReplicatorError

_SPECIAL = re.compile(r"[\x00-\x1f\x7f'\"\\$\u2028\u2029]")


def quote(*parts: str) -> str:
    """Backtick each part of a name and join with dots. Raises ReplicatorError for a part that SQL would substitute."""
    for part in parts:
        if "${" in part or not part:
            raise ReplicatorError(
                f"{'.'.join(parts)!r} cannot be named in SQL: "
                + ("`${` is substituted even inside backticks" if part else "a part of the name is empty"),
                hint="rename it, or leave it out (exclude_tables, exclude_schemas)",
            )
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def quote_name(full_name: str) -> str:
    """Backtick a dotted full name (Unity Catalog names cannot contain dots themselves)."""
    return quote(*full_name.split("."))


def literal(text: str) -> str:
    """A string literal that evaluates to exactly `text`."""
    return "'" + _SPECIAL.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "'"


def properties(pairs: dict[str, str]) -> str:
    """The inside of TBLPROPERTIES(...) or DBPROPERTIES(...), sorted by key."""
    return ", ".join(f"{literal(key)} = {literal(value)}" for key, value in sorted(pairs.items()))
