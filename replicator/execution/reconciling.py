"""Reconcile: run the declared checks, keep what they found in tables and what they learned in the state."""

import hashlib
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from replicator.address import Address, Side
from replicator.engine.desired import Desired
from replicator.errors import LockedError, ReplicatorError, StateError, WorkspaceError
from replicator.execution import scheduler
from replicator.execution.checking import Checks
from replicator.execution.edits import remember
from replicator.execution.events import Events, Kind, Observer, correlation_id, new_run_id
from replicator.execution.running import collecting, retry_of, writers_of
from replicator.execution.session import Prepared, Session
from replicator.execution.sides import both
from replicator.reconciliation.governance import Governance, read_governance
from replicator.reconciliation.incremental import merged
from replicator.reconciliation.task import Settings
from replicator.reconciliation.verdicts import CheckResult, Report
from replicator.resources import TYPES
from replicator.resources.base import Fields

Chosen = Mapping[str, Fields]
"""Address to fields of the checks to run."""


@dataclass(frozen=True)
class Wanted:
    """What to compare, and how. `sample` many of the checks that match are drawn, by the day unless `draw` names
    another drawing; `keep` appends the results to the tables that the configuration names."""

    patterns: Sequence[str] = ("*",)
    settings: Settings = field(default_factory=Settings)
    sample: int | None = None
    draw: str = ""
    keep: bool = True


def reconcile(
    session: Session,
    prepared: Prepared,
    wanted: Wanted | None = None,
    *,
    workers: int | None = None,
    observers: Iterable[Observer] = (),
) -> Report:
    """Run every declared check that is wanted, whatever state says of earlier ones.

    Written are only the tables of results, and into the state the fingerprints of versions that it did not know. A
    check that cannot be done is a verdict; nothing stops the others. Raises ReplicatorError when no check is declared
    at all.
    """
    wanted = wanted or Wanted()
    declared = choose(prepared.desired, wanted.patterns)
    draw = wanted.draw or datetime.now(UTC).date().isoformat()
    chosen = drawn(declared, wanted.sample, draw)
    outputs = {text: entry.outputs for text, entry in prepared.state.resources.items()}
    governance = _governance(session, chosen)
    names = session.config.results_tables
    checks = Checks(prepared.desired, session.readers, wanted.settings, prepared.snapshots, governance, names)
    warnings: list[str] = []
    events = Events(new_run_id(), *observers, collecting(warnings))
    scheduler.run(
        list(chosen), {}, lambda at: _check(checks, events, at, chosen[at], outputs), workers=workers or session.workers
    )
    notices = [*_unread(governance), *_remembered(session, checks, outputs)]
    about: dict[str, Any] = {"declared": len(declared), "sampled": draw if len(chosen) < len(declared) else None}
    if wanted.keep and checks.schemas:
        with writers_of(session.config) as writers:
            values = wanted.settings.limits.show_values
            checks.keep(writers[Side.TARGET], events, retry_of(session.config), values=values)
    about["statements"] = sum(reader.stats().statements for reader in session.readers.values())
    return checks.report(events.run, **about, notices=(*notices, *warnings))


def choose(desired: Desired, patterns: Sequence[str]) -> Chosen:
    """The declared checks whose address or table matches a pattern. Raises ReplicatorError when there is none at
    all."""
    declared = {address: item for address, item in sorted(desired.resources.items()) if TYPES[address.type].is_check}
    if not declared:
        raise ReplicatorError(
            "no check is declared, so nothing was compared",
            hint="declare some: `reconciliation_config: {enabled: true}` checks every copy of `replication_config`",
        )
    return {
        str(address): TYPES[address.type].declared(item.resource)
        for address, item in declared.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns for name in (str(address), address.name))
    }


def drawn(chosen: Chosen, sample: int | None, draw: str) -> Chosen:
    """So many of the checks, in their order: always the same ones for one name of a draw, others for another."""
    if sample is None or sample >= len(chosen):
        return chosen
    lots = {address: hashlib.sha256(f"{draw} {address}".encode()).digest() for address in chosen}
    taken = set(sorted(lots, key=lambda address: lots[address])[:sample])
    return {address: fields for address, fields in chosen.items() if address in taken}


def _governance(session: Session, chosen: Chosen) -> Mapping[Side, Governance]:
    """Tags, grants and keys around the tables of checks that look at definitions."""
    tables: dict[Side, set[str]] = {side: set() for side in Side}
    for address, fields in chosen.items():
        if fields.get("schema_check", True):
            origin = Address.parse(fields["origin"])
            tables[origin.side].add(origin.name)
            tables[Side.TARGET].add(Address.parse(address).name)
    if not any(tables.values()):
        return {}
    return both(lambda side: read_governance(session.readers[side], tables[side]))


def _unread(governance: Mapping[Side, Governance]) -> list[str]:
    return [
        f"{aspect} of the {side} catalog {catalog} were not compared: {why}"
        for side, found in sorted(governance.items())
        for (aspect, catalog), why in sorted(found.unread.items())
    ]


def _check(checks: Checks, events: Events, address: str, fields: Fields, outputs: Mapping[str, Any]) -> None:
    names = {"address": address, "do": "check", "correlation_id": correlation_id(events.run, address)}
    events.emit(Kind.ACTION_START, **names)
    at, trace = Address.parse(address), dict[str, str]()
    try:
        result = checks.run(at, fields, outputs.get(address, {}), outputs.get(fields["copy_of"], {}))
    except Exception as error:  # noqa: BLE001  a defect met at one table must not cost the verdicts on all others
        result = checks.failed(at, fields, error)
        trace = {"error": result.message, "traceback": "".join(traceback.format_exception(error))}
    said = {"result": "done", "seconds": result.seconds, "outputs": {"verdict": result.verdict}}
    events.emit(Kind.ACTION_END, **names, **said, **trace)


def _remembered(session: Session, checks: Checks, outputs: Mapping[str, Any]) -> list[str]:
    """Keep what was learned; what cannot be kept is only computed again, so that it is no failure."""
    learned = {
        address: _learned(result, outputs.get(address, {})) for address, (_, result) in sorted(checks.results.items())
    }
    try:
        remember(session.store.backend, {address: new for address, new in learned.items() if new})
    except (LockedError, StateError, WorkspaceError) as error:
        return [f"fingerprints were not kept, and will be computed again: {error.message}"]
    return []


def _learned(result: CheckResult, known: Mapping[str, Any]) -> dict[str, Any]:
    if not result.fingerprints:
        return {}
    return {"fingerprints": merged(known.get("fingerprints") or {}, result.fingerprints), "rows": result.source.rows}
