"""One change of one field as text: what it was, what it becomes, and a mark for what a reviewer must not miss."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from itertools import groupby
from typing import Any

from replicator.engine.actions import Cause, Change
from replicator.render.look import clean, cut, value
from replicator.resources.base import Effect
from replicator.wording import LISTED, listed

_DRIFTED = (Cause.DRIFT, Cause.BOTH)


def path_text(path: Sequence[str]) -> str:
    """`comment`, `columns[score].type`, `properties[delta.appendOnly]`."""
    head, *keys = path
    if not keys:
        return clean(head)
    first, *rest = keys
    return clean(f"{head}[{first}]" + "".join(f".{key}" for key in rest))


def marks(changes: Iterable[Change]) -> str:
    """What is special about changes, in the order of how much it matters."""
    listed_changes = list(changes)
    found = (
        ("lossy", any(change.lossy for change in listed_changes)),
        ("replaces", any(change.effect is Effect.REPLACE for change in listed_changes)),
        ("drift", any(change.cause in _DRIFTED for change in listed_changes)),
        ("owner, runs last", any(change.effect is Effect.OWNER for change in listed_changes)),
        ("additive", bool(listed_changes) and all(change.effect is Effect.ADDITIVE for change in listed_changes)),
    )
    return ", ".join(word for word, holds in found if holds)


def is_revoke(change: Change) -> bool:
    """Access that somebody has now and will not have."""
    return change.path[0] == "privileges" and _leaves(change.before) > _leaves(change.after)


def _leaves(given: Any) -> int:
    if isinstance(given, Mapping):
        return sum(map(_leaves, given.values()))
    return 1 if given is True else 0


def lines(changes: Sequence[Change], width: int, *, full: bool = False, new: bool = False) -> list[tuple[str, str]]:
    """Text and marks of an action's changes, one pair per line; privileges are gathered per principal.

    `new`: the object does not exist yet, so that there is no value before.
    """
    grants = [change for change in changes if change.path[0] == "privileges"]
    rest = [change for change in changes if change.path[0] != "privileges"]
    found = [(text, marks(part)) for text, part in _privileges(grants)]
    label = min(40, max((len(path_text(change.path)) for change in rest if not _is_member(change)), default=0))
    for group in _gathered(rest, full=full):
        text = _shown(group, label, width, full=full, new=new)
        found += [(line, marks(group) if not number else "") for number, line in enumerate(text)]
    return found


def _gathered(changes: Sequence[Change], *, full: bool) -> Iterator[list[Change]]:
    """Many new keys of one field are one line; what changes or goes always has its own."""
    for (_, is_new), group in groupby(changes, key=lambda change: (change.path[0], _is_new_key(change))):
        members = list(group)
        if is_new and len(members) > LISTED and not full:
            yield members
        else:
            yield from ([change] for change in members)


def _is_new_key(change: Change) -> bool:
    return len(change.path) == 2 and change.before is None


def _shown(group: Sequence[Change], label: int, width: int, *, full: bool, new: bool) -> list[str]:
    first = group[0]
    if len(group) > 1:
        names = [clean(change.path[1]) for change in group]
        return [cut(f"{first.path[0].ljust(label)}  + {len(group):,}: {listed(names)}", width)]
    return _member(first) if _is_member(first) else _field(first, label, width, full=full, new=new)


def abstract(change: Change, differing: int) -> str:
    """A change that many resources share but for its value."""
    return f"{path_text(change.path)}  ({differing:,} different values)"


def _privileges(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    """`+ analysts: SELECT, USE_SCHEMA`, one line per principal and direction."""
    single = sorted(_single(changes), key=lambda item: item[:2])
    for (sign, principal), group in groupby(single, key=lambda item: item[:2]):
        members = list(group)
        names = sorted(name for _, _, name, _ in members)
        shown = f": {', '.join(names)}" if any(names) else ""
        yield f"{sign} {clean(principal)}{shown}", [change for *_, change in members]


def _single(changes: Iterable[Change]) -> Iterator[tuple[str, str, str, Change]]:
    for change in changes:
        sign = "−" if change.after is None else "+"
        principal = change.path[1] if len(change.path) > 1 else ""
        held = change.before if change.after is None else change.after
        if len(change.path) > 2:
            yield sign, principal, change.path[2], change
        elif len(change.path) > 1:
            for name in held if isinstance(held, Mapping) else ("",):
                yield sign, principal, name, change
        else:
            for who, names in (held or {}).items():
                for name in names:
                    yield sign, who, name, change


def _is_member(change: Change) -> bool:
    """A whole key of a keyed field that comes or goes: a column, a shared object."""
    return (
        len(change.path) == 2
        and change.path[0] in ("columns", "objects")
        and (change.before is None or change.after is None)
    )


def _member(change: Change) -> list[str]:
    name = path_text(change.path)
    if change.after is None:
        return [f"{name}  − {_described(change.before)}".rstrip()]
    return [f"{name}  + {_described(change.after)}".rstrip()]


def _described(given: Any) -> str:
    """`double`, `double not null`, `as sales.orders`, in place of the whole mapping."""
    if not isinstance(given, Mapping):
        return value(given)
    words = [str(given["type"])] if "type" in given else []
    words += ["not null"] if given.get("nullable") is False else []
    words += [f"as {given['shared_as']}"] if given.get("shared_as") else []
    return clean(" ".join(words))


def _field(change: Change, label: int, width: int, *, full: bool, new: bool) -> list[str]:
    name = path_text(change.path)
    multi = any(isinstance(item, str) and "\n" in item for item in (change.before, change.after))
    if full and multi:
        return [name, *_unified(change)]
    if isinstance(change.after, Mapping) and change.before is None:
        return [f"{name.ljust(label)}  {_cut(_summary(change.after), width - label - 2, full)}"]
    bare = change.effect is Effect.OWNER
    before, after = value(change.before, bare=bare), value(change.after, bare=bare)
    room = max(24, width - max(label, len(name)) - 2)
    if new:
        return [f"{name.ljust(label)}  {_cut(after, room, full)}"]
    half = max(12, (room - 5) // 2)
    first = _cut(before, max(half, room - 5 - len(after)), full)
    return [f"{name.ljust(label)}  {first}  →  {_cut(after, max(half, room - 5 - len(first)), full)}"]


def _summary(given: Mapping[str, Any]) -> str:
    """A new mapping by its keys: values are in the file that the reader wrote."""
    if all(isinstance(item, str) for item in given.values()):
        return listed([f"{clean(key)}={value(item, bare=True)}" for key, item in sorted(given.items())])
    return f"{len(given):,}: {listed([clean(key) for key in given])}"


def _cut(text: str, limit: int, full: bool) -> str:
    return text if full else cut(text, limit)


def _unified(change: Change) -> list[str]:
    old = str(change.before or "").splitlines()
    new = str(change.after or "").splitlines()
    return ["  " + clean(line) for line in list(unified_diff(old, new, lineterm="", n=1))[2:]]
