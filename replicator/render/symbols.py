"""What stands for each action, which of them are dangerous, and one action shown in full."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replicator.engine.actions import Action, Block, Do, Estimate, Plan, Risk
from replicator.render import changes as change_text
from replicator.render.fit import spread, wrapped
from replicator.render.look import Look, clean, size, span, with_options
from replicator.wording import count, many

SYMBOLS = {
    Do.NOOP: "?",
    Do.CHECK: "✓",
    Do.IMPORT: "=",
    Do.SYNC: "↻",
    Do.UPDATE: "~",
    Do.RENAME: "≁",
    Do.CREATE: "+",
    Do.REPLACE: "±",
    Do.FORGET: ".",
    Do.DELETE: "−",
}

WORDS = {
    Do.CREATE: "to create",
    Do.IMPORT: "to import",
    Do.UPDATE: "to update",
    Do.RENAME: "to rename",
    Do.REPLACE: "to replace",
    Do.DELETE: "to destroy",
    Do.FORGET: "to forget",
    Do.SYNC: "to sync",
    Do.CHECK: "to check",
}


def is_dangerous(action: Action) -> bool:
    """Whether data or access may be lost; such actions are shown first and never collapsed."""
    return action.do in (Do.DELETE, Do.REPLACE) or action.risk in (Risk.ACCESS_LOSS, Risk.DATA_LOSS)


def revokes(action: Action) -> bool:
    return action.do is not Do.DELETE and any(map(change_text.is_revoke, action.changes))


def takes_access(action: Action) -> bool:
    """Whether somebody can do less afterwards: by a revoke, or as what gave access goes."""
    return revokes(action) or (action.do is Do.DELETE and action.at.type in ("grants", "share", "recipient"))


@dataclass(frozen=True, slots=True)
class Sections:
    """A plan's actions by what a reader must decide about them; each action stands in one section.

    `waiting` are removals that cannot come before something that is blocked.
    """

    blocked: tuple[Action, ...]
    danger: tuple[Action, ...]
    plain: dict[Do, tuple[Action, ...]]
    waiting: frozenset[str] = frozenset()


def sections(plan: Plan) -> Sections:
    blocked = tuple(action for action in plan.actions if action.blocked)
    free = [action for action in plan.actions if not action.blocked]
    danger = tuple(action for action in free if is_dangerous(action))
    rest = [action for action in free if not is_dangerous(action)]
    plain = {do: tuple(action for action in rest if action.do is do) for do in Do}
    return Sections(blocked, danger, plain, _waiting(plan))


def _waiting(plan: Plan) -> frozenset[str]:
    held = {action.address for action in plan.actions if action.blocked}
    waiting: set[str] = set()
    for action in plan.actions:
        if action.do is Do.DELETE and not action.blocked and not (held | waiting).isdisjoint(action.depends_on):
            waiting.add(action.address)
    return frozenset(waiting)


def expanded(action: Action, look: Look) -> list[str]:
    """One action with each of its changes, and how to release it if it is blocked."""
    where = f"{clean(action.declared_at.file)}:{action.declared_at.line}" if action.declared_at else ""
    why = told(action)
    head = f"{SYMBOLS[action.do]} {clean(action.address)}" + (f"   {why}" if why else "")
    fits = len(head) + 2 + len(where) <= look.width
    lines = [spread(head, where, look.width)] if fits else [*wrapped(head, look.width, 4), where.rjust(look.width)]
    new = action.do is Do.CREATE
    for text, marked in change_text.lines(action.changes, look.width - 4, full=look.full, new=new):
        lines.append(spread(f"    {text}", "" if new else marked, look.width))
    if action.moves_data:
        lines += wrapped(f"    data      {clean(action.message) or 'copied'}{estimated(action)}", look.width, 14)
    for block in action.blocked:
        lines += blocked_because(block, "    ", look)
    return lines


def told(action: Action) -> str:
    """Why, where the address and the changes do not say it."""
    if action.moves_data or (action.blocked and action.blocked[0].message.endswith(action.message or "\0")):
        return ""
    if action.do in (Do.DELETE, Do.FORGET) and not action.message:
        return " · ".join(filter(None, [_GONE.get(action.reason.value, ""), _taken_from(action)]))
    return clean(action.message)


def _taken_from(action: Action) -> str:
    """Whom a removal of grants takes what from."""
    if action.do is not Do.DELETE or action.at.type != "grants":
        return ""
    held = (action.desired.get("privileges") or {}).items()
    return "revokes " + "; ".join(f"{', '.join(sorted(names))} from {clean(who)}" for who, names in sorted(held))


_GONE = {
    "not_in_config": "no longer in the configuration",
    "gone": "does not exist any more; only the state forgets it",
    "imported_then_removed": "no longer in the configuration; it existed before us and stays",
}


def estimated(action: Action) -> str:
    estimate = action.estimate
    if estimate is None:
        return ""
    known = [
        size(estimate.bytes) if estimate.bytes is not None else "",
        many(estimate.files, "file") if estimate.files is not None else "",
        f"to version {estimate.source_version}" if estimate.source_version is not None else "",
        f"loses {_lost([estimate])}" if estimate.removed else "",
    ]
    return "".join(f" · {item}" for item in known if item)


def losing(actions: Iterable[Action]) -> str:
    """`2 lose 1,000,000 rows by DELETE`: what copies will lack that they hold now, as their origins do; empty when
    nothing is known of that."""
    told = [action.estimate for action in actions if action.estimate and action.estimate.removed]
    return f"{count(len(told))} lose{'s' * (len(told) == 1)} {_lost(told)}" if told else ""


def _lost(estimates: Sequence[Estimate]) -> str:
    numbers = [number for item in estimates for number in item.removed.values()]
    known = sum(number for number in numbers if number is not None)
    rows = many(known, "row") if known else "rows"
    if known and None in numbers:
        rows = f"{rows} and more"
    return f"{rows} by {', '.join(sorted({name for item in estimates for name in item.removed}))}"


def amount(actions: Iterable[Action]) -> str:
    """`14.2 GiB in 38 files` that some actions copy together, as far as it is known; empty when nothing is."""
    known = [action.estimate for action in actions if action.estimate and action.estimate.bytes is not None]
    if not known:
        return ""
    files = [item.files for item in known if item.files is not None]
    told = size(sum(item.bytes for item in known if item.bytes is not None))
    return f"{told} in {many(sum(files), 'file')}" if len(files) == len(known) else told


def behind(actions: Sequence[Action]) -> str:
    """`96 of them 1–41 versions behind`; empty when none is."""
    versions = [action.estimate.versions for action in actions if action.estimate and action.estimate.versions]
    if not versions:
        return ""
    which = "" if len(versions) == len(actions) else f"{count(len(versions))} of them "
    return f"{which}{span(min(versions), max(versions))} version{'s' * (max(versions) > 1)} behind"


def blocked_because(block: Block, indent: str, look: Look) -> list[str]:
    lines = wrapped(f"{indent}⛔ {block.code}  {clean(block.message)}", look.width, len(indent) + 3)
    release = with_options(clean(block.release), look.arguments)
    if not release:
        return lines
    whole = f"{indent}   release it: {release}"
    return [*lines, *([whole] if len(whole) <= look.width else [f"{indent}   release it:", f"{indent}     {release}"])]
