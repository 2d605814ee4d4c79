"""What the verbs that contact workspaces share: an open session, and a plan made in it."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from replicator.cli import output
from replicator.cli.common import Run
from replicator.cli.options import must_match, refresh_of
from replicator.cli.reading import interrupts_heard, reading
from replicator.engine.policy import release_of
from replicator.errors import ReplicatorError

if TYPE_CHECKING:
    from replicator.config import Config
    from replicator.engine.policy import Policy
    from replicator.execution.session import Prepared, Session, Snapshots


def configuration(run: Run) -> "Config":
    """The configuration that was asked for. Raises ConfigError."""
    from replicator.config import load

    return load(run.path, environment=run.environment, variables=run.variables)


@contextlib.contextmanager
def opened(
    run: Run,
    *,
    workers: int | None = None,
    locked_for: str = "",
    snapshot: Path | None = None,
    refresh: str = "true",
) -> Iterator["Session"]:
    """Both workspaces, open for reading, or the snapshot that stands for them. Tells at the end what was asked."""
    config = configuration(run)
    refresh = refresh_of(refresh)
    from replicator.execution import snapshots
    from replicator.execution.session import open_session

    path = snapshots.last(config) if snapshot is None and refresh == "false" else snapshot
    began = time.monotonic()
    opening = open_session(
        config,
        state_directory=run.state_dir,
        workers=workers,
        locked_for=locked_for,
        notify=lambda text: output.tell(run, f"! {text}"),
        trusting=refresh != "all",
        saved=snapshots.read(path) if path is not None else None,
    )
    with contextlib.ExitStack() as stack:
        with interrupts_heard():
            session = stack.enter_context(opening)
        with _retries(run):
            yield session
        _tell_timings(run, session, time.monotonic() - began)


@contextlib.contextmanager
def _retries(run: Run) -> Iterator[None]:
    """With --verbose, every request that is sent again is a line on standard error."""
    if not run.verbose:
        yield
        return
    from replicator.execution.logs import retries_to

    with retries_to(sys.stderr):
        yield


def _tell_timings(run: Run, session: "Session", seconds: float) -> None:
    from replicator.render.timings import timings_line, timings_table

    read = {side.value: reader.stats() for side, reader in session.readers.items()}
    if session.saved is not None:
        output.tell(run, f"! planned from what was read at {session.saved.taken_at}")
    if run.timings and read:
        output.tell(run, timings_table(read, seconds, output.look(run)).rstrip("\n"))
    elif read:
        output.tell(run, timings_line(read, seconds))


def planned(
    run: Run,
    session: "Session",
    policy: "Policy",
    *,
    typed: bool = True,
    sizes: bool = False,
    keep: bool = False,
    save_as: Path | None = None,
) -> "Prepared":
    """A plan of what was asked for, with `sizes` also of how much data it moves. With `keep` what was read is saved,
    also in `save_as`.

    Raises UsageError when a pattern that somebody typed names nothing.
    """
    from replicator.execution.estimating import estimated
    from replicator.execution.session import prepare

    with reading(run):
        prepared = prepare(session, policy)
        if sizes:
            prepared = estimated(session, prepared)
    known = {*map(str, prepared.desired.resources), *prepared.state.resources}
    must_match(policy.targets, known, "--target")
    must_match(policy.excludes, known, "--exclude")
    if typed:
        patterns = (pattern for _, pattern in map(release_of, policy.allow) if pattern)
        must_match(patterns, known, "--allow-destroy")
    for notice in (*prepared.notices, *notes(prepared.snapshots)):
        output.tell(run, f"! {notice}")
    if keep and session.saved is None:
        _keep(session, prepared, save_as)
    return prepared


def notes(seen: "Snapshots") -> Iterator[str]:
    """How each side was read, where that is worth a word."""
    return (f"{side}: {note}" for side, snapshot in seen.items() for note in snapshot.notes)


def _keep(session: "Session", prepared: "Prepared", save_as: Path | None) -> None:
    """Leave what was read for --refresh=false, and for whoever asked. A folder that cannot be written to is no reason
    to fail a command that only reads."""
    from replicator.execution import snapshots

    opened = prepared.seen.opened
    if not opened.saved:
        return  # what a crashed run left has no serial yet
    taken = snapshots.taken(session.config.environment, opened.state, prepared.snapshots)
    with contextlib.suppress(ReplicatorError):
        snapshots.write(snapshots.last(session.config), taken, private=True)
    if save_as is not None:
        snapshots.write(save_as, taken)
