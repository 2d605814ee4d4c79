"""Where the state is kept: one folder with a file, a journal and the last serials of each environment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from replicator import __version__
from replicator.engine.state import State, dump, load
from replicator.errors import StateError
from replicator.execution import journal
from replicator.execution.files import private_directory, remove, write_atomic
from replicator.execution.journal import Header, Journal, Pending

KEPT_SERIALS = 10


@dataclass(frozen=True)
class Opened:
    """The state with what a crashed run left, not yet saved. `saved` says that the state's file already says so.

    `pending` are calls whose outcome nobody recorded, by address; `notices` are sentences for a person.
    """

    state: State
    pending: Mapping[str, Pending] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    saved: bool = True


def state_file(directory: Path, environment: str) -> Path:
    return directory / f"{environment}.json"


def journal_file(directory: Path, environment: str) -> Path:
    return directory / f"{environment}.journal"


def history_directory(directory: Path, environment: str) -> Path:
    return directory / "history" / environment


def serials(directory: Path, environment: str) -> list[int]:
    """The serials that are kept, oldest first."""
    folder = history_directory(directory, environment)
    return sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())


def open_state(directory: Path, environment: str) -> Opened:
    """Read the state, laying a crashed run's journal over it; writes nothing.

    An environment that was never applied has a state without lineage and serial 0.
    Raises StateError for anything damaged, missing or of another state; never returns an empty state instead.
    """
    state = _read_state(directory, environment)
    path = journal_file(directory, environment)
    found = journal.read(path)
    carried = {address: Pending(**body) for address, body in state.last_apply.get("pending", {}).items()}
    if found.header is None:
        return Opened(state, carried, found.notices)
    if state.lineage and found.header.lineage != state.lineage:
        raise StateError(
            f"{path}: the journal belongs to another state (lineage {found.header.lineage}, not {state.lineage})",
            hint=f"if that is right, set the journal aside: mv '{path}' '{path}.other'",
        )
    if found.header.serial > state.serial:
        raise StateError(
            f"{path}: the journal continues serial {found.header.serial}, but the state is serial {state.serial}",
            hint=f"bring back the later state: replicator state restore --serial {found.header.serial}",
        )
    if found.header.serial < state.serial:
        return Opened(state, carried, found.notices)
    return _overlaid(state, carried, found)


def _overlaid(state: State, carried: Mapping[str, Pending], found: journal.Read) -> Opened:
    assert found.header is not None
    if not found.records:
        return Opened(state, carried, found.notices)
    known = {"lineage": found.header.lineage, "metastores": dict(found.header.metastores) or state.metastores}
    merged, pending = journal.merge(state.model_copy(update=known), found.records)
    settled = {record.address for record in found.records}
    kept = {address: item for address, item in carried.items() if address not in settled}
    notice = f"run {found.header.run} did not end; continuing from its journal ({len(found.records)} lines)"
    numbered = merged.model_copy(update={"serial": state.serial + 1})
    return Opened(numbered, {**kept, **pending}, (*found.notices, notice), saved=False)


def _read_state(directory: Path, environment: str) -> State:
    path = state_file(directory, environment)
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        _refuse_lost(directory, environment)
        return State(environment=environment, lineage="", tool_version=__version__)
    except UnicodeDecodeError as error:
        raise StateError(
            f"{path}: the state file is damaged (not UTF-8)",
            hint=f"restore an earlier one: replicator state restore --file {path}",
        ) from error
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    state = load(text, where=str(path))
    if state.environment != environment:
        raise StateError(f"{path}: is the state of environment {state.environment!r}, not of {environment!r}")
    return state


def _refuse_lost(directory: Path, environment: str) -> None:
    """A missing file is a new environment only if there never was one."""
    kept = serials(directory, environment)
    if kept:
        raise StateError(
            f"{state_file(directory, environment)}: the state file is missing, though serial {kept[-1]} was saved",
            hint=f"bring it back: replicator state restore --serial {kept[-1]}; or, to start anew, "
            f"remove {history_directory(directory, environment)}",
        )


def save(directory: Path, state: State) -> None:
    """Write the state under its own serial, keeping the last ones. Raises StateError; the file stays as it was then."""
    path = state_file(directory, state.environment)
    folder = history_directory(directory, state.environment)
    data = dump(state).encode()
    private_directory(directory)
    private_directory(folder)
    try:
        write_atomic(path, data)
        write_atomic(folder / f"{state.serial}.json", data)
        for serial in serials(directory, state.environment)[:-KEPT_SERIALS]:
            remove(folder / f"{serial}.json")
    except OSError as error:
        raise StateError(
            f"{path}: the state cannot be written: {error.strerror}",
            hint="nothing is lost: the journal beside it holds every action; make room and run replicator apply again",
        ) from error


def restore(directory: Path, environment: str, serial: int | None = None) -> State:
    """Make a kept serial (the newest readable one by default) the state again, under a serial above all others.

    What was there, and its journal, are kept beside as `*.replaced`. Raises StateError when no such serial can be read.
    """
    folder = history_directory(directory, environment)
    kept = serials(directory, environment)
    for candidate in [serial] if serial is not None else reversed(kept):
        path = folder / f"{candidate}.json"
        try:
            state = load(path.read_text(encoding="utf-8"), where=str(path))
        except (OSError, UnicodeDecodeError, StateError):
            continue
        for old in (state_file(directory, environment), journal_file(directory, environment)):
            if old.exists():
                old.replace(old.with_name(old.name + ".replaced"))
        restored = state.model_copy(update={"serial": max([*kept, state.serial]) + 1})
        save(directory, restored)
        return restored
    wanted = "no serial" if serial is None else f"serial {serial}"
    raise StateError(f"{folder}: {wanted} that can be read is kept there", hint=f"kept serials: {kept or 'none'}")


@dataclass(frozen=True)
class StateStore:
    """The state of one environment in one folder, as apply uses it. Every method may raise StateError."""

    directory: Path
    environment: str

    def open(self) -> Opened:
        return open_state(self.directory, self.environment)

    def begin(self, opened: Opened, *, run: str, plan_id: str) -> Journal:
        """Save what a crashed run left, then start this run's journal in place of that one's."""
        private_directory(self.directory)
        if not opened.saved:
            save(self.directory, _with_pending(opened.state, opened.pending))
        state = opened.state
        header = Header(run, plan_id, self.environment, state.lineage, state.serial, dict(state.metastores))
        return Journal(journal_file(self.directory, self.environment), header)

    def commit(self, state: State, pending: Mapping[str, Pending], last_apply: Mapping[str, Any]) -> State:
        """Save the outcome of a run under the next serial and drop its journal."""
        numbered = state.model_copy(
            update={"serial": state.serial + 1, "tool_version": __version__, "last_apply": dict(last_apply)}
        )
        final = _with_pending(numbered, pending)
        save(self.directory, final)
        remove(journal_file(self.directory, self.environment))
        return final


def _with_pending(state: State, pending: Mapping[str, Pending]) -> State:
    """The state, remembering the calls whose outcome is still not known."""
    known = {name: value for name, value in state.last_apply.items() if name != "pending"}
    if pending:
        known["pending"] = {address: asdict(item) for address, item in sorted(pending.items())}
    return state.model_copy(update={"last_apply": known})
