"""Plain values: how they are written canonically, hashed, and kept secret."""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from typing import Any

JSON = dict[str, Any]

_LOOKS_SECRET = (
    ("dapi", r"dapi(?<!\wdapi)[0-9a-f]{32}(?:-\d+)?\b", "***"),  # a Databricks personal access token
    ("dose", r"dose(?<!\wdose)[0-9a-f]{32}\b", "***"),  # a Databricks OAuth secret
    ("earer ", r"earer (?<=[Bb]earer )(?:[^\s\"']*[Bb]earer )*[^\s\"']+", "earer ***"),
    ("://", r"://[^/\s:@\"']+:[^/\s@\"']+@", "://***@"),  # user:password in a URL
    ("eyJ", r"eyJ(?<!\weyJ)[\w-]+\.[\w-]+\.[\w-]*", "***"),  # a JSON web token
)
"""What a text must contain, the pattern that then decides, and what takes its place. Each pattern begins with what must
be there, for texts of many megabytes are searched, and a search that begins with a constant is ten times as fast."""
_SHORTEST_SECRET = 6
"""What is shorter cannot be told from an ordinary word, and no credential is."""


class _Known:
    """Every secret that this process has seen, the longest first, for one may begin with another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.values: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        with self._lock:
            if value not in self.values and len(value) >= _SHORTEST_SECRET:
                self.values = tuple(sorted((*self.values, value), key=len, reverse=True))


_KNOWN = _Known()
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no spaces, unescaped unicode. Raises TypeError for anything else."""
    return _CANONICAL.encode(value)


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


def keep_secret(value: str) -> Secret:
    """A secret that `redact` hides from now on, wherever it turns up in this process."""
    _KNOWN.add(value)
    return Secret(value)


def redact(text: str) -> str:
    """A text without any secret that this process has seen, and without whatever looks like a credential."""
    for value in _KNOWN.values:
        text = text.replace(value, "***")
    for constant, pattern, instead in _LOOKS_SECRET:
        if constant in text:
            text = re.sub(pattern, instead, text)
    return text


def redacted(value: Any) -> Any:
    """`redact` in every string of a JSON value, keys too; anything else is left as it is."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redacted(key): redacted(item) for key, item in value.items()}
    return [redacted(item) for item in value] if isinstance(value, list | tuple) else value
