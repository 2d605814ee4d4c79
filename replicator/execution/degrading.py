"""Doing what can be done: an action that lost some of what it depends on, reduced to what it can have without."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from replicator.address import Address
from replicator.engine.actions import Action
from replicator.execution.job import Job, look
from replicator.resources import TYPES


def dispensable(action: Action, needs: Iterable[str]) -> frozenset[str]:
    """Those of an action's needs without which something of it can still be done."""
    without = TYPES[action.at.type].without
    if without is None:
        return frozenset()
    return frozenset(map(str, without(action.desired, {}, frozenset(map(Address.parse, needs)))[1]))


def failed(needs: Iterable[str], blocking: Mapping[str, Sequence[str]], undone: Collection[str]) -> frozenset[str]:
    """Those of the needs that were not done: they are among `undone`, or something that they cannot do without is."""
    return frozenset(need for need in needs if _fails(need, blocking, undone))


def _fails(need: str, blocking: Mapping[str, Sequence[str]], undone: Collection[str]) -> bool:
    stack, seen = [need], set[str]()
    while stack:
        address = stack.pop()
        if address in undone:
            return True
        if address not in seen:
            seen.add(address)
            stack += blocking.get(address, ())
    return False


def reduced(job: Job, needs: frozenset[str]) -> Job:
    """The action without what did not come about. What failed although it exists, and is ours, is no loss: a table that
    could not be brought up to date is still there."""
    absent = frozenset(Address.parse(need) for need in needs if job.context.book.entry(need) is None)
    if not absent:
        return job
    assert job.rtype.without is not None, f"{job.rtype.name} cannot do without anything"
    found = look(job)
    fields, missing = job.rtype.without(job.action.desired, found.fields if found else {}, absent)
    return replace(job, action=job.action.model_copy(update={"desired": fields}), left_out=missing)
