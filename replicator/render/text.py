"""A plan for people. Danger first and always in full; alike changes once, with a count; the next command last."""

from collections import Counter
from collections.abc import Iterable, Sequence

from replicator.address import Address
from replicator.engine.actions import Action, Cause, Do, Plan, SideRef
from replicator.engine.guards import release_all
from replicator.render.fit import wrapped
from replicator.render.look import Look, clean, duration, folded
from replicator.render.releases import released_lines
from replicator.render.sections import sectioned
from replicator.render.symbols import WORDS, amount, behind, expanded, is_dangerous, losing, sections, takes_access
from replicator.wording import count, listed, many

FLAT = 8
"""Up to this many actions are shown one by one, without headings."""

NOTICES = 5


def plan_text(plan: Plan, look: Look, *, saved_as: str | None = None, under_way: bool = False) -> str:
    """The whole plan. `saved_as` is the file that it was written to; `under_way`: apply asks or begins right after it,
    so that no next command is named."""
    if not plan.actions:
        return "\n".join([_no_changes(plan), *_notices(plan, look)]) + "\n"
    found = sections(plan)
    body = _flat(plan, look) if _is_small(plan) and not look.full else sectioned(found, look)
    ending = [] if under_way else [next_command(plan, look, saved_as)]
    let_go = [line for told in released_lines(plan.actions) for line in wrapped(f"! {told}", look.width, 4)]
    parts = [header(plan, look), *body, *filter(None, [let_go, _notices(plan, look)]), footer(plan, look, ending)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _is_small(plan: Plan) -> bool:
    return sum(action.do is not Do.CHECK for action in plan.actions) <= FLAT


def _no_changes(plan: Plan) -> str:
    held = [side.objects for side in plan.metastores.values()]
    read = f"{' + '.join(map(count, held))} {'object' if sum(held) == 1 else 'objects'} read"
    matching = f"{many(plan.unchanged, 'resource matches', 'resources match')} {plan.environment}"
    scope = "" if plan.complete else " within --target and --exclude"
    if plan.mode == "destroy":
        return f"Nothing to destroy{scope} ({read}, state serial {plan.state.serial})."
    return f"No changes{scope}. {matching} ({read}, state serial {plan.state.serial})."


def header(plan: Plan, look: Look) -> list[str]:
    """Against what: environment, configuration, state, and both metastores as they were read."""
    root = f"{clean(plan.config.root)} @ " if plan.config.root else ""
    config = plan.config.hash.removeprefix("sha256:")[:7]
    title = f"{plan.environment} · config {root}{config} · state serial {plan.state.serial}"
    if plan.mode == "destroy":
        title += " · DESTROYS EVERYTHING that the state holds"
    data = to_copy(plan.actions)
    return [title, *side_lines(plan.metastores), *(wrapped(f"  data    {data}", look.width, 10) if data else [])]


def to_copy(actions: Iterable[Action]) -> str:
    """`1.92 TiB in 38,114 files to copy by 4,895 copies, 96 of them 1–41 versions behind, 2 lose 7 rows by
    DELETE`, and of how many nobody knows the size. Empty when no data moves."""
    moving = [action for action in actions if action.moves_data]
    if not moving:
        return ""
    told = f"{amount(moving) or 'an unknown amount'} to copy by {many(len(moving), 'copy', 'copies')}"
    unknown = sum(action.estimate is None or action.estimate.bytes is None for action in moving)
    if 0 < unknown < len(moving):
        told += f", {count(unknown)} of unknown size"
    return ", ".join(filter(None, [told, behind(moving), losing(moving)]))


def side_lines(metastores: dict[str, SideRef]) -> list[str]:
    """One line per metastore: which, what reading it cost, and as whom."""
    rows = [
        (side, short_id(ref.global_id or ref.metastore_id), *_cost(ref), clean(ref.principal))
        for side, ref in metastores.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    return [
        f"  {side:<{widths[0]}}  {name:<{widths[1]}}   read  {calls:>{widths[2]}}  {seconds:>{widths[3]}}   as {who}"
        for side, name, calls, seconds, who in rows
    ]


def short_id(global_id: str) -> str:
    """`aws:us-east-1:7b1c…` of a sharing identifier."""
    head, colon, uuid = clean(global_id).rpartition(":")
    return f"{head}{colon}{uuid[:4]}…" if len(uuid) > 8 else f"{head}{colon}{uuid}"


def _cost(ref: SideRef) -> tuple[str, str]:
    return many(ref.calls + ref.statements, "call"), duration(ref.seconds)


def _flat(plan: Plan, look: Look) -> list[list[str]]:
    found = sections(plan)
    checks = [action for action in found.plain[Do.CHECK] if action.at.type == "check"]
    waits = [action for action in found.plain[Do.CHECK] if action.at.type != "check"]
    ordered = [*found.blocked, *found.danger, *waits]
    ordered += [action for do in reversed(Do) if do is not Do.CHECK for action in found.plain[do]]
    body = [expanded(action, look) for action in ordered]
    return [*body, [_checks_line(checks)]] if checks else body


def _checks_line(checks: Sequence[Action]) -> str:
    return f"✓ {many(len(checks), 'check')} follow{'s' if len(checks) == 1 else ''}: is the copy equal to its origin?"


def _notices(plan: Plan, look: Look) -> list[str]:
    told = [notice for notice in plan.notices if notice.code != "AC101"]
    shown = told if look.full else told[:NOTICES]
    lines = [f"! {clean(notice.message)}{f'   {clean(notice.address)}' if notice.address else ''}" for notice in shown]
    return [*lines, f"! …{many(len(told) - len(shown), 'more notice')}"] if len(shown) < len(told) else lines


def sums(plan: Plan) -> list[str]:
    """`4,815 to create`, one item per kind of action, then what is blocked and unchanged."""
    counts = Counter(action.do for action in plan.actions if not action.blocked)
    found = [f"{count(counts[do])} {word}{_aside(plan, do)}" for do, word in WORDS.items() if counts[do]]
    blocked = sum(bool(action.blocked) for action in plan.actions)
    found += [f"{count(blocked)} blocked"] if blocked else []
    return [*found, f"{count(plan.unchanged)} unchanged"] if plan.unchanged else found


def _aside(plan: Plan, do: Do) -> str:
    """How many of a kind undo drift, or cannot be done while others are blocked."""
    free = [action for action in plan.actions if action.do is do and not action.blocked]
    drifted = sum(action.cause in (Cause.DRIFT, Cause.BOTH) for action in free)
    waiting = len(sections(plan).waiting) if do is Do.DELETE else 0
    told = [f"{count(drifted)} drift"] if drifted else []
    told += [f"{count(waiting)} wait for what is blocked"] if waiting else []
    return f" ({', '.join(told)})" if told else ""


def footer(plan: Plan, look: Look, ending: list[str]) -> list[str]:
    total = sums(plan)
    lines = folded(f"Plan {plan.plan_id[:8]}: ", [*total[:-1], f"{total[-1]}."], look.width)
    lines = _continued(lines, reassurance(plan), look.width)
    if not _is_small(plan):
        lines += wrapped(_order(plan), look.width, 2)
    if not plan.complete:
        lines.append("This is a part of the whole: --target or --exclude narrowed it.")
    return [*lines, *ending]


def _continued(lines: list[str], sentence: str, width: int) -> list[str]:
    if not sentence or len(lines[-1]) + 1 + len(sentence) <= width:
        return [*lines[:-1], f"{lines[-1]} {sentence}".rstrip()]
    return [*lines, f"  {sentence}"]


def reassurance(plan: Plan) -> str:
    """What nobody need fear of this plan; empty, or where access goes, when there is something to fear."""
    if not any(map(is_dangerous, plan.actions)):
        return "No access is revoked." if losing(plan.actions) else "Nothing is destroyed, no access is revoked."
    closed = sum(takes_access(action) for action in plan.actions if not action.blocked)
    return f"Access is revoked in {many(closed, 'place')}." if closed else ""


def _order(plan: Plan) -> str:
    depth: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for action in plan.actions:
        needs = [need for need in action.depends_on if need in depth]
        deepest = max(needs, key=lambda need: depth[need], default=None)
        depth[action.address], before[action.address] = (depth[deepest] + 1 if deepest else 1), deepest
    last: str | None = max(depth, key=lambda address: depth[address])
    stages = depth[last or ""]
    chain: list[str] = []
    while last is not None:
        kind = Address.parse(last).type
        chain, last = ([kind, *chain] if not chain or chain[0] != kind else chain), before[last]
    writes = sum(_writes(action) for action in plan.actions if not action.blocked)
    longest = f", longest chain {' → '.join(chain)}" if len(chain) > 1 else ""
    return f"Order: {many(stages, 'stage')}{longest}; about {many(writes, 'write')}."


def _writes(action: Action) -> int:
    if action.do in (Do.NOOP, Do.CHECK, Do.FORGET):
        return 0
    if action.do is Do.IMPORT:
        return int(action.moves_data) + int(bool(action.changes))
    return 2 if action.do is Do.REPLACE else 1


def next_command(plan: Plan, look: Look, saved_as: str | None) -> str:
    """What to type now: apply exactly this plan, or what it needs first."""
    verb = "destroy" if plan.mode == "destroy" else "apply"
    command = f"replicator {verb}{look.arguments}{look.selection}"
    exactly = f"{command} --expect {plan.plan_id[:8]}"
    if saved_as:
        exactly = f"replicator apply{look.arguments} --plan {saved_as}"
    if not any(action.blocked for action in plan.actions):
        return f"Apply exactly this:  {exactly}"
    waiting = sections(plan).waiting
    if not all(action.blocked or action.address in waiting for action in plan.actions):
        return f"All but the blocked:  {exactly} --skip-blocked"
    if options := release_all(plan.actions):
        return f"Nothing is done unless you release it:  {command}{options}"
    codes = listed(sorted({block.code for action in plan.actions for block in action.blocked}), 6)
    return f"Nothing can be applied until {codes} is released, see above; then:  replicator plan{look.arguments}"
