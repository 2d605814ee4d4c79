"""A plan of many actions: one section per kind of action, dangers first, alike actions as one row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from replicator.address import Address
from replicator.engine.actions import Action, Block, Do, Estimate
from replicator.render import changes as change_text
from replicator.render.fit import spread, wrapped
from replicator.render.groups import SMALLEST, Group, by_type, collapsed, group, pattern
from replicator.render.look import Look, clean, cut, joined, size, value
from replicator.render.releases import release_together
from replicator.render.symbols import (
    SYMBOLS,
    Sections,
    amount,
    behind,
    blocked_because,
    estimated,
    expanded,
    losing,
    revokes,
)
from replicator.render.symbols import told as told_why
from replicator.wording import count, many

ROWS = 12
"""Rows of one section, dangers excepted; the rest is counted."""

BELOW = 10
"""Columns before a change that stands below its address, because it would be cut beside it."""


def sectioned(found: Sections, look: Look) -> list[list[str]]:
    parts = [
        _blocked_section(found.blocked, look),
        _danger_section(found, look),
        _creates(found.plain[Do.CREATE], look),
        _changed("≁ RENAMES", found.plain[Do.RENAME], found.danger, look),
        _changed("~ UPDATES", found.plain[Do.UPDATE], found.danger, look),
        _counted("= IMPORTS", "exist already; will be managed from now on", found.plain[Do.IMPORT], look),
        _counted(". FORGETS", "only the state forgets them; nothing is deleted", found.plain[Do.FORGET], look),
        _syncs(found.plain[Do.SYNC], look),
        _checks(found.plain[Do.CHECK], look),
    ]
    return [part for part in parts if part]


def _blocked_section(actions: Sequence[Action], look: Look) -> list[str]:
    if not actions:
        return []
    lines = [f"⛔ BLOCKED {count(len(actions))}   apply will refuse until these are resolved"]
    for members in alike_blocks(actions):
        lines += _blocked_alike(members, actions, look)
    return lines


def alike_blocks(actions: Iterable[Action]) -> list[list[Action]]:
    """Blocked actions by what holds them: those that the same guards hold for the same reason stand together."""
    found: dict[tuple[tuple[str, str, str], ...], list[Action]] = {}
    for action in actions:
        found.setdefault(tuple(_without_address(action, block) for block in action.blocked), []).append(action)
    return list(found.values())


def _without_address(action: Action, block: Block) -> tuple[str, str, str]:
    return block.code, block.message.replace(action.address, "…"), block.release.replace(action.address, "…")


def _blocked_alike(members: Sequence[Action], held: Sequence[Action], look: Look) -> list[str]:
    """Actions that the same guard holds: each is named if it destroys, otherwise alike ones are counted."""
    alike = len(members) >= SMALLEST and not look.full
    if alike and not any(action.do in (Do.DELETE, Do.REPLACE) for action in members):
        rows = [_counted_row(part, look) for part in by_type(members)]
    else:
        rows = [f"   {SYMBOLS[action.do]} {clean(action.address)}" for action in members]
    for block in members[0].blocked:
        release = release_together(block, members, held)
        rows += blocked_because(block.model_copy(update={"release": release}), "        ", look)
    return rows


def _counted_row(part: Group, look: Look) -> str:
    addresses = [action.address for action in part.actions]
    head = f"   {len(part):>3} × {SYMBOLS[part.first.do]} {pattern(addresses)}   "
    return head + cut(collapsed(addresses), max(20, look.width - len(head)))


def _danger_section(found: Sections, look: Look) -> list[str]:
    actions = found.danger
    if not actions:
        return []
    counted = [
        ("DESTROYS", sum(action.do is Do.DELETE for action in actions)),
        ("REPLACES", sum(action.do is Do.REPLACE for action in actions)),
        ("REVOKES", sum(map(revokes, actions))),
    ]
    told = [f"{word} {count(number)}" for word, number in counted if number]
    symbol = SYMBOLS[Do.DELETE] if any(action.do is Do.DELETE for action in actions) else "!"
    lines = [f"{symbol} {' · '.join(told) or f'RISKS {count(len(actions))}'}"]
    column = min(48, max(len(action.address) for action in actions)) + 3
    for action in actions:
        why = "waits for what is blocked" if action.address in found.waiting else told_why(action)
        lines += _danger_rows(action, column, look, why)
    return lines


def _danger_rows(action: Action, column: int, look: Look, why: str) -> list[str]:
    head = f"   {SYMBOLS[action.do]} {clean(action.address).ljust(column - 3)}   "
    if action.do is Do.DELETE:
        return [f"{head}{why}".rstrip()]
    texts = change_text.lines(action.changes, max(30, look.width - len(head)), full=look.full)
    if action.moves_data:
        texts.insert(0, (f"{clean(action.message) or 'data is copied'}{estimated(action)}", ""))
    return _beside(head, texts, look.width)


def _beside(head: str, texts: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Lines of text and mark to the right of a head; the head stands on the first one only."""
    if not texts:
        return [head.rstrip()]
    gap = " " * len(head)
    return [spread(f"{gap if number else head}{text}", mark, width) for number, (text, mark) in enumerate(texts)]


def _creates(actions: Sequence[Action], look: Look) -> list[str]:
    if not actions:
        return []
    lines = [f"+ CREATES {count(len(actions))}"]
    return lines + (_all(actions, look) if look.full else _by_type_rows("+", actions, look))


def _all(actions: Iterable[Action], look: Look) -> list[str]:
    inner = replace(look, width=look.width - 3)
    return [f"   {line}" for action in actions for text in expanded(action, inner) for line in text.split("\n")]


def _by_type_rows(symbol: str, actions: Sequence[Action], look: Look) -> list[str]:
    parts = by_type(actions)
    widest = max(len(_head(part)) for part in parts)
    digits = max(len(count(len(part))) for part in parts)
    rows: list[str] = []
    for part in parts:
        left = f"   {symbol} {_head(part):<{widest}}  {count(len(part)):>{digits}}   "
        rows.append(left + joined(_what(part), max(40, look.width - len(left))))
    return rows


def _head(part: Group) -> str:
    return part.first.address.partition("/")[0]


def _what(part: Group) -> list[str]:
    """Names, and for copies how much data there is to move."""
    known = [(held, action.address) for action in part.actions if (held := _bytes(action)) is not None]
    told = [collapsed([action.address for action in part.actions])]
    if known:
        told.append(amount(part.actions))
    if len(known) >= SMALLEST:
        largest, address = max(known)
        told.append(f"largest {clean(Address.parse(address).name)} {size(largest)}")
    return told


def _bytes(action: Action) -> int | None:
    return action.estimate.bytes if action.estimate else None


def _changed(title: str, actions: Sequence[Action], danger: Sequence[Action], look: Look) -> list[str]:
    """Updates in groups of alike ones, the largest first."""
    above = sum(action.do is Do.UPDATE for action in danger) if title.startswith("~") else 0
    if not actions:
        return []
    lines = [f"{title} {count(len(actions) + above)}" + (f"   ({count(above)} shown above)" if above else "")]
    if look.full:
        return lines + _all(actions, look)
    return lines + _limited(group(actions), look, _changed_rows)


def _limited(parts: Sequence[Group], look: Look, rows: Callable[[Group, int, Look], list[str]]) -> list[str]:
    shown = parts if len(parts) <= ROWS else parts[: ROWS - 1]
    column = min(46, max(len(_pattern(part)) for part in shown))
    lines = [line for part in shown for line in rows(part, column, look)]
    if len(shown) < len(parts):
        rest = sum(len(part) for part in parts[len(shown) :])
        lines.append(f"   …{count(rest)} more in {many(len(parts) - len(shown), 'group')}: --full shows them")
    return lines


def _pattern(part: Group) -> str:
    return pattern([action.address for action in part.actions])


def _changed_rows(part: Group, column: int, look: Look) -> list[str]:
    head = f"  {count(len(part)):>5} × {_pattern(part).ljust(column)}  "
    room = max(30, look.width - len(head))
    below = False
    if part.exact:
        texts = change_text.lines(part.first.changes, room)
        wide = change_text.lines(part.first.changes, look.width - BELOW)
        below = len(part.first.changes) == 1 and (_longest(wide) > _longest(texts) or _longest(texts) > room)
        texts = wide if below else texts
    else:
        texts = [(_abstracted(part, number), "") for number in range(len(part.first.changes))]
        texts = [
            (text, change_text.marks(part.first.changes) if not number else "")
            for number, (text, _) in enumerate(texts)
        ]
    if part.first.moves_data:
        texts.append(("and its data" if len(part) == 1 else "and their data", ""))
    if len(texts) > SMALLEST:
        texts = [*texts[:SMALLEST], (f"…{many(len(texts) - SMALLEST, 'more change')}", "")]
    return [head.rstrip(), *_beside(" " * BELOW, texts, look.width)] if below else _beside(head, texts, look.width)


def _longest(texts: Sequence[tuple[str, str]]) -> int:
    return max((len(text) for text, _ in texts), default=0)


def _abstracted(part: Group, number: int) -> str:
    """One field of alike actions: its value where all agree, otherwise how many there are."""
    each = [action.changes[number] for action in part.actions]
    values = {value(change.after) for change in each}
    if len(values) == 1:
        return f"{change_text.path_text(each[0].path)}  → {cut(values.pop(), 40)}"
    return change_text.abstract(each[0], len(values))


def _counted(title: str, why: str, actions: Sequence[Action], look: Look) -> list[str]:
    if not actions:
        return []
    lines = [f"{title} {count(len(actions))}   {why}"]
    if look.full:
        return lines + _all(actions, look)
    changed = [action for action in actions if action.changes]
    untouched = [action for action in actions if not action.changes]
    reasons = by_why(untouched)
    rows = [row for why, alike in reasons[:ROWS] for row in _reasoned(title[0], why, alike, look)]
    if more := sum(len(alike) for _, alike in reasons[ROWS:]):
        rows.append(f"   …{count(more)} more: --full shows them")
    return lines + rows + (_limited(group(changed), look, _changed_rows) if changed else [])


def by_why(actions: Iterable[Action]) -> list[tuple[str, list[Action]]]:
    """Actions by why they are done, where the title of their section does not say it: that something is forgotten is
    no reason."""
    found: dict[str, list[Action]] = {}
    for action in actions:
        found.setdefault(told_why(action) if action.do is Do.FORGET else "", []).append(action)
    return list(found.items())


def _reasoned(symbol: str, why: str, actions: Sequence[Action], look: Look) -> list[str]:
    rows = _by_type_rows(symbol, actions, look)
    if not why:
        return rows
    whole = f"{rows[-1]}   {why}"
    return [*rows[:-1], whole] if len(rows) == 1 and len(whole) <= look.width else [*rows, f"       {why}"]


def _syncs(actions: Sequence[Action], look: Look) -> list[str]:
    if not actions:
        return []
    copied = amount(actions)
    told = [*filter(None, [losing(actions), behind(actions), f"{copied} to copy" if copied else ""])]
    if len(actions) > SMALLEST and not look.full:
        told.append(collapsed([item.address for item in actions]))
        return [f"↻ SYNC {count(len(actions))}   {' · '.join(told)}", *_losers(actions)]
    lines = [f"↻ SYNC {count(len(actions))}" + (f"   {' · '.join(told)}" if told else "")]
    if look.full:
        return lines + _all(actions, look)
    return lines + [f"   ↻ {clean(action.address)}   {clean(action.message)}{estimated(action)}" for action in actions]


def _losers(actions: Sequence[Action]) -> list[str]:
    """The copies that lose rows by name, those first that lose most as far as it is known."""
    losers = [action for action in actions if action.estimate and action.estimate.removed]
    losers.sort(key=lambda action: -sum(number or 0 for number in (action.estimate or Estimate()).removed.values()))
    shown = [f"   ! {clean(action.address)}   {losing([action]).partition(' ')[2]}" for action in losers[:ROWS]]
    more = len(losers) - len(shown)
    return [*shown, *([f"   …{many(more, 'more copy loses rows', 'more copies lose rows')}"] if more else [])]


def _checks(actions: Sequence[Action], look: Look) -> list[str]:
    if not actions:
        return []
    checks = [action for action in actions if action.at.type == "check"]
    waits = [action for action in actions if action.at.type != "check"]
    lines = [
        line
        for action in waits
        for line in wrapped(f"   ✓ {clean(action.address)}   {clean(action.message)}", look.width, 5)
    ]
    title = f"✓ CHECKS {count(len(actions))}"
    if checks:
        title += f"   {many(len(checks), 'copy', 'copies')} compared with what was copied"
    return [title, *(_all(actions, look) if look.full else lines)]
