"""`replicator state …`: look into the state, and mend it. Contacts no workspace."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import AsJson, Yes, must_match
from replicator.errors import ExitCode, UsageError
from replicator.render.look import many

if TYPE_CHECKING:
    from replicator.engine.state import State
    from replicator.execution.store import Opened

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)
Patterns = Annotated[list[str], typer.Argument(metavar="PATTERN", help="Address patterns.")]
Old = Annotated[str, typer.Argument(metavar="OLD", help="The address that the state holds.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="The address that it is to have.")]
SomePatterns = Annotated[list[str] | None, typer.Argument(metavar="PATTERN", help="Only these addresses.")]
StateFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The state's file, if no configuration tells where it is.")
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one environment's state is."""

    directory: Path
    environment: str


def place(run: Run, file: Path | None = None) -> Place:
    """Where the state is: where `file` is, as the configuration says, or as --state-dir and --env say without one."""
    if file is not None:
        return Place(file.parent, file.stem)
    if run.state_dir is not None and run.environment is not None and not run.path.exists():
        return Place(run.state_dir, run.environment)
    from replicator.cli.work import configuration

    config = configuration(run)
    return Place(run.state_dir or config.state_directory, config.environment)


def _open(run: Run) -> "Opened":
    from replicator.execution.store import open_state

    where = place(run)
    found = open_state(where.directory, where.environment)
    for notice in found.notices:
        output.tell(run, f"! {notice}")
    return found


@app.command("list")
@verb
def list_(run: Run, patterns: SomePatterns = None, as_json: AsJson = False) -> None:
    """The addresses that the state holds."""
    state = _open(run).state
    chosen = _matching(state, patterns or [])
    if as_json:
        _show_json(state, chosen)
        return
    from replicator.render.listing import state_text

    output.show(run, state_text(state, chosen))


@app.command("show")
@verb
def show(run: Run, patterns: SomePatterns = None, as_json: AsJson = False) -> None:
    """Everything that the state holds of some addresses."""
    show_state(run, _open(run).state, patterns or [], as_json=as_json)


def show_state(run: Run, state: "State", patterns: Sequence[str], *, as_json: bool) -> None:
    """Print resources of a state in full."""
    from replicator.render.listing import entry_text, state_text

    chosen = _matching(state, patterns)
    if as_json:
        _show_json(state, chosen)
    elif patterns:
        output.show(run, "".join(entry_text(address, state.resources[address]) for address in chosen))
    else:
        output.show(run, state_text(state, chosen))


def _show_json(state: "State", addresses: Sequence[str]) -> None:
    entries = {address: state.resources[address].model_dump(mode="json") for address in addresses}
    output.show_json({"format_version": "1.0", **_identity(state), "resources": entries})


def _identity(state: "State") -> dict[str, object]:
    return {
        "environment": state.environment,
        "lineage": state.lineage,
        "serial": state.serial,
        "metastores": state.metastores,
        "last_apply": {name: value for name, value in state.last_apply.items() if name != "pending"},
    }


def _matching(state: "State", patterns: Sequence[str]) -> list[str]:
    must_match(patterns, state.resources, "PATTERN")
    return sorted(
        address
        for address in state.resources
        if not patterns or any(fnmatchcase(address, pattern) for pattern in patterns)
    )


@app.command("forget")
@verb
def forget(run: Run, patterns: Patterns, yes: Yes = False) -> None:
    """Manage these no longer. The objects stay as they are; declared ones are imported by the next apply."""
    from replicator.execution import edits

    chosen = _matching(_open(run).state, patterns)
    _name(run, chosen)
    if not yes:
        typer.confirm(f"Forget {many(len(chosen), 'resource')}?", abort=True, err=True)
    where = place(run)
    _saved(run, edits.forget(where.directory, where.environment, *chosen))


@app.command("unprotect")
@verb
def unprotect(run: Run, patterns: Patterns) -> None:
    """Let these be destroyed or replaced again, until a configuration with protect: true is applied."""
    from replicator.execution import edits

    chosen = _matching(_open(run).state, patterns)
    _name(run, chosen)
    where = place(run)
    _saved(run, edits.unprotect(where.directory, where.environment, *chosen))


@app.command("mv")
@verb
def move(run: Run, old: Old, new: New) -> None:
    """Give a resource another address: that of the same object under the name it has now."""
    from replicator.execution import edits

    where = place(run)
    _saved(run, edits.move(where.directory, where.environment, _address(old), _address(new)))


def _address(text: str) -> str:
    from replicator.address import Address

    try:
        return str(Address.parse(text))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _name(run: Run, addresses: Sequence[str]) -> None:
    output.show(run, "".join(f"{address}\n" for address in addresses))


def _saved(run: Run, state: "State") -> None:
    output.tell(run, f"State serial {state.serial} saved.")


@contextlib.contextmanager
def _locked(run: Run, operation: str, file: Path | None = None) -> Iterator[Place]:
    from replicator.execution.lock import hold

    where = place(run, file)
    with hold(where.directory, where.environment, operation, notify=lambda text: output.tell(run, f"! {text}")):
        yield where


@app.command("verify")
@verb
def verify(run: Run, as_json: AsJson = False) -> ExitCode:
    """Read the state as apply would, and say whether all of it can be trusted."""
    from replicator.execution.lock import lock_file, read_holder
    from replicator.execution.store import serials

    where, found = place(run), _open(run)
    holder = read_holder(lock_file(where.directory, where.environment))
    facts = {
        "format_version": "1.0",
        **_identity(found.state),
        "resources": len(found.state.resources),
        "kept_serials": serials(where.directory, where.environment),
        "unfinished_run": not found.saved,
        "pending": sorted(found.pending),
        "lock": str(holder) if holder else None,
    }
    if as_json:
        output.show_json(facts)
        return ExitCode.OK
    trusted = "" if found.saved else ", with what a run that did not end has left"
    told = [f"{len(found.state.resources)} resources", *(f"outcome unknown: {name}" for name in sorted(found.pending))]
    told += [f"locked: {holder}"] if holder else []
    output.show(run, f"The state of {where.environment}, serial {found.state.serial}, is sound{trusted}.\n")
    output.show(run, "".join(f"  {line}\n" for line in told))
    return ExitCode.OK


@app.command("repair")
@verb
def repair(run: Run, file: StateFile = None) -> None:
    """Keep what can be read of a damaged journal; the original is kept beside it."""
    from replicator.execution import journal
    from replicator.execution.store import journal_file

    with _locked(run, "state repair", file) as where:
        path = journal_file(where.directory, where.environment)
        if not path.exists():
            output.show(run, f"{path}: there is no journal, so nothing to repair.\n")
            return
        kept, dropped = journal.repair(path)
    output.show(run, f"{path}: {kept} lines kept, {dropped} that cannot be read set aside.\n")


@app.command("restore")
@verb
def restore(
    run: Run,
    serial: Annotated[int | None, typer.Option("--serial", help="Which one; the newest readable if not given.")] = None,
    file: StateFile = None,
) -> None:
    """Make an earlier, kept state the present one again. What was there is kept beside it."""
    from replicator.execution import store

    with _locked(run, "state restore", file) as where:
        state = store.restore(where.directory, where.environment, serial)
    output.show(run, f"State serial {state.serial} now holds {len(state.resources)} resources.\n")


@app.command("unlock")
@verb
def unlock(
    run: Run, lock_id: Annotated[str, typer.Argument(metavar="ID", help="The lock's id, as the refusal named it.")]
) -> None:
    """Remove the lock of a run that is known to be dead."""
    from replicator.execution.lock import unlock as remove

    where = place(run)
    output.show(run, f"Removed the lock of {remove(where.directory, where.environment, lock_id)}.\n")
