"""Names of Unity Catalog objects as people may write them: accepted exactly (folded to lower case) or refused.

Databricks documents that object names have at most 255 characters, hold no dot, space, slash or control character,
and are stored in lower case (https://docs.databricks.com/sql/language-manual/sql-ref-names).
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

MAX_LENGTH = 255
_GLOB = frozenset("*?[]")
_WORDS = {".": "a dot", " ": "a space", "/": "a slash"}


def fault(name: str, *, glob: bool = False) -> str | None:
    """Why a name cannot be used, None when it can."""
    if not name:
        return "a name cannot be empty"
    if len(name) > MAX_LENGTH:
        return f"a name has at most {MAX_LENGTH} characters, this one has {len(name)}"
    if "${" in name or "{{" in name:
        return "placeholders in a name must be ${variables} that are defined"
    for character in name:
        if character in _WORDS:
            return f"a name cannot contain {_WORDS[character]}: {printable(name)}"
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs", "Cs"):
            return f"a name cannot contain the character U+{ord(character):04X}: {printable(name)}"
        if character in _GLOB and not glob:
            return f"patterns are not accepted here: {printable(name)}"
    if unicodedata.normalize("NFC", name) != name:
        return f"write this name with composed characters (Unicode NFC): {printable(name)}"
    return None


def printable(name: str) -> str:
    """A name as it can be shown without fooling the eye."""
    shown = name if len(name) <= 60 else name[:57] + "…"
    return "".join(
        character if character.isprintable() and unicodedata.category(character) != "Cf" else f"\\u{ord(character):04x}"
        for character in shown
    )


def _single(name: str) -> str:
    reason = fault(name)
    if reason is not None:
        raise ValueError(reason)
    return name.lower()


def _pattern(name: str) -> str:
    reason = fault(name, glob=True)
    if reason is not None:
        raise ValueError(reason)
    return name.lower()


def _parts(count: int, form: str) -> AfterValidator:
    def check(name: str) -> str:
        return full_name(name, count, form)

    return AfterValidator(check)


def full_name(name: str, count: int, form: str) -> str:
    """A dotted name of `count` parts in lower case. Raises ValueError."""
    parts = name.split(".")
    if len(parts) != count:
        raise ValueError(f"expected a full name like `{form}`, got {printable(name)}")
    return ".".join(map(_single, parts))


def _principal(name: str) -> str:
    if not name.strip() or len(name) > MAX_LENGTH:
        raise ValueError(f"a principal's name has 1 to {MAX_LENGTH} characters")
    return name


def is_pattern(name: str) -> bool:
    """Whether a name stands for several."""
    return bool(_GLOB & set(name))


Name = Annotated[str, AfterValidator(_single)]
Pattern = Annotated[str, AfterValidator(_pattern)]
TableName = Annotated[str, _parts(3, "catalog.schema.table")]
Principal = Annotated[str, AfterValidator(_principal)]
