"""The original design's programmatic interface: open both workspaces, run every enabled operation, close."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from replicator.errors import UsageError

if TYPE_CHECKING:
    from replicator.config import Config
    from replicator.execution.results import ActionResult
    from replicator.execution.session import Prepared, Session

OPERATIONS = ("backup", "delta_share", "replication", "reconciliation", "resources")
"""The keys of a run's results, in the order in which their work begins."""


@dataclass(frozen=True)
class OperationResult:
    """What became of one object. `status` is one of done, already, failed, stale, blocked, skipped, mismatch.

    `object_name` is the full name on `side` (source or target), `action` what was to be done (create, sync, check, …).
    `error` is one sentence, empty if all is well; `details` is what the platform returned (copied files, versions).
    """

    operation: str
    side: str
    object_type: str
    object_name: str
    action: str
    status: str
    error: str = ""
    attempts: int = 1
    duration_seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return self.status in ("done", "already")


class DataReplicationOrchestrator:
    """Runs what a configuration declares: `from_config_file`, `initialize`, `run_all_operations`, `cleanup`.

    Also a context manager, which does the first and the last of these by itself. Every method may raise
    ReplicatorError.
    """

    def __init__(self, config: "Config", *, state_directory: Path | None = None) -> None:
        self.config = config
        self._state_directory = state_directory
        self._resources = ExitStack()
        self._session: Session | None = None

    @classmethod
    def from_config_file(
        cls, path: str | Path, *, environment: str | None = None, variables: Mapping[str, str] | None = None
    ) -> Self:
        """Read a configuration; contacts nothing. Raises ConfigError with every mistake of the file."""
        from replicator.config import load

        return cls(load(Path(path), environment=environment, variables=variables or {}))

    def initialize(self) -> None:
        """Open both workspaces, and take the state's lock until `cleanup`."""
        from replicator.execution.session import open_session

        if self._session is None:
            opening = open_session(self.config, state_directory=self._state_directory, locked_for="run")
            self._session = self._resources.enter_context(opening)

    def run_all_operations(self) -> dict[str, list[OperationResult]]:
        """Do all that is not yet as declared; one object's failure stops only what needs it.

        Returns one list per operation of OPERATIONS that is enabled or had something to do; an empty list says that
        nothing was left to do. What a guard holds back is reported as blocked. Raises UsageError before `initialize`.
        """
        from replicator.execution.running import apply_plan
        from replicator.execution.session import prepare

        if self._session is None:
            raise UsageError("run_all_operations() needs initialize() first")
        prepared = prepare(self._session)
        result = apply_plan(self._session, prepared, skip_blocked=True)
        return _by_operation(prepared, result.results)

    def cleanup(self) -> None:
        """Close both workspaces and give the lock back. May be called more than once."""
        self._session = None
        self._resources.close()

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()


def _by_operation(prepared: "Prepared", results: "tuple[ActionResult, ...]") -> dict[str, list[OperationResult]]:
    sections = {str(address): section for address, section in prepared.desired.sections.items()}
    sections |= {
        address: entry.section for address, entry in prepared.state.resources.items() if address not in sections
    }
    found: dict[str, list[OperationResult]] = {name: [] for name in OPERATIONS if name in sections.values()}
    for result in results:
        section = sections.get(result.action.address, "resources")
        found.setdefault(section, []).append(_result(section, result))
    return found


def _result(section: str, result: "ActionResult") -> OperationResult:
    at = result.action.at
    return OperationResult(
        operation=section,
        side=at.side.value,
        object_type=at.type,
        object_name=at.name,
        action=result.action.do.value,
        status="mismatch" if result.equal is False else result.became.value,
        error=result.error,
        attempts=result.attempts,
        duration_seconds=round(result.seconds, 3),
        details=dict(result.outputs),
    )
