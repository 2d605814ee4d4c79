"""Apply: execute a plan, and nothing but the plan."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType

from replicator.address import Side
from replicator.engine.actions import Action, Plan
from replicator.engine.desired import Desired
from replicator.engine.guards import release_all
from replicator.engine.policy import Policy
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import State, same
from replicator.errors import BlockedError, ExitCode, StaleError
from replicator.execution.book import Book
from replicator.execution.events import Events, Kind, now
from replicator.execution.job import Context, Hands
from replicator.execution.passes import Pace, Passes
from replicator.execution.results import ApplyResult
from replicator.execution.retrying import Retry
from replicator.execution.standing import remembered, worth_remembering
from replicator.execution.store import Opened, StateStore
from replicator.resources import TYPES
from replicator.wording import many


@dataclass(frozen=True)
class Options:
    """How to run: `workers` at a time; `skip_blocked` leaves out what a guard holds back and what waits for it;
    `unsettled` and `snapshots` as in session.Prepared."""

    workers: int = 8
    fail_fast: bool = False
    skip_blocked: bool = False
    retry: Retry = field(default_factory=Retry)
    policy: Policy = field(default_factory=Policy)
    unsettled: frozenset[str] = frozenset()
    snapshots: Mapping[Side, Snapshot] = field(default_factory=dict)


_DEFAULTS = Options()
SHOWN = 20
"""How many blocks a refusal lists."""
_ENDING = b"\ninterrupted: what runs is finished and nothing more begun; interrupt again to stop at once\n"
_CUT_OFF = (
    "interrupted at once: what was under way may or may not have happened; the next command looks, and "
    "replicator apply goes on from there"
)


def execute(
    plan: Plan,
    desired: Desired,
    opened: Opened,
    store: StateStore,
    hands: Hands,
    events: Events,
    options: Options = _DEFAULTS,
    stop: threading.Event | None = None,
) -> ApplyResult:
    """Carry out `plan` and save what became of it; `opened` is the state that the plan was made from.

    A failed action blocks only those that wait for it. After `stop` is set what runs is finished and nothing is begun.
    Raises BlockedError (unless `skip_blocked`), StaleError and StateError before anything is called.
    """
    refuse(plan, opened, skip_blocked=options.skip_blocked)
    if not plan.actions:
        return settle(plan, desired, opened, store, events, options)
    began, stop = time.monotonic(), stop or threading.Event()
    opened = _named(opened, plan)
    journal = store.begin(opened, run=events.run, plan_id=plan.plan_id)
    try:
        book = Book(opened.state, opened.pending, journal)
        context = _context(plan, desired, hands, book, options, stop)
        results = Passes(context, plan, events, Pace(options.workers, options.fail_fast, options.retry)).all()
        hands.keep()
    finally:
        journal.close()
    state, pending = book.outcome()
    ended = ApplyResult(events.run, plan.plan_id, results, 0.0, state.serial + 1, stop.is_set())
    last = {"run": events.run, "plan_id": plan.plan_id, "at": now(), "result": _word(ended)}
    saved = store.commit(refreshed(state, plan, desired, options), pending, last)
    events.emit(Kind.STATE_SAVED, serial=saved.serial)
    return replace(ended, serial=saved.serial, seconds=time.monotonic() - began)


def refuse(plan: Plan, opened: Opened, *, skip_blocked: bool) -> None:
    """Raises StaleError when the plan was made from another state, BlockedError when a guard holds something back."""
    if (plan.state.lineage or "", plan.state.serial) != (opened.state.lineage, opened.state.serial):
        raise StaleError(
            f"the plan was made for state serial {plan.state.serial}, but the state is serial {opened.state.serial}",
            hint="plan again: replicator plan",
        )
    held = [action for action in plan.actions if action.blocked]
    if held and not skip_blocked:
        lines = [
            f"{action.address}{_place(action)}: {block.message} [{block.code}]"
            for action in held
            for block in action.blocked
        ]
        more = [f"…{len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        raise BlockedError(
            f"{len(held):,} of {many(len(plan.actions), 'action')} {'is' if len(held) == 1 else 'are'} held back:\n  "
            + "\n  ".join(lines[:SHOWN] + more),
            hint="\n".join([*_releases(plan, held), "or leave them out: --skip-blocked"]),
        )


def _releases(plan: Plan, held: Sequence[Action]) -> list[str]:
    """One command if one releases everything, or else what each guard asks for."""
    options = release_all(held)
    if options:
        return [f"release it: replicator {'destroy' if plan.mode == 'destroy' else 'apply'}{options}"]
    return list(dict.fromkeys(block.release for action in held for block in action.blocked if block.release))[:5]


def _place(action: Action) -> str:
    at = action.declared_at
    return f" ({at.file}:{at.line})" if at else ""


def _named(opened: Opened, plan: Plan) -> Opened:
    """A state that is written for the first time gets its lineage and its two metastores."""
    lineage = opened.state.lineage or str(uuid.uuid4())
    metastores = opened.state.metastores or {side: known.metastore_id for side, known in plan.metastores.items()}
    state = opened.state.model_copy(update={"lineage": lineage, "metastores": metastores})
    return replace(opened, state=state)


def _context(
    plan: Plan, desired: Desired, hands: Hands, book: Book, options: Options, stop: threading.Event
) -> Context:
    return Context(
        desired=desired,
        planned={action.address: action for action in plan.actions},
        hands=hands,
        book=book,
        policy=options.policy,
        stop=stop,
        principals={Side(side): known.principal for side, known in plan.metastores.items()},
        timeout=options.retry.timeout,
    )


def settle(
    plan: Plan,
    desired: Desired,
    opened: Opened,
    store: StateStore,
    events: Events,
    options: Options = _DEFAULTS,
) -> ApplyResult:
    """An empty plan: nothing to do in a workspace, but state may have to learn something (protect, a crashed run)."""
    began, state = time.monotonic(), refreshed(opened.state, plan, desired, options)
    if not opened.saved or not same(state, opened.state):
        last = {name: value for name, value in state.last_apply.items() if name != "pending"}
        state = store.commit(state, opened.pending, last)
        events.emit(Kind.STATE_SAVED, serial=state.serial)
    return ApplyResult(events.run, plan.plan_id, (), time.monotonic() - began, state.serial)


def refreshed(state: State, plan: Plan, desired: Desired, options: Options = _DEFAULTS) -> State:
    """The state, with what a whole plan found to be as desired already recorded as applied, but for what is unsettled.
    Of many copies it remembers where they stood."""
    if not plan.complete or plan.mode == "destroy":
        return state
    resources = dict(state.resources)
    acting = {action.address for action in plan.actions} | options.unsettled
    looked_at = options.snapshots if worth_remembering(desired.resources) else {}
    for address, declared in desired.resources.items():
        entry = resources.get(str(address))
        if entry is None or str(address) in acting or TYPES[address.type].is_check:
            continue
        lifecycle = declared.resource.lifecycle
        needs = [str(need) for need in sorted(set(declared.resource.depends_on())) if need in desired.resources]
        resources[str(address)] = entry.model_copy(
            update={
                "inputs": TYPES[address.type].declared(declared.resource),
                "outputs": remembered(entry, address, looked_at) if looked_at else entry.outputs,
                "protect": entry.protect if lifecycle.protect is None else lifecycle.protect,
                "on_removed": lifecycle.on_removed,
                "ignore": lifecycle.ignore,
                "section": desired.sections.get(address, entry.section),
                "depends_on": needs,
                "partial": False,
            }
        )
    return state.model_copy(update={"resources": resources})


def _word(ended: ApplyResult) -> str:
    words = {ExitCode.INTERRUPTED: "interrupted", ExitCode.OK: "complete", ExitCode.CHANGES: "complete"}
    return words.get(ended.exit_code, "partial")


@contextlib.contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM sets `stop`, and says so, and the second raises KeyboardInterrupt.

    Only the main thread hears signals; in another one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt(_CUT_OFF)
        stop.set()
        os.write(2, _ENDING)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
