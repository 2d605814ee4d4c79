"""One action at work: what its steps share, how they look at the object, and what they leave in the state."""

import contextlib
import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from replicator.address import Address, Side
from replicator.engine import preexisting
from replicator.engine.actions import Action, Do, Risk
from replicator.engine.desired import Desired
from replicator.engine.diff import diff
from replicator.engine.fingerprints import object_fingerprint
from replicator.engine.policy import Code, Policy
from replicator.engine.state import Entry
from replicator.errors import NotFound, ReplicatorError, StaleError, Unavailable, WorkspaceError
from replicator.execution.book import Book
from replicator.execution.pending import is_ours, watched
from replicator.execution.results import Became
from replicator.execution.retrying import Attempts
from replicator.resources import TYPES
from replicator.resources.base import (
    DeltaVersion,
    Effect,
    Fields,
    Lag,
    Lifecycle,
    Observed,
    Outputs,
    ResourceType,
    Task,
    Writer,
)
from replicator.wording import listed

_VISIBLE_AFTER = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each new look at an object that a write returned but a read does not show yet."""

_NOTHING: Mapping[str, Any] = {}
_LOSES_DATA = frozenset({Lag.FOREIGN_WRITE, Lag.RECREATED, Lag.NEVER_COPIED})


@dataclass(frozen=True)
class Verdict:
    """What a check found. `verified` are the versions it vouches for (see engine.checks); `hopeless` says that nothing
    can be said of the versions there are, and asking again would not help. `remember` is what the next check of the
    same copy should know, `told` the short of it, `details` the whole finding."""

    equal: bool
    verified: list[int] | None = None
    message: str = ""
    remember: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    hopeless: bool = False


class Versions(Protocol):
    def __call__(self, address: Address, *, clones: bool) -> DeltaVersion | None:
        """Where a table's data stands now; with `clones`, also what it was last cloned from."""
        ...


class Check(Protocol):
    def __call__(self, action: Action, known: Mapping[str, Any], copied: Mapping[str, Any]) -> Verdict:
        """Compare one copy with its origin. `known` is what the last check left to remember, `copied` the outputs of
        the copy."""
        ...


@dataclass(frozen=True)
class Hands:
    """How an apply touches the world: both writers, table versions, and the check of one copy. `keep` puts the results
    of all checks where they belong, before state says that they were made."""

    writers: Mapping[Side, Writer]
    versions: Versions
    check: Check
    keep: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Context:
    """What all actions of one apply share. `planned` are the plan's actions by address."""

    desired: Desired
    planned: Mapping[str, Action]
    hands: Hands
    book: Book
    policy: Policy
    stop: threading.Event
    principals: Mapping[Side, str]
    timeout: float


@dataclass(frozen=True)
class Finished:
    """How a step ended. `later` names fields (the owner) that are changed when all the rest is done, on `observed`."""

    became: Became = Became.DONE
    outputs: Outputs = field(default_factory=dict)
    later: frozenset[str] = frozenset()
    observed: Observed | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Job:
    """One action with what its steps need. `left_out` is what it has to do without (see degrading)."""

    context: Context
    action: Action
    attempts: Attempts
    left_out: frozenset[Address] = frozenset()

    @property
    def address(self) -> Address:
        return self.action.at

    @property
    def rtype(self) -> ResourceType:
        return TYPES[self.address.type]

    @property
    def writer(self) -> Writer:
        return self.context.hands.writers[self.address.side]

    @property
    def entry(self) -> Entry | None:
        """What state holds of the object now, under its former address when it is being renamed."""
        known, previous = self.context.book.entry(self.action.address), self.action.previous_address
        return self.context.book.entry(previous) if known is None and previous else known

    @property
    def applied(self) -> Fields:
        """What we applied last, without what others had set before us."""
        return preexisting.ours(self.entry.inputs, self.entry.outputs) if self.entry else {}

    @property
    def lifecycle(self) -> Lifecycle:
        declared = self.context.desired.resources.get(self.address)
        return declared.resource.lifecycle if declared else Lifecycle()

    @property
    def changed(self) -> frozenset[str]:
        """The planned top-level fields, without those that come last."""
        return frozenset(change.path[0] for change in self.action.changes) - self.last

    @property
    def last(self) -> frozenset[str]:
        """Planned fields that are changed after everything else: a new owner may not let us do the rest."""
        return frozenset(change.path[0] for change in self.action.changes if change.effect is Effect.OWNER)

    @property
    def first(self) -> Fields:
        """The desired fields without owners."""
        rules = self.rtype.rules
        return {
            name: value
            for name, value in self.action.desired.items()
            if name not in rules or rules[name].effect is not Effect.OWNER
        }

    def task(
        self, before: Observed | None, changed: frozenset[str] = frozenset(), origin: Observed | None = None
    ) -> Task:
        return Task(
            address=self.address,
            desired=self.first,
            lineage=self.context.book.lineage,
            before=before,
            changed=changed,
            applied=self.applied,
            origin=origin,
        )

    def differing(self, observed: Observed) -> frozenset[str]:
        """The top-level fields, but for the owner, in which the object is not as desired now."""
        desired = self.first
        unread = [name for name, rule in self.rtype.rules.items() if rule.write_only and name in desired]
        applied = {**self.applied, **{name: desired[name] for name in unread}}
        changes = diff(self.rtype, applied, desired, observed.fields, self.lifecycle.ignore)
        return frozenset(change.path[0] for change in changes)


def update_of(job: Job) -> Callable[[Writer, Task], Outputs]:
    update = job.rtype.update
    assert update is not None, f"{job.rtype.name} cannot be updated"
    return update


def look(job: Job, *, at: Address | None = None, patient: bool = False) -> Observed | None:
    """Read the object. `patient`: it must be there, so an answer that does not show it yet is not believed at once."""
    read = job.rtype.read
    assert read is not None, f"{job.rtype.name} cannot be read"
    observed = read(job.writer, at or job.address)
    for pause in _VISIBLE_AFTER if patient else ():
        if observed is not None or job.context.stop.wait(pause):
            break
        observed = read(job.writer, at or job.address)
    return observed


def verified(job: Job, at: Address | None = None) -> Observed | None:
    """The object as it is now, which must be as planned. Raises StaleError.

    What our own run or deployment has made meanwhile is no surprise, nor that an object to be deleted is gone already.
    """
    observed = look(job, at=at)
    expected, do = job.action.precondition, job.action.do
    if (observed is not None) == expected.exists and object_fingerprint(observed) == expected.fingerprint:
        return observed
    if observed is None and do is Do.DELETE:
        return None
    if observed is not None and do is Do.CREATE and _our_own(job, observed):
        return observed
    was = "is gone" if observed is None else "has changed" if expected.exists else "exists now"
    raise StaleError(f"{at or job.address} {was} since it was planned", hint="plan again: replicator plan")


def _our_own(job: Job, observed: Observed) -> bool:
    """It carries our mark, or was born with the container that this very run created (a catalog's `default` schema)."""
    container = str(Address(job.address.side, "catalog", job.address.container))
    planned = job.context.planned.get(container)
    born = planned is not None and planned.do is Do.CREATE and job.context.book.entry(container) is not None
    unmarked_schema = job.address.type == "schema" and observed.mark is None
    return observed.mark == job.context.book.lineage or (born and unmarked_schema)


def made_by_us(job: Job, observed: Observed, since: str) -> bool:
    """Whether a call of ours that began at `since` made the object."""
    principal = job.context.principals[job.address.side]
    return is_ours(job.address, observed, lineage=job.context.book.lineage, principal=principal, since=since)


def origin_of(job: Job) -> Observed | None:
    """What a copy copies from, at the version to copy: the planned one, or the present one where this run moves it.

    Raises NotFound when it is gone.
    """
    at = job.rtype.origin(job.action.desired) if job.rtype.origin else None
    if at is None:
        return None
    origin = _read_origin(job, at)
    version = job.context.hands.versions(at, clones=False)
    planned = job.action.estimate.source_version if job.action.estimate else None
    if version is not None and planned is not None and planned < version.version and not _moves(job, at):
        version = replace(version, version=planned)
    return replace(origin, version=version)


def _read_origin(job: Job, at: Address) -> Observed:
    read = TYPES[at.type].read
    assert read is not None, f"{at.type} cannot be read"
    origin = read(job.context.hands.writers[at.side], at)
    if origin is None:
        raise NotFound(f"{at} is gone, and {job.address} copies it", hint="plan again: replicator plan")
    return origin


def _moves(job: Job, at: Address) -> bool:
    action = job.context.planned.get(str(at))
    return action is not None and (action.moves_data or action.do in (Do.CREATE, Do.REPLACE))


def refuse_new_danger(job: Job, before: Observed | None, origin: Observed | None) -> None:
    """Compare copy and origin again, right before data moves over data. Raises StaleError for what was not planned."""
    if before is None or job.rtype.lag is None or not job.action.moves_data:
        return
    copy = replace(before, version=job.context.hands.versions(job.address, clones=True))
    report = job.rtype.lag(job.action.desired, copy, origin, job.entry.outputs if job.entry else {})
    if report.lag in _LOSES_DATA and job.action.risk is not Risk.DATA_LOSS:
        raise StaleError(f"{job.address}: {report.why}; this was not planned", hint="plan again: replicator plan")
    known = any(block.code == Code.SCHEMA_CHANGED for block in job.action.released)
    if report.breaks and not known and not job.context.policy.allows(Code.SCHEMA_CHANGED, str(job.address)):
        release = shlex.quote(f"{Code.SCHEMA_CHANGED.value}:{job.address}")
        raise StaleError(
            f"{job.address}: the source's schema changed: {listed(report.breaks, 5)}",
            hint=f"plan again, or let it follow: replicator apply --allow-destroy {release}",
        )


def learned_before(job: Job, before: Observed | None) -> Outputs:
    """What is worth remembering whatever becomes of the call: which values on another object are not ours, and whose
    copy it is that does not exist yet, or is current already."""
    known, do = job.entry or Entry(), job.action.do
    at = job.rtype.origin(job.action.desired) if job.rtype.origin else None
    if at is not None and (before is None or (do is Do.IMPORT and not job.action.moves_data)):
        return {"origin_id": _read_origin(job, at).id}
    return preexisting.noticed(job.rtype, job.action.desired, known.inputs, known.outputs, before)


def guarded(
    job: Job, do: Do, call: Callable[[], Outputs], since: str = "", learned: Mapping[str, Any] = _NOTHING
) -> Outputs:
    """Make the call that was intended, and record a failure that is known to be one.

    An answer that never came, or an error that is not the workspace's, leaves the intent open: the next plan looks.
    """
    try:
        return call()
    except Unavailable:
        raise
    except ReplicatorError as error:
        _record_failure(job, do, error, since, learned)
        raise


def _record_failure(job: Job, do: Do, error: ReplicatorError, since: str, learned: Mapping[str, Any]) -> None:
    book, address = job.context.book, job.action.address
    if do is not Do.CREATE or job.rtype.is_value:
        book.failed(address, do, error.message, partial=do is not Do.DELETE)
        return
    with contextlib.suppress(WorkspaceError):  # unreadable: the intent stays open
        found = look(job)
        if found is not None and made_by_us(job, found, since):
            begun = entry_of(job, found, learned).model_copy(update={"partial": True})
            book.done(address, do, begun)
        else:
            book.failed(address, do, error.message, partial=False)


def finish(
    job: Job, outputs: Outputs, observed: Observed | None = None, learned: Mapping[str, Any] = _NOTHING
) -> Finished:
    """Read the object back, unless it was not touched, and record what state holds of it from now on."""
    observed = observed or look(job, patient=not job.rtype.is_value)
    desired = job.action.desired
    later = frozenset(name for name in job.last if observed is None or observed.fields.get(name) != desired.get(name))
    entry = entry_of(job, observed, {**learned, **outputs}, later)
    job.context.book.done(job.action.address, job.action.do, entry)
    return Finished(outputs=outputs, later=later, observed=observed)


def entry_of(
    job: Job, observed: Observed | None, outputs: Mapping[str, Any], later: frozenset[str] = frozenset()
) -> Entry:
    """What state will hold of the object: all desired fields as applied, but for those that come `later`."""
    known, lifecycle, action = job.entry, job.lifecycle, job.action
    desired = job.context.desired
    declared = desired.resources.get(job.address)
    mark = observed.mark if observed else None
    needs = sorted(set(declared.resource.depends_on())) if declared else []
    before = known or Entry(imported=action.do is Do.IMPORT and not job.context.book.owns(mark))
    granted = job.rtype.is_value and action.do is Do.UPDATE
    return Entry(
        id=observed.id if observed else before.id,
        imported=before.imported and not granted,
        protect=before.protect if lifecycle.protect is None else lifecycle.protect,
        partial=bool(later or job.left_out),
        on_removed=lifecycle.on_removed,
        ignore=lifecycle.ignore,
        section=desired.sections.get(job.address, before.section),
        inputs=_inputs(job, before, later),
        outputs={**{key: value for key, value in before.outputs.items() if key not in job.rtype.fleeting}, **outputs},
        watched=watched(job.rtype, observed) if observed else before.watched,
        depends_on=[str(need) for need in needs if need in desired.resources],
    )


def _inputs(job: Job, before: Entry, later: frozenset[str]) -> Fields:
    """Never a secret; a field that is still to be changed is as it was applied before."""
    secret = {name for name, rule in job.rtype.rules.items() if rule.secret}
    kept = {name: value for name, value in job.action.desired.items() if name not in later | secret}
    return kept | {name: before.inputs[name] for name in later if name in before.inputs}
