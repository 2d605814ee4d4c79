"""`replicator apply`, `destroy` and `run`: plan, show, ask, do, tell."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import approval, output
from replicator.cli.common import Run, verb
from replicator.cli.options import (
    Allowed,
    AsJson,
    Excludes,
    Full,
    Refresh,
    Targets,
    Workers,
    Yes,
    policy,
    selection,
    together,
)
from replicator.cli.plan import show_plan
from replicator.cli.work import opened, planned
from replicator.engine.policy import Policy
from replicator.errors import BlockedError, ExitCode, UsageError
from replicator.render.look import with_options

if TYPE_CHECKING:
    from replicator.engine.actions import Plan
    from replicator.execution.events import EventFile, Observer
    from replicator.execution.results import ApplyResult
    from replicator.execution.session import Prepared, Session

Expect = Annotated[
    str | None, typer.Option("--expect", metavar="ID", help="Do it only if it is this plan; asks nothing.")
]
SavedPlan = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Carry out a plan saved with plan --out; asks nothing.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the approved plan that ended halfway; asks nothing.")
]
SkipBlocked = Annotated[bool, typer.Option("--skip-blocked", help="Leave out what a guard holds back.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Begin nothing more after a failure.")]
EventsFile = Annotated[
    str | None, typer.Option("--events", metavar="FILE", help="Every event as a line of JSON; - for standard output.")
]


@dataclass(frozen=True)
class Order:
    """What an apply was told to do."""

    policy: Policy
    verb: str = "apply"
    yes: bool = False
    expect: str | None = None
    saved: Path | None = None
    resume: bool = False
    skip_blocked: bool = False
    fail_fast: bool = False
    workers: int | None = None
    events: str | None = None
    as_json: bool = False
    full: bool = False
    refresh: str = "true"

    @property
    def approved(self) -> bool:
        """Whether somebody has already said yes to this very plan."""
        return self.yes or bool(self.expect) or self.saved is not None or self.resume

    @property
    def silent(self) -> bool:
        """Whether standard output belongs to a machine."""
        return self.as_json or self.events == "-"


@verb
def apply(
    run: Run,
    yes: Yes = False,
    expect: Expect = None,
    saved: SavedPlan = None,
    resume: Resume = False,
    skip_blocked: SkipBlocked = False,
    allow_destroy: Allowed = None,
    target: Targets = None,
    exclude: Excludes = None,
    workers: Workers = None,
    fail_fast: FailFast = False,
    events: EventsFile = None,
    as_json: AsJson = False,
    full: Full = False,
    refresh: Refresh = "true",
) -> ExitCode:
    """Do what plan shows, and record it in the state. Asks first, unless --yes or an approved plan is given."""
    together(plan=saved is not None, expect=expect is not None)
    together(plan=saved is not None, resume=resume)
    together(plan=saved is not None, allow_destroy=bool(allow_destroy))
    together(plan=saved is not None, target=bool(target), exclude=bool(exclude))
    order = Order(
        policy=policy(target, exclude, allow_destroy),
        yes=yes,
        expect=expect,
        saved=saved,
        resume=resume,
        skip_blocked=skip_blocked,
        fail_fast=fail_fast,
        workers=workers,
        events=events,
        as_json=as_json,
        full=full,
        refresh=refresh,
    )
    return carry_out(run, order)


@verb
def destroy(
    run: Run,
    yes: Yes = False,
    expect: Expect = None,
    resume: Resume = False,
    skip_blocked: SkipBlocked = False,
    allow_destroy: Allowed = None,
    target: Targets = None,
    exclude: Excludes = None,
    workers: Workers = None,
    fail_fast: FailFast = False,
    events: EventsFile = None,
    as_json: AsJson = False,
    full: Full = False,
) -> ExitCode:
    """Remove everything that the state holds, but what existed before us. Data needs --allow-destroy."""
    order = Order(
        policy=policy(target, exclude, allow_destroy, "destroy"),
        verb="destroy",
        yes=yes,
        expect=expect,
        resume=resume,
        skip_blocked=skip_blocked,
        fail_fast=fail_fast,
        workers=workers,
        events=events,
        as_json=as_json,
        full=full,
    )
    return carry_out(run, order)


@verb
def run(
    run: Run,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> ExitCode:
    """Plan and apply without asking; what a guard holds back is left out and reported."""
    return run_all(run, dry_run=dry_run, workers=workers, as_json=as_json)


def run_all(run: Run, *, dry_run: bool = False, workers: int | None = None, as_json: bool = False) -> ExitCode:
    """What a scheduler calls: nobody is asked, and one table's trouble does not stop the others."""
    if dry_run:
        with opened(run, workers=workers) as session:
            show_plan(run, planned(run, session, Policy(), sizes=True).plan, output.look(run), as_json=as_json)
        return ExitCode.OK
    order = Order(Policy(), "run", yes=True, skip_blocked=True, workers=workers, as_json=as_json)
    return carry_out(run, order)


def carry_out(run: Run, order: Order) -> ExitCode:
    """Plan under the lock, have it approved, apply it and tell what became of it."""
    saved = approval.read_signed(order.saved) if order.saved is not None else None
    if saved is not None:
        order = replace(order, policy=replace(order.policy, mode=saved.mode, allow=saved.released))
    with opened(run, workers=order.workers, locked_for=order.verb, refresh=order.refresh) as session:
        prepared = planned(run, session, order.policy, typed=saved is None, sizes=not order.silent)
        if order.expect and approval.was_applied(prepared.plan, prepared.state, order.expect):
            output.show(run, f"Plan {order.expect} was already applied. Nothing is left to do.\n")
            return ExitCode.OK
        prepared = _approved(order, prepared, session, saved)
        if not order.silent:
            place = output.look(run, full=order.full, selection=selection(order.policy))
            show_plan(run, prepared.plan, place, under_way=True)
        _ask(run, order, prepared.plan)
        result = _apply(run, order, session, prepared)
    _tell(run, order, result)
    return result.exit_code


def _approved(order: Order, prepared: "Prepared", session: "Session", saved: "Plan | None") -> "Prepared":
    """The plan to carry out. Raises StaleError when it is not the one that was approved, BlockedError when a guard has
    something against it by now."""
    if saved is not None:
        approval.check_saved(saved, prepared.plan)
        approval.check_blocks(saved, prepared.plan)
        return replace(prepared, plan=saved, unsettled=frozenset(action.address for action in prepared.plan.actions))
    if order.resume:
        approval.check_rest(prepared.plan, session.store.backend, order.expect)
    elif order.expect:
        approval.check_expected(prepared.plan, order.expect)
    return prepared


def _ask(run: Run, order: Order, made: "Plan") -> None:
    """Raises Abort when a person says no, UsageError when there is nobody to ask."""
    if order.approved or not made.actions:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{order.verb} asks before it changes something, and there is nobody to ask",
            hint=f"approve this very plan with --expect {made.plan_id[:8]}, or any plan with --yes",
        )
    blocked = order.skip_blocked and any(action.blocked for action in made.actions)
    typer.confirm("Do this, but for what is blocked?" if blocked else "Do this?", abort=True, err=True)


def _apply(run: Run, order: Order, session: "Session", prepared: "Prepared") -> "ApplyResult":
    from replicator.execution.running import apply_plan

    if prepared.plan.actions:
        _refuse(order, prepared)
    if prepared.plan.actions and not order.resume:
        approval.remember(session.store.backend, prepared.plan)
    with _observers(run, order, prepared.plan) as observers:
        return apply_plan(
            session,
            prepared,
            policy=order.policy,
            fail_fast=order.fail_fast,
            skip_blocked=order.skip_blocked,
            observers=observers,
        )


def _refuse(order: Order, prepared: "Prepared") -> None:
    """Raises BlockedError and StaleError; what releases it is this very command with more allowed."""
    from replicator.execution.apply import refuse

    try:
        refuse(prepared.plan, prepared.seen.opened, skip_blocked=order.skip_blocked)
    except BlockedError as error:
        error.hint = with_options(error.hint, selection(order.policy))
        raise


@contextlib.contextmanager
def _observers(run: Run, order: Order, made: "Plan") -> Iterator[list["Observer"]]:
    from replicator.execution.logs import json_log
    from replicator.render.progress import progress

    with contextlib.ExitStack() as stack:
        found: list[Observer] = []
        if order.events is not None:
            found.append(stack.enter_context(_events_file(order.events)))
        if run.verbose:
            found.append(json_log(sys.stderr))
        found.append(stack.enter_context(progress(len(made.actions), quiet=run.quiet or run.verbose)))
        yield found


def _events_file(path: str) -> "EventFile":
    from replicator.execution.events import EventFile

    try:
        return EventFile(path)
    except OSError as error:
        raise UsageError(f"--events {path}: cannot be written: {error.strerror}") from error


def _tell(run: Run, order: Order, result: "ApplyResult") -> None:
    from replicator.render.applied import apply_json, apply_text

    if order.as_json:
        output.show_json(apply_json(result))
    elif not order.silent and result.results:
        place = output.look(run, full=order.full, selection=selection(order.policy))
        output.show(run, "\n" + apply_text(result, place, verb=order.verb))
