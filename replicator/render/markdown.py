"""A plan, or drift, as a comment on a pull request: dangers open, the rest folded away, within a budget of bytes.

GitHub refuses a comment of more than 65,536 characters. Over budget, details go in a fixed order: the members of
groups, then values, then groups beyond the twentieth, then whole sections, which leave their count. The header, what is
dangerous, what is blocked and the last lines are never cut. The same plan gives the same text.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum

from replicator.engine.actions import Action, Change, Do, Plan
from replicator.engine.drift import DriftReport
from replicator.render import changes as change_text
from replicator.render.drift import News, grouped, lag_lines, ways_out, who
from replicator.render.groups import SMALLEST, Group, by_type, collapsed, group, pattern
from replicator.render.look import Look, clean, cut, value, with_options
from replicator.render.releases import release_together, released_lines
from replicator.render.sections import alike_blocks, by_why
from replicator.render.symbols import SYMBOLS, WORDS, amount, behind, is_dangerous, losing, revokes, sections, told
from replicator.render.text import next_command, reassurance, short_id
from replicator.wording import count, listed, many

BUDGET = 60_000
GROUPS = 20
_PLURALS = {"grants": "grants", "tags": "tags"}
_ROWS = (Do.CREATE, Do.IMPORT, Do.UPDATE, Do.RENAME, Do.REPLACE, Do.DELETE, Do.FORGET, Do.SYNC, Do.CHECK)


class Detail(IntEnum):
    """How much is said, from everything to only what nobody may miss."""

    COUNTS = 0
    FEW_GROUPS = 1
    NO_VALUES = 2
    NO_MEMBERS = 3
    ALL = 4


def plan_markdown(plan: Plan, look: Look, *, budget: int = BUDGET, saved_as: str | None = None) -> str:
    """The plan in the most detail that fits `budget` bytes of UTF-8. Who reads it does not have the file that it was
    saved as, so its id is named, unless --target or --exclude made it, which only the file knows."""
    file = None if plan.complete else saved_as
    for detail in reversed(Detail):
        text = "\n\n".join(_plan_parts(plan, look, detail, file)) + "\n"
        if len(text.encode()) <= budget:
            break
    return text


def _plan_parts(plan: Plan, look: Look, detail: Detail, file: str | None = None) -> Iterator[str]:
    found = sections(plan)
    yield f"<!-- replicator:plan env={_attribute(plan.environment)} -->\n{_title('plan', plan.environment, plan)}"
    if not plan.actions:
        yield f"No changes. {many(plan.unchanged, 'resource')} as declared (state serial {plan.state.serial})."
        return
    yield _counts(plan)
    yield _by_side(plan)
    yield from _caution(found.danger)
    yield from _warning(found.blocked, look)
    if released := released_lines(plan.actions):
        yield "\n".join(["> [!WARNING]", *(f"> - {_text(line)}" for line in released)])
    for do in (Do.CREATE, Do.RENAME, Do.UPDATE, Do.IMPORT, Do.SYNC, Do.FORGET, Do.CHECK):
        if found.plain[do]:
            yield _section(do, found.plain[do], detail)
    yield from _notices(plan, detail)
    yield _foot(plan, look, file)


def _title(verb: str, environment: str, plan: Plan) -> str:
    return f"### replicator {verb} · {_text(environment)} · {code(plan.plan_id[:8])}"


def _attribute(text: str) -> str:
    """What may stand inside an HTML comment."""
    return re.sub(r"[^\w.-]", "_", text)


def _text(text: str) -> str:
    """Text outside of code: no markup, no mention, no reference comes out of it."""
    return re.sub(r"([\\`*_{}\[\]#!|~<>@])", r"\\\1", clean(text))


def code(text: str) -> str:
    """A code span that its content cannot end; a bar is escaped, for the span may stand in a table."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{clean(text)}{pad}{fence}".replace("|", "\\|")


def _counts(plan: Plan) -> str:
    counts = Counter(action.do for action in plan.actions if not action.blocked)
    items = [f"**{SYMBOLS[do]}{count(counts[do])}** {WORDS[do].removeprefix('to ')}" for do in WORDS if counts[do]]
    blocked = sum(bool(action.blocked) for action in plan.actions)
    items += [f"**⛔{count(blocked)}** blocked"] if blocked else []
    items += [f"{count(plan.unchanged)} unchanged"] if plan.unchanged else []
    return " · ".join(items)


def _by_side(plan: Plan) -> str:
    sides = list(plan.metastores)
    counts = Counter((action.do, action.at.side.value) for action in plan.actions)
    heads = [f"{side} {code(short_id(ref.global_id or ref.metastore_id))}" for side, ref in plan.metastores.items()]
    rows = [
        f"| {WORDS[do].removeprefix('to ')} | "
        f"{' | '.join(count(counts[do, side]) + _amount(plan, do, side) for side in sides)} |"
        for do in _ROWS
        if any(counts[do, side] for side in sides)
    ]
    return "\n".join([f"| | {' | '.join(heads)} |", f"|---|{'--:|' * len(sides)}", *rows])


def _amount(plan: Plan, do: Do, side: str) -> str:
    """How much data these actions copy."""
    found = [item for item in plan.actions if item.do is do and item.at.side == side and item.moves_data]
    return f" ({copied})" if (copied := amount(found)) else ""


def _caution(actions: Sequence[Action]) -> Iterator[str]:
    if not actions:
        return
    destroyed = sum(action.do is Do.DELETE for action in actions)
    replaced = sum(action.do is Do.REPLACE for action in actions)
    revoked = sum(map(revokes, actions))
    parts = [f"destroys {many(destroyed, 'object')}"] if destroyed else []
    parts += [f"replaces {many(replaced, 'object')}"] if replaced else []
    parts += [f"revokes access in {many(revoked, 'place')}"] if revoked else []
    title = " and ".join(parts) or f"{many(len(actions), 'action')} may lose data"
    rows = [f"> - {code(SYMBOLS[action.do])} {code(action.address)}{_danger(action)}" for action in actions]
    yield "\n".join(["> [!CAUTION]", f"> **{title[0].upper()}{title[1:]}**", *rows])


def _danger(action: Action) -> str:
    if action.do is Do.DELETE:
        return f" — {_text(why)}" if (why := told(action)) else ""
    changed = [code(text) for text, _ in change_text.lines(action.changes, 200)]
    moved = [_text(action.message)] if action.moves_data and action.message else []
    return "".join(f" {item}" for item in [*moved, *changed])


def _warning(blocked: Sequence[Action], look: Look) -> Iterator[str]:
    if not blocked:
        return
    rows: list[str] = []
    for members in alike_blocks(blocked):
        rows += [f"> - {_blocked_names(members)}", *(f">   {line}" for line in _blocked_why(members, blocked, look))]
    yield "\n".join(["> [!WARNING]", "> **Apply will refuse until these are resolved**", *rows])


def _blocked_names(members: Sequence[Action]) -> str:
    if len(members) >= SMALLEST and not any(action.do in (Do.DELETE, Do.REPLACE) for action in members):
        return ", ".join(
            f"{count(len(part))} × {code(pattern([action.address for action in part.actions]))}"
            for part in by_type(members)
        )
    return ", ".join(code(action.address) for action in members)


def _blocked_why(members: Sequence[Action], held: Sequence[Action], look: Look) -> list[str]:
    told = []
    for block in members[0].blocked:
        release = with_options(release_together(block, members, held), look.arguments)
        told.append(
            f"{code(block.code)} {_text(block.message)}" + (f"; release it: {code(release)}" if release else "")
        )
    return told


def _section(do: Do, actions: Sequence[Action], detail: Detail) -> str:
    title = f"<b>{SYMBOLS[do]} {count(len(actions))} {WORDS[do]}</b>"
    if detail is Detail.COUNTS:
        return title
    by_kind = Counter(action.at.type for action in actions)
    kinds = ", ".join(many(number, kind, _PLURALS.get(kind, "")) for kind, number in sorted(by_kind.items()))
    changed = [action for action in actions if action.changes]
    body = _diff(changed, detail) if changed and do is not Do.CREATE else ""
    plain = actions if do is Do.CREATE else [action for action in actions if not action.changes]
    table = _table(plain, detail) if plain else ""
    reasons = [f"- {count(len(alike))}: {_text(why)}" for why, alike in by_why(actions)[:GROUPS] if why]
    inside = "\n\n".join(part for part in (table, "\n".join(reasons), body) if part)
    facts = ", ".join(filter(None, [kinds, losing(actions), behind(actions), amount(actions)]))
    return f"<details><summary>{title} — {html.escape(facts)}</summary>\n\n{inside}\n</details>"


def _table(actions: Sequence[Action], detail: Detail) -> str:
    parts = _by_container(actions)
    shown = parts[:GROUPS] if detail <= Detail.FEW_GROUPS else parts
    rows = [
        f"| {part.first.at.type} | {_where(part, detail)} | {count(len(part))} | {amount(part.actions)} |"
        for part in shown
    ]
    if len(shown) < len(parts):
        rest = sum(len(part) for part in parts[len(shown) :])
        rows.append(f"| | …{many(len(parts) - len(shown), 'more row')} | {count(rest)} | |")
    return "\n".join(["| kind | where | count | size |", "|---|---|--:|--:|", *rows])


def _by_container(actions: Sequence[Action]) -> list[Group]:
    found: dict[str, list[Action]] = {}
    for action in actions:
        found.setdefault(action.address.rpartition(".")[0] or action.address.partition("/")[0], []).append(action)
    return sorted((Group(tuple(members), exact=False) for members in found.values()), key=lambda part: -len(part))


def _where(part: Group, detail: Detail) -> str:
    addresses = [action.address for action in part.actions]
    side = part.first.at.side.value
    if detail is Detail.ALL:
        return f"{side} " + ", ".join(code(action.at.name) for action in part.actions)
    return code(f"{side}:{collapsed(addresses)}")


def _diff(actions: Sequence[Action], detail: Detail) -> str:
    parts = group(actions)
    shown = parts[:GROUPS] if detail <= Detail.FEW_GROUPS else parts
    lines = [line for part in shown for line in _diff_group(part, detail)]
    if len(shown) < len(parts):
        lines.append(f"# …{many(len(parts) - len(shown), 'more group')}")
    fence = "`" * (2 + max([1, *(len(run) for line in lines for run in re.findall(r"^\W*(`+)", line))]))
    return f"{fence}diff\n" + "\n".join(lines) + f"\n{fence}"


def _diff_group(part: Group, detail: Detail) -> Iterator[str]:
    addresses = [action.address for action in part.actions]
    title = pattern(addresses) if len(part) == 1 else f"{count(len(part))} × {pattern(addresses)}"
    where = part.first.declared_at
    yield f"# {title}" + (f"   {clean(where.file)}:{where.line}" if where and len(part) == 1 else "")
    if detail is Detail.ALL and len(part) > 1:
        yield from (f"#   {clean(address)}" for address in addresses)
    if detail <= Detail.NO_VALUES or not part.exact:
        yield f"! {listed([change_text.path_text(change.path) for change in part.first.changes], 6)}"
        return
    grants = [change for change in part.first.changes if change.path[0] == "privileges"]
    yield from (text.replace("−", "-") for text, _ in change_text.lines(grants, 400))
    for change in part.first.changes:
        if change not in grants:
            yield from _diff_change(change)


def _diff_change(change: Change) -> Iterator[str]:
    mark = f"   ({marks})" if (marks := change_text.marks([change])) else ""
    path = change_text.path_text(change.path)
    if change.before is not None:
        yield f"- {path} = {cut(value(change.before), 400)}" + (mark if change.after is None else "")
    if change.after is not None:
        yield f"+ {path} = {cut(value(change.after), 400)}{mark}"


def _notices(plan: Plan, detail: Detail) -> Iterator[str]:
    told_all = [notice for notice in plan.notices if notice.code != "AC101"]
    shown = told_all if detail >= Detail.NO_MEMBERS else told_all[:GROUPS]
    if shown:
        rows = [f"> - {_text(notice.message)}" for notice in shown]
        rows += [f"> - …{count(len(told_all) - len(shown))} more"] if len(shown) < len(told_all) else []
        yield "\n".join(["> [!NOTE]", *rows])


def _foot(plan: Plan, look: Look, file: str | None) -> str:
    principals = " and ".join(sorted({code(ref.principal) for ref in plan.metastores.values()}))
    part = "" if plan.complete else " · a part of the whole (--target or --exclude)"
    config = code(plan.config.hash.removeprefix("sha256:")[:7])
    against = f"State serial {plan.state.serial} · config {config} · read as {principals}{part}"
    words, _, command = next_command(plan, look, file).partition(":  ")
    safe = "" if any(map(is_dangerous, plan.actions)) else f"{reassurance(plan)} "
    return f"{against}\n{safe}{words}: {code(command)}. A change of configuration, state or metastore gives another id."


def drift_markdown(report: DriftReport, news: News, *, budget: int = BUDGET, arguments: str = "") -> str:
    """The drift report as a comment: every new item, then counts of what is known and what went away. `arguments` as
    in Look."""
    marker = f"<!-- replicator:drift env={_attribute(report.environment)} -->"
    head = f"{marker}\n### replicator drift · {_text(report.environment)}"
    sums: Mapping[str, int] = {
        "new": len(news.new),
        "known": len(news.known),
        "accepted": len(news.accepted),
        "resolved": len(news.resolved),
    }
    told_sums = " · ".join(f"**{count(number)}** {word}" for word, number in sums.items() if number)
    parts = [head, told_sums or f"No drift in {many(report.objects, 'resource')}."]
    rows = [
        f"- {code(title)} {item.kind.value.replace('_', ' ')}"
        + ("" if item.changes or not item.message else f": {_text(item.message)}")
        + "".join(f" {code(text)}" for text, _ in change_text.lines(item.changes, 200))
        + (f" ({_text(told_by)})" if (told_by := who(item)) else "")
        for title, item in grouped(news.new)
    ]
    room = budget - len("\n\n".join(parts).encode()) - 2_000
    shown = _fitting(rows, room)
    if len(shown) < len(rows):
        shown.append(f"- …{count(len(rows) - len(shown))} more, see `replicator drift --json`")
    ways = [f"- {_text(said)}: {', '.join(map(code, commands))}" for said, commands in ways_out(news, arguments)]
    listed_ways = ["**What to do**\n" + "\n".join(ways)] if ways else []
    rest = [*(["\n".join(shown)] if shown else []), *_lag(report), *listed_ways, f"State serial {report.state_serial}"]
    return "\n\n".join([*parts, *rest]) + "\n"


def _lag(report: DriftReport) -> list[str]:
    return [_text(line) for line in lag_lines(report)]


def _fitting(rows: Sequence[str], room: int) -> list[str]:
    shown: list[str] = []
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        shown.append(row)
    return shown
