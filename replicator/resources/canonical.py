"""Canonical spellings shared by several resource types; each removes one known cause of a difference that never
goes away."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_ALIASES = {
    "integer": "int",
    "long": "bigint",
    "short": "smallint",
    "byte": "tinyint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "timestamp_ltz": "timestamp",
}
_WORD = re.compile(r"[a-z_]+|`(?:[^`]|``)*`|[0-9]+|[^a-z_`0-9]", re.IGNORECASE)


@lru_cache(maxsize=65536)
def column_type(text: str) -> str:
    """`INTEGER` is `int`, `map< string , double>` is `map<string,double>`, `decimal` is `decimal(10,0)`.

    A word before a colon is the name of a struct's field, and keeps its spelling.
    """
    words = [word for word in _WORD.findall(text.strip()) if not word.isspace()]
    out: list[str] = []
    for at, word in enumerate(words):
        is_field = at + 1 < len(words) and words[at + 1] == ":"
        spelled = word if is_field or word.startswith("`") else _ALIASES.get(word.lower(), word.lower())
        if spelled == "decimal" and not (at + 1 < len(words) and words[at + 1] == "("):
            spelled = "decimal(10,0)"
        out.append(spelled)
    return re.sub(r"not null|comment '.*?'", lambda match: f" {match[0]}", "".join(out))


def principal(name: str) -> str:
    """Users are named by an e-mail address, which folds case; groups and service principals do not."""
    return name.lower() if "@" in name else name


def privilege(name: str) -> str:
    """`use schema`, `USE SCHEMA` and `USE_SCHEMA` are one privilege; `ALL` means `ALL_PRIVILEGES`."""
    spelled = re.sub(r"[\s_]+", "_", name.strip().upper())
    return "ALL_PRIVILEGES" if spelled == "ALL" else spelled


def url(text: str) -> str:
    """Storage roots are compared without their trailing slashes."""
    return text.rstrip("/") or text


def text(value: str | None) -> str | None:
    """An empty comment and no comment are the same."""
    return value or None


def string_map(pairs: Mapping[str, Any]) -> dict[str, str]:
    """Property values are strings; booleans as the platform writes them."""
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in sorted(pairs.items())}


def by_key(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping whose order says nothing, in one order."""
    return dict(sorted(pairs.items()))


def names(items: Iterable[str]) -> list[str] | None:
    """Names of columns fold case; none at all is the same as not being set."""
    return [item.lower() for item in items] or None


def keyed_by_name(items: Iterable[Mapping[str, Any]] | Mapping[str, Any]) -> dict[str, Any]:
    """A list of objects with a `name` as a mapping by lower-cased name; a mapping stays one.

    Names fold case but keep it: where it is not all lower, the value says how the name is spelled.
    """
    if isinstance(items, Mapping):
        return {name.lower(): dict(value) for name, value in items.items()}
    return {item["name"].lower(): {k: v for k, v in item.items() if k != "name" or v != v.lower()} for item in items}
