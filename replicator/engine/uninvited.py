"""Whom a share is open to although nobody declared it: what is put into it would be open to them too. Pure."""

from collections.abc import Collection, Mapping

from replicator.address import Address
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import State
from replicator.resources.base import Fields


def uninvited(share: Address, declared: Mapping[Address, Fields], snapshot: Snapshot, state: State) -> frozenset[str]:
    """The recipients of a share that neither the configuration names nor the last apply saw.

    `declared` are the fields of what is declared. A share that is managed without its grants is left to whoever manages
    those; whom a share that we take over is granted to counts in any case, and unknown is not nobody.
    """
    at = Address(share.side, "grants", f"share/{share.name}")
    wanted, entry = declared.get(at), state.resources.get(str(at))
    taken_over = str(share) not in state.resources
    if not taken_over and wanted is None and entry is None:
        return frozenset()
    reason = snapshot.unknown_reason(at)
    if reason is not None:
        return frozenset({f"nobody knows who ({reason})"}) if taken_over else frozenset()
    found = snapshot.find(at)
    invited = {*_principals(wanted), *_principals(entry.inputs if entry else None)}
    if entry is not None:
        invited |= {path[0] for path in entry.watched.get("privileges", ())}
    return frozenset(_principals(found.fields if found else None)) - invited


def _principals(fields: Fields | None) -> Collection[str]:
    held: Mapping[str, object] = (fields or {}).get("privileges") or {}
    return held.keys()
