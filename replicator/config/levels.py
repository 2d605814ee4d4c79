"""Settings that hold on several levels, and the names that they make."""

from typing import Any, Literal

from replicator.config.connection import Section

Levels = tuple[Section, ...]
"""The places where a setting may stand, innermost first: table, schema, catalog, section."""


def setting(name: str, levels: Levels, default: Any = None) -> Any:
    """The value of a setting where it was written innermost."""
    for level in levels:
        if name in level.model_fields_set:
            return getattr(level, name)
    return default


def made_schema(schema: str, levels: Levels, what: Literal["backup", "target"]) -> str:
    """The schema that copies of `schema` go to: named outright, or the same name between prefix and suffix."""
    outright: str | None = setting(f"{what}_schema", levels)
    prefix = setting(f"{what}_schema_prefix", levels, "")
    suffix = setting(f"{what}_schema_suffix", levels, "")
    return outright or f"{prefix}{schema}{suffix}"
