"""What each kind of action does: look again, record the intent, call, read back, record the outcome."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from replicator.address import Address
from replicator.engine.actions import Do, Reason
from replicator.engine.checks import verified_key
from replicator.engine.state import Entry
from replicator.errors import AlreadyExists, BlockedError, NotFound, StaleError, Unavailable, WorkspaceError
from replicator.execution.job import (
    Finished,
    Job,
    entry_of,
    finish,
    guarded,
    learned_before,
    look,
    made_by_us,
    origin_of,
    refuse_new_danger,
    update_of,
    verified,
)
from replicator.execution.results import Became
from replicator.resources import TYPES
from replicator.resources.base import Observed, Outputs, Task

_LONGEST_PAUSE = 5.0


def perform(job: Job) -> Finished:
    """Carry out one action. Raises BlockedError, StaleError, StateError, or what the workspace answered."""
    if job.action.blocked:
        held = job.action.blocked
        raise BlockedError("; ".join(block.message for block in held), hint=held[0].release)
    return _STEPS[job.action.do](job)


def follow_up(job: Job, finished: Finished) -> Finished:
    """Change the fields that come last. The object stays `partial` in state when this fails."""
    book, address = job.context.book, job.action.address
    task = replace(job.task(finished.observed, finished.later), desired=job.action.desired)
    book.intend(address, Do.UPDATE, entry_of(job, finished.observed, {}))

    def left(found: Observed) -> frozenset[str]:
        return frozenset(name for name in finished.later if found.fields.get(name) != job.action.desired.get(name))

    outputs = guarded(job, Do.UPDATE, lambda: _write(job, task, left))
    observed = look(job)
    book.done(address, job.action.do, entry_of(job, observed, outputs))
    merged = {**finished.outputs, **outputs}
    return replace(finished, outputs=merged, later=frozenset(), observed=observed)


def _create(job: Job) -> Finished:
    before = verified(job)
    return _make(job) if before is None else _bring_up(job, before, job.differing(before))


def _make(job: Job) -> Finished:
    origin = origin_of(job)
    learned = learned_before(job, None)
    at = job.context.book.intend(job.action.address, Do.CREATE, entry_of(job, None, learned, job.last))
    task = job.task(None, origin=origin)
    outputs = guarded(job, Do.CREATE, lambda: job.attempts.call(lambda: _create_once(job, task, at)), at, learned)
    return finish(job, outputs, learned=learned)


def _create_once(job: Job, task: Task, since: str) -> Outputs:
    """Create; when the name is taken or the answer was lost, look whether that was our own doing."""
    assert job.rtype.create is not None, f"{job.rtype.name} cannot be created"
    try:
        return job.rtype.create(job.writer, task)
    except (AlreadyExists, Unavailable) as error:
        found = look(job, patient=isinstance(error, AlreadyExists))
        if found is None:
            raise
        if not made_by_us(job, found, since):
            raise AlreadyExists(
                f"{job.action.address} exists and is not managed by this deployment",
                hint="choose another name, or take it over with lifecycle: {on_existing: import}",
            ) from error
        return _complete(job, task, found)


def _complete(job: Job, task: Task, found: Observed) -> Outputs:
    """What a create whose answer was lost may have left undone."""
    outputs: Outputs = {}
    if job.rtype.sync is not None:
        outputs |= job.rtype.sync(job.writer, replace(task, before=found))
        found = look(job) or found
    changed = job.differing(found)
    if changed:
        outputs |= update_of(job)(job.writer, replace(task, before=found, changed=changed))
    return outputs


def _settle(job: Job) -> Finished:
    """Update, sync or import: data first, then fields."""
    return _bring_up(job, verified(job), job.changed)


def _bring_up(job: Job, before: Observed | None, changed: frozenset[str]) -> Finished:
    learned = learned_before(job, before)
    if not changed and not job.action.moves_data:
        return finish(job, {}, before, learned)
    origin = origin_of(job) if job.action.moves_data else None
    refuse_new_danger(job, before, origin)
    job.context.book.intend(job.action.address, job.action.do, entry_of(job, before, learned, job.last))
    outputs = guarded(job, job.action.do, lambda: _move_and_update(job, before, changed, origin))
    return finish(job, outputs, learned=learned)


def _move_and_update(job: Job, before: Observed | None, changed: frozenset[str], origin: Observed | None) -> Outputs:
    """A clone brings its source's comment and properties along, so what differs is looked up after it."""
    outputs: Outputs = {}
    if job.action.moves_data:
        sync = job.rtype.sync
        assert sync is not None, f"{job.rtype.name} holds no data"
        move = job.task(before, origin=origin)
        outputs |= job.attempts.call(_unless(lambda: sync(job.writer, move), lambda: _still_safe(job, origin)))
        before = look(job) or before
        changed = job.differing(before) if before else changed
    return outputs | (_write(job, job.task(before, changed), job.differing) if changed else {})


def _unless(once: Callable[[], Outputs], settled: Callable[[], bool]) -> Callable[[], Outputs]:
    """The same, but before it is called again somebody looks whether that is still needed; minutes may lie between."""
    called = False

    def again() -> Outputs:
        nonlocal called
        if called and settled():
            return {}
        called = True
        return once()

    return again


def _still_safe(job: Job, origin: Observed | None) -> bool:
    """False: the data is yet to be moved, for all that is known. Raises StaleError for what would be lost by it."""
    found = look(job)
    if found is None:
        raise StaleError(f"{job.address} is gone since it was planned", hint="plan again: replicator plan")
    refuse_new_danger(job, found, origin)
    return False


def _write(job: Job, task: Task, left: Callable[[Observed], frozenset[str]]) -> Outputs:
    """Update; when the answer was lost, look at what is left to do before anything is sent again."""

    def once() -> Outputs:
        nonlocal task
        try:
            return update_of(job)(job.writer, task)
        except Unavailable:
            found = look(job)
            if found is None:
                raise
            task = replace(task, before=found, changed=left(found))
            if not task.changed:
                return {}
            raise

    return job.attempts.call(once)


def _replace(job: Job) -> Finished:
    """Two steps, each journalled: after a crash in between, the object is absent and known to be."""
    before = verified(job)
    if before is not None:
        _refuse_without_origin(job)
        _remove(job, before)
    return _make(job)


def _refuse_without_origin(job: Job) -> None:
    """A copy is only dropped while there is something to copy again: it may be the last one. Raises NotFound, or
    WorkspaceError when the origin cannot be read."""
    origin = origin_of(job)
    if origin is not None and origin.version is None:
        raise WorkspaceError(f"{job.address}: the version of its origin cannot be read", hint="plan again")


def _rename(job: Job) -> Finished:
    """The name first, and in state with all that goes along; then what else is to change."""
    previous, address = job.action.previous_address, job.action.address
    assert previous is not None, f"{address} has no former name"
    known = job.entry or Entry()
    if look(job) is None:
        task = job.task(verified(job, Address.parse(previous)))
        job.context.book.intend(address, Do.RENAME, known, previous)
        guarded(job, Do.RENAME, lambda: job.attempts.call(lambda: _rename_once(job, task)))
        found = look(job, patient=True)
    else:
        found = verified(job)
    job.context.book.done(address, Do.RENAME, known, previous)
    return _bring_up(job, found, job.changed)


def _rename_once(job: Job, task: Task) -> Outputs:
    """Rename; when the answer was lost, or the former name is gone, look whether that was our own doing."""
    assert job.rtype.rename is not None, f"{job.rtype.name} cannot be renamed"
    try:
        return job.rtype.rename(job.writer, task)
    except (NotFound, Unavailable):
        found = look(job)
        if found is None or task.before is None or found.id != task.before.id:
            raise
        return {}


def _forget(job: Job) -> Finished:
    job.context.book.gone(job.action.address, Do.FORGET)
    return Finished()


def _delete(job: Job) -> Finished:
    before = verified(job)
    if before is None:
        job.context.book.gone(job.action.address, Do.DELETE)
        return Finished(Became.ALREADY)
    if job.action.reason is not Reason.REQUESTED:
        _refuse_last_copy(job)
    return Finished(outputs=_remove(job, before))


def _refuse_last_copy(job: Job) -> None:
    """A copy that left the file goes because its origin is enough. Raises StaleError when that is gone by now."""
    find = job.rtype.origin
    at = find(job.entry.inputs) if find is not None and job.entry is not None else None
    read = TYPES[at.type].read if at is not None else None
    if at is not None and read is not None and read(job.context.hands.writers[at.side], at) is None:
        raise StaleError(
            f"{job.address} may be the last copy: its origin {at} is gone since it was planned",
            hint="plan again: replicator plan",
        )


def _remove(job: Job, before: Observed) -> Outputs:
    entry = job.entry or Entry()
    job.context.book.intend(job.action.address, Do.DELETE, entry)
    task = replace(job.task(before), desired=job.applied)
    once = _unless(lambda: _delete_once(job, task), lambda: _gone(job, before))
    outputs = guarded(job, Do.DELETE, lambda: job.attempts.call(once))
    job.context.book.gone(job.action.address, Do.DELETE)
    return outputs


def _delete_once(job: Job, task: Task) -> Outputs:
    assert job.rtype.delete is not None, f"{job.rtype.name} cannot be deleted"
    try:
        return job.rtype.delete(job.writer, task)
    except NotFound:
        return {}
    except Unavailable:
        if task.before is not None and _gone(job, task.before):
            return {}
        raise


def _gone(job: Job, before: Observed) -> bool:
    """Whether there is no such object any more; another one under its name is not ours to drop."""
    found = look(job)
    return found is None or found.id != before.id


def _check(job: Job) -> Finished:
    """Compare a copy with its origin, or wait for something that appears by itself."""
    if not job.rtype.is_check:
        return _await(job)
    copy = job.context.book.entry(job.action.desired["copy_of"])
    known = job.entry.outputs if job.entry else {}
    verdict = job.context.hands.check(job.action, known, copy.outputs if copy else {})
    vouched = {"verified": verdict.verified} if verdict.equal and verdict.verified else {}
    asked = {"asked": _asked(job)} if verdict.hopeless else {}
    outputs = {**verdict.remember, **vouched, **asked, "equal": verdict.equal}
    entry = entry_of(job, None, {}).model_copy(update={"outputs": outputs})
    job.context.book.done(job.action.address, Do.CHECK, entry)
    return Finished(outputs=dict(verdict.told), verdict=verdict)


def _asked(job: Job) -> list[int] | None:
    """The versions that nothing could be said about."""
    versions = job.context.hands.versions
    copy_at = Address.parse(job.action.desired["copy_of"])
    return verified_key(copy_at, job.context.desired.resources, lambda at: versions(at, clones=True))


def _await(job: Job) -> Finished:
    """Nothing is written for what the other metastore makes appear. Raises Unavailable when it does not, in time."""
    waited, pause = 0.0, 0.1
    while not _there(job):
        if waited >= job.context.timeout or job.context.stop.wait(pause):
            raise Unavailable(
                f"{job.action.address} did not appear within {waited:.0f} s",
                hint="run replicator apply again; what is done stays done",
            )
        waited, pause = waited + pause, min(_LONGEST_PAUSE, pause * 1.5)
    return Finished()


def _there(job: Job) -> bool:
    if job.rtype.settled is not None:
        return job.rtype.settled(job.writer, job.task(None))
    return look(job) is not None


def _nothing(job: Job) -> Finished:
    return Finished(Became.ALREADY)


_STEPS: Mapping[Do, Callable[[Job], Finished]] = {
    Do.NOOP: _nothing,
    Do.CHECK: _check,
    Do.IMPORT: _settle,
    Do.SYNC: _settle,
    Do.UPDATE: _settle,
    Do.RENAME: _rename,
    Do.CREATE: _create,
    Do.REPLACE: _replace,
    Do.FORGET: _forget,
    Do.DELETE: _delete,
}
