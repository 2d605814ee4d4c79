"""Alike actions as one: 198 tables whose same property changes are one line with a count. Pure."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from replicator.engine.actions import Action
from replicator.render.look import clean
from replicator.wording import count, listed

SMALLEST = 3
"""Fewer alike actions than this are shown one by one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alike actions, in plan order. `exact`: their changes are equal to the last value; otherwise only in the fields
    that change."""

    actions: tuple[Action, ...]
    exact: bool = True

    @property
    def first(self) -> Action:
        return self.actions[0]

    def __len__(self) -> int:
        return len(self.actions)


def group(actions: Iterable[Action]) -> list[Group]:
    """Groups of equal changes, then of changes in equal fields, then what is left one by one; the largest first."""
    exact, rest = _split(actions, _exact)
    alike, single = _split(rest, _fields)
    found = [Group(members) for members in exact]
    found += [Group(members, exact=False) for members in alike]
    found += [Group((action,)) for action in single]
    return sorted(found, key=lambda item: (-len(item), item.first.address))


def by_type(actions: Iterable[Action]) -> list[Group]:
    """One group per side and type, in plan order."""
    found: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        found[action.address.partition("/")[0]].append(action)
    return [Group(tuple(members), exact=False) for members in found.values()]


def _split(actions: Iterable[Action], key: Callable[[Action], str]) -> tuple[list[tuple[Action, ...]], list[Action]]:
    found: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        found[key(action)].append(action)
    large = [tuple(members) for members in found.values() if len(members) >= SMALLEST]
    return large, [action for members in found.values() if len(members) < SMALLEST for action in members]


def _kind(action: Action) -> list[str]:
    at = action.at
    causes = sorted({change.cause.value for change in action.changes})
    return [action.do.value, at.side.value, at.type, at.name.split(".")[0], str(action.moves_data), *causes]


def _exact(action: Action) -> str:
    return json.dumps([_kind(action), [[change.path, change.before, change.after] for change in action.changes]])


def _fields(action: Action) -> str:
    return json.dumps([_kind(action), [change.path for change in action.changes]])


def pattern(addresses: Sequence[str]) -> str:
    """What addresses of one side and type have in common, `*` for the parts that differ."""
    if len(addresses) == 1:
        return clean(addresses[0])
    head, names = addresses[0].partition("/")[0], [address.partition("/")[2].split(".") for address in addresses]
    if len({len(parts) for parts in names}) > 1:
        return f"{clean(head)}/*"
    columns = zip(*names, strict=True)
    return clean(f"{head}/" + ".".join(parts[0] if len(set(parts)) == 1 else "*" for parts in columns))


def collapsed(addresses: Sequence[str]) -> str:
    """Names of one side and type: `sales.{billing, crm, ops, …9 more}`, or the first few in full."""
    names = [clean(address.partition("/")[2]) for address in addresses]
    containers = {name.rpartition(".")[0] for name in names}
    prefix = f"{next(iter(containers))}."
    if len(names) > 1 and len(containers) == 1 and len(prefix) > 1:
        return f"{clean(prefix)}{{{listed([name.removeprefix(prefix) for name in names])}}}"
    if len(containers) > 1 and len(names) > SMALLEST:
        return f"in {count(len(containers))} {_containers_word(containers)}"
    return listed(names)


def _containers_word(containers: Iterable[str]) -> str:
    return "schemas" if all("." in container for container in containers) else "catalogs"
