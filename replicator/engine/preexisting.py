"""Values that others had set before we came (grants): they are declared, and were never ours to take back.

They are kept in an entry's outputs as `{field: [[key, …], …]}` under `preexisting`. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from replicator.engine.drift import leaves
from replicator.resources.base import Fields, Observed, Outputs, ResourceType

KEY = "preexisting"

_Leaf = tuple[str, ...]


def noticed(rtype: ResourceType, desired: Fields, applied: Fields, known: Outputs, before: Observed | None) -> Outputs:
    """What to remember of `before`, which is about to become `desired`; nothing for types that are objects.

    A value that is declared and held is others' when we did not apply it, and stays others' as long as it is held.
    """
    if not rtype.is_value:
        return {}
    found: dict[str, list[list[str]]] = {}
    for name in _fields(rtype, desired):
        held = leaves((before.fields.get(name) or {}) if before else {})
        others = _listed(known, name) | (leaves(desired[name]) - leaves(applied.get(name) or {}))
        kept = leaves(desired[name]) & held & others
        if kept:
            found[name] = _plain(kept)
    return {KEY: found} if found or KEY in known else {}


def ours(inputs: Fields, known: Outputs) -> Fields:
    """The applied fields without what others had set before us."""
    return {name: _without(value, _listed(known, name)) for name, value in inputs.items()}


def managed(inputs: Fields, known: Outputs, desired: Fields) -> Fields:
    """The applied fields as plan compares them: what others had set before us and is no longer declared is not ours to
    take back."""
    return {
        name: _without(value, others - leaves(desired.get(name) or {})) if (others := _listed(known, name)) else value
        for name, value in inputs.items()
    }


def held_by_us(inputs: Fields, known: Outputs, before: Observed | None) -> Fields:
    """Of the applied fields what is ours and still there: all that a removal takes away."""
    held = before.fields if before else {}
    return {
        name: _without(value, leaves(value) - leaves(held.get(name) or {})) if isinstance(value, Mapping) else value
        for name, value in ours(inputs, known).items()
    }


def recovered(rtype: ResourceType, intended: Fields, noted: Outputs, known: Outputs) -> Outputs:
    """What is others' when nobody knows whether the intended fields were applied: also what was to be let go."""
    found: dict[str, list[list[str]]] = {}
    for name in _fields(rtype, intended) if rtype.is_value else ():
        both = _listed(noted, name) | (_listed(known, name) - leaves(intended[name]))
        if both:
            found[name] = _plain(both)
    return {KEY: found} if found or KEY in known else {}


def _fields(rtype: ResourceType, fields: Fields) -> list[str]:
    return [name for name, rule in rtype.rules.items() if rule.keyed and fields.get(name)]


def _listed(outputs: Outputs, name: str) -> set[_Leaf]:
    return {tuple(path) for path in (outputs.get(KEY) or {}).get(name, ())}


def _plain(paths: Iterable[_Leaf]) -> list[list[str]]:
    return [list(path) for path in sorted(paths)]


def _without(value: Any, paths: set[_Leaf]) -> Any:
    """A mapping without the given paths, and without what is empty for lack of them."""
    if not paths or not isinstance(value, Mapping):
        return value
    found: Fields = {}
    for key, inner in value.items():
        below = {path[1:] for path in paths if path[0] == key}
        if () in below:
            continue
        left = _without(inner, below)
        if left or not below:
            found[key] = left
    return found
