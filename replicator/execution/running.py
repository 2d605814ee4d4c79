"""The only place where writers exist: open them, apply a plan, and tell everybody who listens."""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from replicator.address import Address, Side
from replicator.config import Config
from replicator.engine.policy import Policy
from replicator.errors import ReplicatorError
from replicator.execution.apply import Options, execute, refuse, settle, stopping
from replicator.execution.audit import AuditTrail, Place
from replicator.execution.checking import Checks
from replicator.execution.events import Event, Events, Kind, Observer, new_run_id
from replicator.execution.job import Hands, Versions
from replicator.execution.logs import json_log
from replicator.execution.results import ApplyResult
from replicator.execution.retrying import Attempts, Retry
from replicator.execution.session import Prepared, Session
from replicator.execution.sides import both
from replicator.resources.base import DeltaVersion
from replicator.workspace import WorkspaceWriter, open_writer, read_versions

LOGS = Path(".replicator") / "logs"


def apply_plan(
    session: Session,
    prepared: Prepared,
    *,
    policy: Policy | None = None,
    fail_fast: bool = False,
    skip_blocked: bool = False,
    workers: int | None = None,
    observers: Iterable[Observer] = (),
    stop: threading.Event | None = None,
) -> ApplyResult:
    """Carry out a prepared plan, with the log and the audit trail that the configuration asks for.

    Interrupts are heard while it runs (see `stopping`); setting `stop` is the first of them. Raises BlockedError,
    StaleError or StateError before anything is called; afterwards every failure is in the result.
    """
    config, plan = session.config, prepared.plan
    refuse(plan, prepared.seen.opened, skip_blocked=skip_blocked)
    retry = retry_of(config)
    options = Options(
        workers or session.workers,
        fail_fast,
        skip_blocked,
        retry,
        policy or Policy(),
        prepared.unsettled,
        prepared.snapshots,
    )
    warnings: list[str] = []
    events = Events(new_run_id(), *observers, collecting(warnings))
    with _logging(config, events):
        events.emit(Kind.RUN_START, environment=config.environment, plan_id=plan.plan_id, actions=len(plan.actions))
        events.emit(Kind.PLAN, plan_id=plan.plan_id, summary=dict(plan.summary), unchanged=plan.unchanged)
        if plan.actions:
            result = _carry_out(session, prepared, events, options, stop or threading.Event())
        else:
            result = settle(plan, prepared.desired, prepared.seen.opened, session.store, events, options)
        counts = {became.value: count for became, count in sorted(result.counts.items())}
        events.emit(Kind.RUN_END, exit_code=int(result.exit_code), counts=counts, seconds=round(result.seconds, 3))
    return replace(result, warnings=tuple(warnings))


def _carry_out(
    session: Session, prepared: Prepared, events: Events, options: Options, stop: threading.Event
) -> ApplyResult:
    with writers_of(session.config) as writers, stopping(stop):
        audit = _audit(session.config, writers, prepared, events)
        checks = Checks(prepared.desired, session.readers, tables=session.config.results_tables)
        hands = Hands(
            writers, _versions(writers), checks, lambda: checks.keep(writers[Side.TARGET], events, options.retry)
        )
        opened = prepared.seen.opened
        result = execute(prepared.plan, prepared.desired, opened, session.store, hands, events, options, stop)
        if audit is not None:
            _finish(audit, events, options.retry)
    return result


def retry_of(config: Config) -> Retry:
    return Retry(config.retry.max_attempts, config.retry.retry_delay_seconds, config.concurrency.timeout_seconds)


def _finish(audit: AuditTrail, events: Events, retry: Retry) -> None:
    """Write the last rows; an answer that was lost is no reason to give up, for the statements may be sent again."""
    try:
        Attempts(retry, threading.Event(), lambda attempt, error, wait: None).call(audit.flush)
    except ReplicatorError as error:
        events.emit(Kind.WARNING, message=f"the audit table was not written: {error.message}")


@contextlib.contextmanager
def writers_of(config: Config) -> Iterator[Mapping[Side, WorkspaceWriter]]:
    writers = both(
        lambda side: open_writer(config.connection(side), side, retry=config.retry, directory=config.directory)
    )
    with contextlib.ExitStack() as stack:
        for writer in writers.values():
            stack.callback(writer.close)
        yield writers


def _versions(writers: Mapping[Side, WorkspaceWriter]) -> Versions:
    def versions(address: Address, *, clones: bool) -> DeltaVersion | None:
        return read_versions(writers[address.side], [address.name], clones=clones).get(address.name)

    return versions


def _audit(
    config: Config, writers: Mapping[Side, WorkspaceWriter], prepared: Prepared, events: Events
) -> AuditTrail | None:
    """The audit trail, listening, if the configuration names a table for it."""
    sink = config.audit
    if sink is None:
        return None
    principals = {side: snapshot.metastore.principal for side, snapshot in prepared.snapshots.items()}
    place = Place(sink.table, sink.create_catalog, sink.catalog_location)
    trail = AuditTrail(place, writers[sink.side].execute, principals)
    events.listen(trail)
    return trail


def collecting(warnings: list[str]) -> Observer:
    """An observer that adds the messages of warnings to a list."""

    def collect(event: Event) -> None:
        if event.kind is Kind.WARNING:
            warnings.append(str(event.data["message"]))

    return collect


@contextlib.contextmanager
def _logging(config: Config, events: Events) -> Iterator[None]:
    """The log of this environment's runs, appended to; a log that cannot be written is a warning."""
    wanted = config.logging
    if not wanted.log_to_file:
        yield
        return
    path = config.directory / (wanted.log_file_path or LOGS / f"{config.environment}.ndjson")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        events.emit(Kind.WARNING, message=f"{path}: no log is written: {error.strerror}")
        yield
        return
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        events.listen(json_log(stream, level=wanted.level, form=wanted.format))
        yield
