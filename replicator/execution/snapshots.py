"""Snapshots in files: the one that every command leaves for `--refresh=false`, and those that somebody asked for."""

from collections.abc import Mapping
from pathlib import Path

from replicator.address import Side
from replicator.config import Config
from replicator.engine.saved import Saved, dump, lacks, load
from replicator.engine.snapshot import Scope, Snapshot
from replicator.engine.state import State
from replicator.errors import ConfigError, StaleError, UsageError
from replicator.execution.events import now
from replicator.execution.files import private_directory, write_atomic

FOLDER = Path(".replicator") / "snapshots"


def last(config: Config) -> Path:
    """Where the snapshot that was read last is kept."""
    return config.directory / FOLDER / f"{config.environment}.json"


def read(path: Path) -> Saved:
    """Raises ConfigError for a file that is no snapshot, or cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such snapshot", hint="read one: replicator plan") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return load(text, where=str(path))


def write(path: Path, saved: Saved, *, private: bool = False) -> None:
    """Raises UsageError when it cannot be written."""
    try:
        if private:
            private_directory(path.parent)
        write_atomic(path, dump(saved).encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def taken(environment: str, state: State, snapshots: Mapping[Side, Snapshot]) -> Saved:
    """What was just read, with the state that it was read for."""
    return Saved(environment, state.lineage, state.serial, now(), snapshots)


def check(saved: Saved, config: Config, state: State, scopes: Mapping[Side, Scope]) -> None:
    """Raises StaleError for a snapshot of another environment, of before the last apply, or that lacks something."""
    again = "read it again: replicator plan"
    if saved.environment != config.environment:
        raise StaleError(f"the snapshot is of environment {saved.environment}, not of {config.environment}", hint=again)
    if (saved.lineage, saved.serial) != (state.lineage, state.serial):
        raise StaleError(
            f"the snapshot of {saved.taken_at} was read at state serial {saved.serial}, "
            f"but the state is serial {state.serial}",
            hint=again,
        )
    for side, snapshot in saved.snapshots.items():
        missing = lacks(snapshot, scopes[side])
        if missing is not None:
            raise StaleError(f"the snapshot of {saved.taken_at} says nothing of {side}: {missing}", hint=again)
