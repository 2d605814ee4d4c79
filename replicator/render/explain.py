"""One resource, field by field: what was applied, what is wanted, what there is, and which rule decided."""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from replicator.address import Address, Side
from replicator.engine.actions import Action, Block, Cause, Change, DeclaredAt, Do, Model, Plan
from replicator.engine.decide import View, lag_of, view
from replicator.engine.desired import Desired
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.render import changes as change_text
from replicator.render.fit import spread, wrapped
from replicator.render.look import Look, clean, cut, value
from replicator.render.symbols import SYMBOLS, blocked_because
from replicator.resources import TYPES
from replicator.resources.base import Effect, Fields, ResourceType, Rule
from replicator.values import JSON
from replicator.wording import many

CHANGES = 6
"""How many keys of a field that differ are named."""


class Verdict(StrEnum):
    """How one field was judged."""

    DIFFERS = "differs"
    EQUAL = "equal"
    UNMANAGED = "unmanaged"
    IGNORED = "ignored"
    NOT_COMPARED = "not_compared"


class FieldView(Model):
    """One field with its three values; None stands for unset, unknown or not declared. `decided` is the sentence that
    says why the verdict is what it is, `why` what the rule says of the platform."""

    name: str
    applied: Any = None
    desired: Any = None
    actual: Any = None
    verdict: Verdict
    decided: str
    effect: Effect
    why: str = ""
    changes: tuple[Change, ...] = ()


class LagView(Model):
    """How a copy stands to its origin; `versions` counts commits not yet copied."""

    origin: str | None
    lag: str
    versions: int
    why: str


class Explanation(Model):
    """All that is known of one resource. `action` is None when nothing is to be done."""

    format_version: str = "1.0"
    address: str
    exists: bool | None
    in_state: bool
    declared: bool
    declared_at: DeclaredAt | None = None
    action: Action | None = None
    summary: str
    fields: tuple[FieldView, ...] = ()
    lag: LagView | None = None
    protected: bool = False
    blocked: tuple[Block, ...] = ()


def explain(
    address: Address, plan: Plan, desired: Desired, snapshots: Mapping[Side, Snapshot], state: State
) -> Explanation:
    """Look one resource up everywhere, as the planner did; the address is declared or in the state."""
    actions = {action.address: action for action in plan.actions}
    action = actions.get(str(address))
    entry = state.resources.get(str(address))
    declared = desired.resources.get(address)
    snapshot = snapshots[address.side]
    unknown = snapshot.unknown_reason(address)
    observed = snapshot.find(address)
    moving = {item.at: item for item in plan.actions}
    seen = view(address, declared, snapshots, state, moving) if declared else None
    rtype = TYPES[address.type]
    actual = observed.fields if observed else {}
    return Explanation(
        address=str(address),
        exists=None if unknown or rtype.is_check else observed is not None,
        in_state=entry is not None,
        declared=declared is not None,
        declared_at=DeclaredAt(file=declared.at.file, line=declared.at.line) if declared and declared.at else None,
        action=action,
        summary=_summary(action, declared is not None, unknown),
        fields=_fields(rtype, entry, seen, actual, action),
        lag=_lag(seen),
        protected=entry is not None and entry.protect,
        blocked=action.blocked if action else (),
    )


def _summary(action: Action | None, declared: bool, unknown: str | None) -> str:
    if action is not None:
        told = action.message or action.reason.value.replace("_", " ")
        if action.moves_data and action.changes:
            told = f"{', '.join(dict.fromkeys(change.path[0] for change in action.changes))} differs; data {told}"
        cause = f", because of {_CAUSES[action.cause]}" if action.do is not Do.CHECK else ""
        return f"{action.do.value}{cause}: {told}"
    if unknown:
        return f"cannot be read: {unknown}"
    return "nothing to do" if declared else "nothing to do: it is in the state, and the part that declared it is off"


_CAUSES = {
    Cause.CONFIG: "the configuration",
    Cause.DRIFT: "a change behind our back",
    Cause.BOTH: "the configuration and a change behind our back",
    Cause.IMPORT: "its existence outside the state",
    Cause.LAG: "data that its origin has and it has not",
    Cause.REMOVED: "its removal from the configuration",
}


def _fields(
    rtype: ResourceType, entry: Entry | None, seen: View | None, actual: Fields, action: Action | None
) -> tuple[FieldView, ...]:
    applied: Fields = entry.inputs if entry else {}
    wanted: Fields = seen.desired if seen else {}
    patterns = seen.declared.resource.lifecycle.ignore if seen else ()
    changes = action.changes if action else ()
    found: list[FieldView] = []
    for name in sorted({*rtype.rules, *applied, *wanted, *actual}):
        if name not in wanted and applied.get(name) is None and actual.get(name) is None:
            continue
        rule = rtype.rules.get(name, Rule())
        own = tuple(change for change in changes if change.path[0] == name)
        verdict, decided = _judged(name, rule, entry, wanted, own, patterns)
        found.append(
            FieldView(
                name=name,
                applied=_told(rule, applied.get(name)),
                desired=_told(rule, wanted.get(name)),
                actual=_told(rule, actual.get(name)),
                verdict=verdict,
                decided=decided,
                effect=rule.effect,
                why=rule.why,
                changes=own,
            )
        )
    return tuple(found)


def _judged(
    name: str,
    rule: Rule,
    entry: Entry | None,
    wanted: Fields,
    changes: tuple[Change, ...],
    ignored: tuple[str, ...],
) -> tuple[Verdict, str]:
    """The rules in the order in which the comparison asks them."""
    if changes:
        return Verdict.DIFFERS, _differs(changes, in_state=entry is not None)
    if name not in wanted:
        before = entry is not None and name in entry.inputs
        return Verdict.UNMANAGED, "no longer declared, so it stays as it is" if before else "not declared: left alone"
    if rule.effect is Effect.IGNORED:
        return Verdict.NOT_COMPARED, "guides the tool; it is no property of the object"
    if any(fnmatchcase(name, pattern) for pattern in ignored):
        return Verdict.IGNORED, "lifecycle.ignore names it"
    if rule.write_only:
        return Verdict.EQUAL, "compared with what was applied, for it is not read back from the metastore"
    if rule.server_default and wanted[name] is None:
        return Verdict.NOT_COMPARED, "not set, so whatever the server fills in is right"
    if rule.keyed and any(pattern.startswith(f"{name}.") for pattern in ignored):
        return Verdict.EQUAL, "equal but for the keys that lifecycle.ignore names"
    if rule.keyed:
        pruned = rule.prune is not None and rule.prune(wanted)
        rest = "undeclared ones would be removed" if pruned else "undeclared ones are left alone"
        return Verdict.EQUAL, f"every declared key is as wanted; {rest}"
    return Verdict.EQUAL, "equal in canonical form"


_DECIDED = {
    Cause.CONFIG: "the configuration changed since the last apply",
    Cause.DRIFT: "the metastore changed since the last apply; the configuration did not",
    Cause.BOTH: "both the configuration and the metastore changed since the last apply",
    Cause.IMPORT: "it was never applied, and the metastore differs from the configuration",
}


def _differs(changes: tuple[Change, ...], *, in_state: bool) -> str:
    causes = {change.cause for change in changes}
    effects = ", ".join(dict.fromkeys(change.effect.value for change in changes))
    lossy = ", may lose data or access" if any(change.lossy for change in changes) else ""
    joint = causes.pop() if len(causes) == 1 else Cause.BOTH
    told = _DECIDED.get(joint, joint.value)
    return f"{effects}{lossy}: {told if in_state else _NEW.get(changes[0].cause, told)}"


_NEW = {Cause.CONFIG: "declared, and not there yet"}


def _told(rule: Rule, given: Any) -> Any:
    return {"$secret": "set"} if rule.secret and given is not None else given


def _lag(seen: View | None) -> LagView | None:
    report = lag_of(seen) if seen is not None else None
    if seen is None or report is None:
        return None
    origin = seen.rtype.origin(seen.desired) if seen.rtype.origin else None
    return LagView(
        origin=str(origin) if origin else None, lag=report.lag.value, versions=report.versions, why=report.why
    )


_MARKS = {
    Verdict.DIFFERS: "~",
    Verdict.EQUAL: "✓",
    Verdict.UNMANAGED: ".",
    Verdict.IGNORED: "⊘",
    Verdict.NOT_COMPARED: ".",
}


def explain_text(found: Explanation, look: Look) -> str:
    """For people: the action first, then each field that differs, then those that do not."""
    where = f"{clean(found.declared_at.file)}:{found.declared_at.line}" if found.declared_at else ""
    symbol = SYMBOLS[found.action.do] if found.action else "✓"
    lines = [spread(f"{symbol} {clean(found.address)}", where, look.width), f"    {clean(found.summary)}"]
    lines.append(f"    {_known(found)}")
    order = [*Verdict]
    for field in sorted(found.fields, key=lambda field: order.index(field.verdict)):
        lines += ["", *_field_lines(field, look)]
    if found.lag is not None:
        behind = f" ({many(found.lag.versions, 'version')} behind)" if found.lag.versions else ""
        behind = "" if found.lag.why in behind else behind
        lines += ["", f"  ↻ data   {found.lag.lag.replace('_', ' ')}{behind}: {clean(found.lag.why)}"]
        lines += [f"      origin   {clean(found.lag.origin)}"] if found.lag.origin else []
    lines += ["", *_guard_lines(found, look)]
    return "\n".join(lines) + "\n"


def _known(found: Explanation) -> str:
    exists = {None: "not known whether it exists", True: "exists", False: "does not exist"}[found.exists]
    if found.exists is None and TYPES[Address.parse(found.address).type].is_check:
        exists = "runs after the copy that it checks"
    return " · ".join(
        [
            "declared" if found.declared else "not declared",
            "in the state" if found.in_state else "not in the state",
            exists,
        ]
    )


def _field_lines(field: FieldView, look: Look) -> list[str]:
    said = f"  {_MARKS[field.verdict]} {clean(field.name)}   {field.verdict.value.replace('_', ' ')}: {field.decided}"
    lines = wrapped(said, look.width, 6)
    given = (("applied", field.applied), ("desired", field.desired), ("actual", field.actual))
    compared = field.verdict in (Verdict.DIFFERS, Verdict.EQUAL)
    for title, held in given:
        text = "–" if held is None else value(held)
        if compared or held is not None:
            lines.append(f"      {title:<8} {text if look.full else cut(text, look.width - 15)}")
    lines += wrapped(f"      rule     {field.why}", look.width, 15) if field.why else []
    inside = [change for change in field.changes if len(change.path) > 1]
    told = change_text.lines(inside, look.width - 15, full=look.full)
    shown = told if look.full else told[:CHANGES]
    lines += [f"      {'' if number else 'change':<8} {text}" for number, (text, _) in enumerate(shown)]
    return (
        [*lines, f"      {'':<8} …{many(len(told) - len(shown), 'more change')}"] if len(shown) < len(told) else lines
    )


def _guard_lines(found: Explanation, look: Look) -> list[str]:
    lines = [line for block in found.blocked for line in blocked_because(block, "  ", look)]
    if found.protected and not found.blocked:
        lines.append("  ⛔ protected: neither dropped nor replaced until replicator state unprotect")
    return lines or ["  ✓ no guard holds it back"]


def explain_json(found: Explanation) -> JSON:
    """The same for machines."""
    return found.model_dump(mode="json")
