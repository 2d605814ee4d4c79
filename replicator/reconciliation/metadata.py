"""Comparing what surrounds the data of a pair of tables: owner, properties, tags, grants, filters and masks. Pure.

None of it decides a verdict: a copy with other grants holds the same rows. It is told because a copy is only good for
taking over when people find, there too, what they may use and nothing more.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from replicator.reconciliation.governance import Aspect, Governance
from replicator.reconciliation.schema import difference
from replicator.reconciliation.verdicts import SchemaDifference, SchemaKind
from replicator.resources.base import Observed

_PROPERTIES: Mapping[str, str] = {
    "delta.appendOnly": "one side refuses UPDATE and DELETE",
    "delta.enableChangeDataFeed": "readers of changes find them on one side only",
    "delta.columnMapping.mode": "renaming or dropping a column works on one side only",
    "delta.deletedFileRetentionDuration": "time travel reaches back another time",
    "delta.logRetentionDuration": "the history reaches back another time",
    "delta.enableDeletionVectors": "older readers can open one side only",
    "delta.minReaderVersion": "older readers can open one side only",
    "delta.minWriterVersion": "older writers can write one side only",
}
_NOISE = ("delta.constraints.", "delta.columnMapping.maxColumnId", "delta.rowTracking.materialized", "delta.feature.")
_NOISE_TOO = ("pipelines.", "spark.sql.", "view.", "delta.checkpointPolicy", "delta.liquid.", "spark.internal.")
"""Properties that are compared elsewhere, that number things inside one table, or that say where a table came from."""


def compare(
    source: Observed, target: Observed, ours: Governance, theirs: Governance, us: tuple[str, str] = ("", "")
) -> tuple[SchemaDifference, ...]:
    """All differences, in a fixed order; an aspect that one side could not read is left out. `us` are the principals
    that we are on each side: what we own on both sides has one owner."""
    return (
        *_owner(source, target, us),
        *_policies(source, target),
        *_properties(source, target),
        *_tags(source.name, target.name, ours, theirs),
        *_column_tags(source.name, target.name, ours, theirs),
        *_grants(source.name, target.name, ours, theirs),
    )


def _owner(source: Observed, target: Observed, us: tuple[str, str]) -> Iterator[SchemaDifference]:
    mine, their = source.fields.get("owner"), target.fields.get("owner")
    if mine != their and (mine, their) != us:
        yield difference(SchemaKind.OWNER, None, mine, their)


def _policies(source: Observed, target: Observed) -> Iterator[SchemaDifference]:
    """A filter or mask is a function of its own catalog: that there is one counts, not its name."""
    filters = [_function(item.info.get("row_filter")) for item in (source, target)]
    if (filters[0] is None) != (filters[1] is None):
        yield difference(SchemaKind.ROW_FILTER, None, *filters)
    masks = [
        {column: str(facts["mask"]) for column, facts in item.info.get("columns", {}).items() if "mask" in facts}
        for item in (source, target)
    ]
    for column in sorted(masks[0].keys() ^ masks[1].keys()):
        yield difference(SchemaKind.MASK, column, masks[0].get(column), masks[1].get(column))


def _function(row_filter: Any) -> str | None:
    return str(row_filter.get("function_name")) if row_filter else None


def _properties(source: Observed, target: Observed) -> Iterator[SchemaDifference]:
    mine, their = (_telling(item.fields.get("properties") or {}) for item in (source, target))
    for name in sorted(mine.keys() | their.keys()):
        if mine.get(name) != their.get(name):
            meaning = _PROPERTIES.get(name)
            yield difference(SchemaKind.PROPERTY, name, mine.get(name), their.get(name), meaning)


def _telling(properties: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if not name.startswith((*_NOISE, *_NOISE_TOO))}


def _tags(source: str, target: str, ours: Governance, theirs: Governance) -> Iterator[SchemaDifference]:
    if not (ours.knows(Aspect.TAGS, source) and theirs.knows(Aspect.TAGS, target)):
        return
    mine, their = ours.tags.get(source, {}), theirs.tags.get(target, {})
    for tag in sorted(mine.keys() | their.keys()):
        if mine.get(tag) != their.get(tag):
            yield difference(SchemaKind.TAG, tag, mine.get(tag), their.get(tag))


def _column_tags(source: str, target: str, ours: Governance, theirs: Governance) -> Iterator[SchemaDifference]:
    if not (ours.knows(Aspect.COLUMN_TAGS, source) and theirs.knows(Aspect.COLUMN_TAGS, target)):
        return
    mine, their = ours.column_tags.get(source, {}), theirs.column_tags.get(target, {})
    for key in sorted(mine.keys() | their.keys()):
        if mine.get(key) != their.get(key):
            yield difference(SchemaKind.COLUMN_TAG, " ".join(key), mine.get(key), their.get(key))


def _grants(source: str, target: str, ours: Governance, theirs: Governance) -> Iterator[SchemaDifference]:
    """One difference per principal; a privilege that both hold is no difference."""
    if not (ours.knows(Aspect.GRANTS, source) and theirs.knows(Aspect.GRANTS, target)):
        return
    mine, their = ours.grants.get(source, set()), theirs.grants.get(target, set())
    for principal in sorted({who for who, _ in mine ^ their}):
        held = [", ".join(sorted(what for who, what in side if who == principal)) or None for side in (mine, their)]
        yield difference(SchemaKind.GRANT, principal, *held)
