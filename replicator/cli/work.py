"""What the verbs that contact workspaces share: an open session, and a plan made in it."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from replicator.cli import output
from replicator.cli.common import Run
from replicator.cli.options import must_match
from replicator.engine.policy import Code

READING = "reading both metastores"

if TYPE_CHECKING:
    from replicator.config import Config
    from replicator.engine.policy import Policy
    from replicator.execution.session import Prepared, Session


def configuration(run: Run) -> "Config":
    """The configuration that was asked for. Raises ConfigError."""
    from replicator.config import load

    return load(run.path, environment=run.environment, variables=run.variables)


@contextlib.contextmanager
def opened(run: Run, *, workers: int | None = None, locked_for: str = "") -> Iterator["Session"]:
    """Both workspaces, open for reading."""
    config = configuration(run)
    from replicator.execution.session import open_session

    with open_session(
        config,
        state_directory=run.state_dir,
        workers=workers,
        locked_for=locked_for,
        notify=lambda text: output.tell(run, f"! {text}"),
    ) as session:
        yield session


def planned(run: Run, session: "Session", policy: "Policy", *, typed: bool = True, sizes: bool = False) -> "Prepared":
    """A plan of what was asked for, with `sizes` also of how much data it moves.

    Raises UsageError when a pattern that somebody typed names nothing.
    """
    from replicator.execution.estimating import estimated
    from replicator.execution.session import prepare
    from replicator.render.progress import waiting

    with waiting(READING, quiet=run.quiet):
        prepared = prepare(session, policy)
        if sizes:
            prepared = estimated(session, prepared)
    known = {*map(str, prepared.desired.resources), *prepared.state.resources}
    must_match(policy.targets, known, "--target")
    must_match(policy.excludes, known, "--exclude")
    if typed:
        must_match((text for text in policy.allow if text not in set(Code)), known, "--allow-destroy")
    for notice in prepared.notices:
        output.tell(run, f"! {notice}")
    return prepared
