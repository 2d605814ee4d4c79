"""Guards of many actions: one command that releases them all, and what was released."""

import shlex
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from replicator.engine.actions import Action, Block
from replicator.engine.guards import NAMED
from replicator.render.groups import pattern
from replicator.render.look import clean
from replicator.wording import listed

_OPTION = "--allow-destroy "


def release_together(block: Block, members: Sequence[Action], held: Sequence[Action]) -> str:
    """What releases this guard of all `members`, and of nothing else of `held`, all that is blocked: their names while
    they are few, then the guard's code or a pattern. `ADDRESS` stands for each where nothing says just these."""
    address = members[0].address
    quoted = next((text for text in (f"'{address}'", address) if text in block.release), None)
    alone, named = f"{_OPTION}{quoted}", _OPTION + shlex.quote(f"{block.code}:{address}")
    if quoted is None or len(members) == 1:
        return block.release
    names = [member.address for member in members]
    if alone not in block.release and named not in block.release:
        few = " ".join(map(shlex.quote, names)) if len(names) <= NAMED else "ADDRESS"
        return block.release.replace(quoted, few)
    if len(names) <= NAMED:
        head = "" if alone in block.release else f"{block.code}:"
        options = [_OPTION + shlex.quote(head + name) for name in names]
    else:
        options = [_OPTION + _just(block.code, names, held)]
    return block.release.replace(alone if alone in block.release else named, " ".join(options))


def _just(code: str, names: Sequence[str], held: Sequence[Action]) -> str:
    others = [
        action.address
        for action in held
        if action.address not in names and any(block.code == code for block in action.blocked)
    ]
    if not others:
        return code
    alike = pattern(names)
    fits = all(fnmatchcase(name, alike) for name in names) and not any(fnmatchcase(name, alike) for name in others)
    return shlex.quote(f"{code}:{alike}") if fits else f"{code}:ADDRESS"


def released_lines(actions: Iterable[Action]) -> list[str]:
    """What a person let go that a guard would hold back, by guard: a reviewer is to see it."""
    found: dict[tuple[str, str], list[str]] = {}
    for action in actions:
        for block in action.released:
            found.setdefault((block.code, block.message), []).append(action.address)
    return [
        f"released: {code} {clean(message)}: {listed([*map(clean, names)])}" for (code, message), names in found.items()
    ]
