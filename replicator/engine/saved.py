"""The format of saved snapshots: what was read from both sides, as JSON that a later plan can be made from.

It holds metadata only: names, comments, properties, grants, versions. Columns that many tables have in common are
written once, and are one object when they are read back.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from replicator.address import Side
from replicator.engine.snapshot import Metastore, ReadStats, Scope, Snapshot
from replicator.errors import ConfigError
from replicator.resources.base import CloneRecord, DeltaVersion, Observed
from replicator.values import redact

FORMAT_VERSION = 1
_COLUMNS = "columns"


@dataclass(frozen=True)
class Saved:
    """Both sides at a time (ISO-8601 UTC), when the state of an environment had this lineage and serial."""

    environment: str
    lineage: str
    serial: int
    taken_at: str
    snapshots: Mapping[Side, Snapshot]


class _Shared:
    """Mappings that are written once. Most are one object already, which needs no comparison."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self._known: dict[int, int] = {}

    def number(self, mapping: Mapping[str, Any]) -> int:
        known = self._known.get(id(mapping))
        if known is None:
            known = self._known[id(mapping)] = self.texts.setdefault(_text(mapping), len(self.texts))
        return known


def dump(saved: Saved) -> str:
    """As JSON, without anything that is known to be secret."""
    shared = _Shared()
    head = {
        "format_version": FORMAT_VERSION,
        "environment": saved.environment,
        "lineage": saved.lineage,
        "serial": saved.serial,
        "taken_at": saved.taken_at,
    }
    sides = ",".join(f'"{side.value}":{_side(snapshot, shared)}' for side, snapshot in sorted(saved.snapshots.items()))
    columns = ",".join(shared.texts)
    return redact(f'{_text(head)[:-1]},"sides":{{{sides}}},"columns":[{columns}]}}\n')


_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: `json.dumps` makes another one for each of a hundred thousand objects."""


def _side(snapshot: Snapshot, shared: _Shared) -> str:
    """Object by object: the encoder holds every token of what it is given until the end."""
    head = {
        "metastore": asdict(snapshot.metastore),
        "unknown": dict(snapshot.unknown),
        "scope": _scope(snapshot.scope),
        "notes": list(snapshot.notes),
    }
    kinds = (
        f"{_text(kind)}:[{','.join(_text(_observed(item, shared)) for item in items.values())}]"
        for kind, items in snapshot.objects.items()
    )
    return f'{_text(head)[:-1]},"objects":{{{",".join(kinds)}}}}}'


def _observed(item: Observed, shared: _Shared) -> list[Any]:
    fields = dict(item.fields)
    if isinstance(fields.get(_COLUMNS), Mapping):
        fields[_COLUMNS] = shared.number(fields[_COLUMNS])
    return [item.name, fields, item.id, item.mark, _version(item.version), dict(item.info)]


def _version(version: DeltaVersion | None) -> Any:
    if version is None:
        return None
    clone = version.clone
    copied = [clone.source, clone.source_version, clone.at_version] if clone is not None else None
    return [version.version, version.timestamp, copied, list(version.foreign) if version.foreign else None]


def _scope(scope: Scope | None) -> Any:
    if scope is None:
        return None
    return {
        "catalogs": {name: None if schemas is None else sorted(schemas) for name, schemas in scope.catalogs.items()},
        "glance": {name: sorted(schemas) for name, schemas in scope.glance.items()},
        "recipients": scope.recipients,
        "providers": scope.providers,
        **{name: sorted(getattr(scope, name)) for name in ("shares", "grants", "tags", "names")},
    }


def load(text: str, *, where: str) -> Saved:
    """Read it back. Raises ConfigError for what is no saved snapshot, or one of another version of the format."""
    try:
        document = json.loads(text)
        if document["format_version"] != FORMAT_VERSION:
            raise ConfigError(
                f"{where}: a snapshot of format {document['format_version']}; this tool reads {FORMAT_VERSION}",
                hint="take a new one: replicator plan --save-snapshot FILE",
            )
        columns = document["columns"]
        return Saved(
            environment=document["environment"],
            lineage=document["lineage"],
            serial=int(document["serial"]),
            taken_at=document["taken_at"],
            snapshots={side: _snapshot(side, document["sides"][side.value], columns) for side in Side},
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"{where}: not a saved snapshot, or damaged ({type(error).__name__})",
            hint="take a new one: replicator plan --save-snapshot FILE",
        ) from None


def _snapshot(side: Side, body: Mapping[str, Any], columns: list[Any]) -> Snapshot:
    return Snapshot(
        side=side,
        metastore=Metastore(**body["metastore"]),
        objects={
            kind: {found.name: found for found in (_found(item, columns) for item in items)}
            for kind, items in body["objects"].items()
        },
        unknown=body["unknown"],
        stats=ReadStats(),
        scope=_scope_of(body["scope"]),
        notes=tuple(body["notes"]),
    )


def _found(item: list[Any], columns: list[Any]) -> Observed:
    name, fields, identifier, mark, version, info = item
    if isinstance(fields.get(_COLUMNS), int):
        fields[_COLUMNS] = columns[fields[_COLUMNS]]
    return Observed(name, fields, identifier, mark, _version_of(version), info)


def _version_of(found: Any) -> DeltaVersion | None:
    if found is None:
        return None
    version, moment, clone, foreign = found
    copied = CloneRecord(*clone) if clone is not None else None
    return DeltaVersion(version, moment, copied, (foreign[0], foreign[1]) if foreign else None)


def _scope_of(body: Any) -> Scope | None:
    if body is None:
        return None
    return Scope(
        catalogs={name: None if found is None else frozenset(found) for name, found in body["catalogs"].items()},
        glance={name: frozenset(found) for name, found in body["glance"].items()},
        recipients=body["recipients"],
        providers=body["providers"],
        **{name: frozenset(body[name]) for name in ("shares", "grants", "tags", "names")},
    )


def lacks(snapshot: Snapshot, wanted: Scope) -> str | None:
    """Something that is wanted and that nobody looked for when the snapshot was taken, or None: what it does not hold
    it only shows to be absent if it was looked for."""
    had = snapshot.scope
    if had is None:
        return None
    for catalog, schemas in wanted.catalogs.items():
        looked = had.catalogs.get(catalog, frozenset[str]())
        if catalog not in had.catalogs or (looked is not None and (schemas is None or not schemas <= looked)):
            return f"catalog {catalog}"
        if catalog in had.glance and not wanted.glance.get(catalog, frozenset({"*"})) <= had.glance[catalog]:
            return f"catalog {catalog} in full"
    for name in ("shares", "grants", "tags", "names"):
        more = getattr(wanted, name) - getattr(had, name)
        if more:
            return str(min(more))
    if (wanted.recipients and not had.recipients) or (wanted.providers and not had.providers):
        return "recipients and providers"
    return None
