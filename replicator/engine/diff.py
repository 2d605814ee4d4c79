"""Three values of every field in, changes out. Pure; knows types only through their rules.

What decides, in this order: a field that is not declared is unmanaged; values are canonical; within a keyed field
only keys that are declared, or that we applied before, are ours; equal pairs are never looked into.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from replicator.engine.actions import Cause, Change
from replicator.resources.base import Effect, Fields, ResourceType, Rule

_Plain = Mapping[str, Any]
_PLAIN_RULE = Rule()


def diff(
    rtype: ResourceType, applied: Fields | None, desired: Fields, actual: Fields, ignore: Iterable[str] = ()
) -> tuple[Change, ...]:
    """The changes that bring `actual` to `desired`, by path. `applied` is None when state has nothing of the resource.

    `ignore` holds path patterns (`comment`, `properties.*`) that the lifecycle tells us not to look at.
    """
    patterns = tuple(ignore)
    found: list[Change] = []
    for name in sorted(desired):
        rule = rtype.rules.get(name, _PLAIN_RULE)
        if rule.effect is Effect.IGNORED or (rule.write_only and applied is None):
            continue  # what is never returned cannot be compared with what somebody else made
        before = (applied or {}).get(name) if rule.write_only else actual.get(name)
        known = applied.get(name) if applied is not None else None
        for path, old, new in _differences(name, rule, known, desired, before):
            if not any(fnmatchcase(".".join(path), pattern) for pattern in patterns):
                found.append(_change(rule, path, applied, desired, old, new))
    return tuple(found)


def _differences(
    name: str, rule: Rule, applied: Any, desired: Fields, before: Any
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    after = desired[name]
    if rule.server_default and after is None:
        return
    if rule.keyed:
        prune = rule.prune is not None and rule.prune(desired)
        if _settled(before or {}, after or {}, applied or {}, rule.keyed, prune=prune):
            return
        wanted = _wanted(after or {}, rule.keyed)
        ours = _ours(before or {}, after or {}, applied or {}, rule.keyed, prune=prune)
        if ours != wanted:
            yield from (((name, *path), old, new) for path, old, new in _paths(ours, wanted))
    elif before != after:
        yield (name,), before, after


_SPELLING = "name"
"""The attribute that says how a thing's key is spelled; names fold case, so it is no difference."""


def _settled(actual: _Plain, desired: _Plain, applied: _Plain, depth: int, *, prune: bool) -> bool:
    """Whether there is certainly no difference, found without building what `_wanted` and `_ours` compare: of most
    resources nothing has changed."""
    for key, value in desired.items():
        held = actual.get(key)
        if held == value or (depth == 0 and key == _SPELLING):
            continue
        if not isinstance(value, dict) or not isinstance(held, dict):
            return False
        below = (applied.get(key) or {}) if depth > 1 else {}
        if not _settled(held, value, below, max(depth - 1, 0), prune=prune and depth > 1):
            return False
    if depth == 0:
        return True
    others = actual.keys() if prune else applied.keys() & actual.keys()
    return others <= desired.keys()


def _wanted(desired: _Plain, depth: int) -> Fields:
    """What is declared, to the depth of attributes. A key that is declared null is to be absent."""
    return {
        key: _wanted(value, depth - 1) if isinstance(value, Mapping) else value
        for key, value in desired.items()
        if value is not None and (depth > 0 or key != _SPELLING)
    }


def _ours(actual: _Plain, desired: _Plain, applied: _Plain, depth: int, *, prune: bool) -> Fields:
    """The part of `actual` that is managed.

    Down to `depth` keys are things of their own: those declared now or applied before are ours, or all when pruning.
    Below that they are attributes of a thing, and ours only where they are declared.
    """
    found: Fields = {}
    for key, value in actual.items():
        declared = desired.get(key)
        ours = (key in desired and key != _SPELLING) if depth == 0 else (prune or key in desired or key in applied)
        if not ours or value is None:
            continue
        if isinstance(value, Mapping) and depth > 1:
            inner = _ours(value, declared or {}, applied.get(key) or {}, depth - 1, prune=prune)
            if inner or key in desired:
                found[key] = inner
        elif isinstance(value, Mapping) and isinstance(declared, Mapping):
            found[key] = _ours(value, declared, {}, 0, prune=prune)
        else:
            found[key] = value
    return found


def _paths(before: Fields, after: Fields) -> list[tuple[tuple[str, ...], Any, Any]]:
    """Every key that differs, with its value on either side; never a whole mapping in the place of its keys.

    DeepDiff by itself calls two mappings with few common keys one changed value, and what goes with the keys that are
    gone (a column, a privilege, a tag) would be seen by no rule and no guard: hence the threshold.
    """
    from deepdiff import DeepDiff

    tree = DeepDiff(before, after, view="tree", ignore_order=False, threshold_to_diff_deeper=0)
    seen: dict[tuple[str, ...], tuple[Any, Any]] = {}
    for group in tree.values():
        for item in group:
            path = _without_indexes(item.path(output_format="list"))
            seen[path] = (_at(before, path), _at(after, path))
    return [(path, *values) for path, values in sorted(seen.items())]


def _without_indexes(path: Iterable[Any]) -> tuple[str, ...]:
    """A change inside a list is a change of the list."""
    kept: list[str] = []
    for step in path:
        if not isinstance(step, str):
            break
        kept.append(step)
    return tuple(kept)


def _at(value: Any, path: Iterable[str]) -> Any:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value


def _change(
    rule: Rule, path: tuple[str, ...], applied: Fields | None, desired: Fields, before: Any, after: Any
) -> Change:
    known = _at(applied, path) if applied is not None else None
    return Change(
        path=path,
        applied=_shown(rule, known),
        before=_shown(rule, before),
        after=_shown(rule, after),
        cause=_cause(rule, path, known, before, after)
        if _was_managed(rule, path, applied, desired)
        else _first(applied),
        effect=rule.effect_of(path, before, after) if rule.effect_of else rule.effect,
        lossy=rule.lossy(path, before, after),
        why=rule.why,
    )


def _first(applied: Fields | None) -> Cause:
    """Why something is changed that no apply has managed yet: whatever is there, nobody changed it behind our back."""
    return Cause.IMPORT if applied is None else Cause.CONFIG


def _was_managed(rule: Rule, path: tuple[str, ...], applied: Fields | None, desired: Fields) -> bool:
    """Whether the last apply decided on what is at a path. Where it took away what nobody declared, that is everything
    that is not declared now either."""
    if applied is None:
        return False
    pruned = rule.prune is not None and rule.prune(applied) and path[0] in applied
    return _holds(applied, path) or (pruned and not _holds(desired, path))


def _holds(value: Any, path: Iterable[str]) -> bool:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True


def _cause(rule: Rule, path: tuple[str, ...], applied: Any, before: Any, after: Any) -> Cause:
    if applied == after:
        return Cause.DRIFT
    if rule.keyed and len(path) > rule.keyed and isinstance(applied, Mapping) and isinstance(before, Mapping):
        # A whole thing: of its attributes only those that were declared are known to be as we left them.
        before = {key: before.get(key) for key in applied if key != _SPELLING}
        applied = {key: value for key, value in applied.items() if key != _SPELLING}
    return Cause.CONFIG if applied == before else Cause.BOTH


def _shown(rule: Rule, value: Any) -> Any:
    return {"$secret": "set"} if rule.secret and value is not None else value
