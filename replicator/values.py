"""Plain values: how they are written canonically, hashed, and kept secret."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

JSON = dict[str, Any]


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no spaces, unescaped unicode. Raises TypeError for anything else."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """`sha256:` and 64 hex digits of the canonical text of a JSON value."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> JSON:
    """`base` with `over` laid on it: mappings merge key by key, everything else (lists too) is replaced."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = deep_merge(merged[key], value)
        else:
            merged[key] = value
    return merged


class Secret:
    """A value that no repr, log, JSON or format call can reveal; `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
