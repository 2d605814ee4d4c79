"""Paths and values of the Unity Catalog REST API that several types share."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from replicator.resources.base import MARK

UNITY = "/api/2.1/unity-catalog"

_OURS = "replicator."
_VOLATILE = ("delta.lastCommitTimestamp", "delta.lastUpdateVersion", "spark.sql.statistics.")
"""Properties that the platform rewrites as data changes; a busy table must not make a plan stale."""


def path(*parts: str) -> str:
    """A path under the API's root, each part percent-encoded (the SDK itself does not encode them)."""
    return "/".join([UNITY, *(quote(part, safe="") for part in parts)])


def own_properties(properties: Mapping[str, str] | None) -> dict[str, str]:
    """Properties as people know them: without our mark and without what the platform counts."""
    return {
        key: value
        for key, value in sorted((properties or {}).items())
        if not key.startswith(_OURS) and not key.startswith(_VOLATILE)
    }


def mark_of(properties: Mapping[str, str] | None) -> str | None:
    return (properties or {}).get(MARK)


def marked(properties: Mapping[str, str | None] | None, lineage: str) -> dict[str, str]:
    """Declared properties with the deployment's mark."""
    return {**{key: value for key, value in (properties or {}).items() if value is not None}, MARK: lineage}


def updated_properties(
    raw: Mapping[str, str] | None, declared: Mapping[str, Any], applied: Mapping[str, Any]
) -> dict[str, str]:
    """All properties after an update: REST replaces the whole map, so others' keys have to be sent along."""
    kept = {key: value for key, value in (raw or {}).items() if key not in applied or key in declared}
    kept |= {key: value for key, value in declared.items() if value is not None}
    return {key: value for key, value in kept.items() if declared.get(key, "") is not None}


def facts(raw: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some of what the server said of an object that is no field of ours; who made it, who changed it last, and when,
    always."""
    always = ("created_by", "created_at", "updated_by", "updated_at")
    return {name: raw[name] for name in (*always, *names) if raw.get(name) is not None}
