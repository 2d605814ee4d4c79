"""What a plain YAML word means: the core schema of YAML 1.2, without its surprises.

`yes`, `on`, dates, `0755` and `1_000` stay text, for nobody can tell what their writer meant.
"""

import math
import re

Scalar = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = {"0o": (re.compile(r"0o[0-7]+"), 8), "0x": (re.compile(r"0x[0-9a-fA-F]+"), 16)}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 100

TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))


def resolve(text: str) -> Scalar:
    """The value of an unquoted word. Raises ValueError for a number that JSON cannot hold."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] not in "-+.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    for prefix, (form, base) in _BASED.items():
        if text.startswith(prefix) and form.fullmatch(text):
            return int(text, base)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("infinity and not-a-number are not accepted")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("this number is too large")
        return number
    return text


def resolve_tagged(text: str, tag: str) -> Scalar:
    """The value of a word with an explicit core tag. Raises ValueError when it is not of that type."""
    name = tag.rpartition(":")[2]
    if name == "str":
        return text
    value = resolve(text)
    types: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}
    if not isinstance(value, types.get(name, ())) or (isinstance(value, bool) and name != "bool"):
        raise ValueError(f"this is not of the type that its tag !!{name} says")
    return float(value) if name == "float" and isinstance(value, int) else value
