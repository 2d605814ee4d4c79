"""The end of an apply: what was done, each failure with its cause, what was left out for it, and what to do next."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from replicator.engine.guards import release_all
from replicator.execution.results import ActionResult, ApplyResult, Became
from replicator.render.fit import wrapped
from replicator.render.look import Look, clean, duration, size
from replicator.render.symbols import SYMBOLS
from replicator.values import JSON
from replicator.wording import count, listed, many

HELD = 20
"""How many of those that one guard holds back are named."""

_GOOD = (Became.DONE, Became.ALREADY)


def apply_text(result: ApplyResult, look: Look, *, verb: str = "apply") -> str:
    """The final block of an apply; `verb` is the command that ran."""
    if not result.results:
        return f"Nothing to do. State serial {result.serial}.\n"
    done = sum(result.counts[became] for became in _GOOD)
    all_of_them = len(result.results)
    ended = "Interrupted: applied" if result.interrupted else "Applied"
    lines = [f"{ended} {count(done)} of {count(all_of_them)} in {duration(result.seconds)} · run {result.run}"]
    lines += _failures(result)
    lines += [row for line in (*_held(result), *_skipped(result)) for row in wrapped(line, look.width, 5)]
    lines += _copied(result.results)
    lines += _checked(result)
    lines += [f"! {clean(warning)}" for warning in result.warnings]
    return "\n".join([*lines, *_next(result, look, verb)]) + "\n"


def _failures(result: ApplyResult) -> list[str]:
    failed = [item for item in result.results if item.became in (Became.FAILED, Became.STALE)]
    if not failed:
        return []
    lines = [f"✗ {count(len(failed))} failed"]
    for members in _alike(failed):
        lines += [f"   {SYMBOLS[item.action.do]} {clean(item.action.address)}" for item in members]
        first = members[0]
        tried = f"   tried {first.attempts}×, {duration(first.seconds)}" if first.attempts > 1 else ""
        lines.append(f"       {clean(first.error)}{tried}")
        lines += [f"       try: {clean(first.hint)}"] if first.hint else []
    return lines


def _alike(failed: Iterable[ActionResult]) -> list[list[ActionResult]]:
    """Failures by what they say: one cause is told once, whomever it hit."""
    found: dict[tuple[str, str], list[ActionResult]] = defaultdict(list)
    for item in failed:
        names = (item.action.address, item.action.at.name)
        error = item.error
        for name in names:
            error = error.replace(name, "…")
        found[error, item.hint if item.became is not Became.BLOCKED else ""].append(item)
    return list(found.values())


def _held(result: ApplyResult) -> list[str]:
    """What a guard held back, by reason."""
    held = [item for item in result.results if item.became is Became.BLOCKED]
    if not held:
        return []
    lines = [f"⛔ {count(len(held))} blocked"]
    for members in _alike(held):
        shown = members if len(members) <= HELD else members[: HELD - 1]
        lines += [f"   {SYMBOLS[item.action.do]} {clean(item.action.address)}" for item in shown]
        lines += [f"   …{count(len(members) - len(shown))} more"] if len(shown) < len(members) else []
        lines.append(f"       {clean(members[0].error)}")
    return lines


def _skipped(result: ApplyResult) -> list[str]:
    by_cause: dict[str, list[ActionResult]] = defaultdict(list)
    for item in result.results:
        if item.became is Became.SKIPPED:
            by_cause[item.error].append(item)
    return [
        f"⊘ {count(len(items))} skipped {clean(why)}: {listed([clean(item.action.address) for item in items])}"
        for why, items in by_cause.items()
    ]


def _copied(results: Sequence[ActionResult]) -> list[str]:
    """How much data moved, as far as the platform told."""
    moved = [item.outputs for item in results if item.became is Became.DONE and item.action.moves_data]
    if not moved:
        return []
    files = sum(int(outputs.get("copied_files") or 0) for outputs in moved)
    amount = sum(int(outputs.get("copied_bytes") or 0) for outputs in moved)
    return [f"↻ {many(len(moved), 'copy', 'copies')} brought up to date · {many(files, 'file')}, {size(amount)} copied"]


def _checked(result: ApplyResult) -> list[str]:
    checked = [item for item in result.results if item.equal is not None]
    equal = sum(bool(item.equal) for item in checked)
    lines = [f"✓ {many(equal, 'copy', 'copies')} proven equal to what was copied"] if equal else []
    if not result.mismatches:
        return lines
    rows = [f"   ✗ {clean(item.action.at.name)}   {clean(item.error)}" for item in result.mismatches]
    return [*lines, f"✗ {many(len(result.mismatches), 'copy', 'copies')} not proven equal", *rows]


def _next(result: ApplyResult, look: Look, verb: str) -> list[str]:
    """What is left, by who can do something about it: the same command again, or a person first."""
    held = {item.action.address: item for item in result.results if item.became is Became.BLOCKED}
    left = [item for item in result.results if item.became not in _GOOD and item.action.address not in held]
    command = f"replicator {verb}{look.arguments}"
    told: list[tuple[str, str]] = []
    if any(item.because_of not in held for item in left):
        again = f"{look.selection} --expect {result.plan_id[:8]} --resume{' --skip-blocked' if held else ''}"
        told.append(("Finish the rest with", command if verb == "run" else command + again))
    if held:
        told.append(_release(held.values(), look, verb))
    elif not told and result.mismatches:
        told.append(("Look closer", f"replicator reconcile{look.arguments}"))
    saved = f"State serial {result.serial} saved."
    first, *rest = [f"{words}:  {line}" for words, line in told] or [""]
    return [f"{saved} {first}".rstrip(), *rest]


def _release(held: Iterable[ActionResult], look: Look, verb: str) -> tuple[str, str]:
    """One command that does what is blocked too, or the one that names what releases each."""
    options = release_all(item.action for item in held)
    again = "destroy" if verb == "destroy" else "apply"
    if options:
        return "What is blocked", f"replicator {again}{look.arguments}{look.selection}{options}"
    return "What releases the blocked", f"replicator plan{look.arguments}{' --destroy' if verb == 'destroy' else ''}"


def apply_json(result: ApplyResult) -> JSON:
    """The same for machines."""
    return {
        "format_version": "1.0",
        "run": result.run,
        "plan_id": result.plan_id,
        "seconds": round(result.seconds, 3),
        "state_serial": result.serial,
        "interrupted": result.interrupted,
        "exit_code": int(result.exit_code),
        "counts": {became.value: number for became, number in sorted(result.counts.items())},
        "warnings": list(result.warnings),
        "results": [_result_json(item) for item in result.results],
    }


def _result_json(item: ActionResult) -> JSON:
    return {
        "address": item.action.address,
        "do": item.action.do.value,
        "result": item.became.value,
        "error": item.error,
        "hint": item.hint,
        "because_of": item.because_of,
        "attempts": item.attempts,
        "seconds": round(item.seconds, 3),
        "outputs": item.outputs,
        "equal": item.equal,
    }
