"""`replicator state …`: look into the state, and mend it. Contacts no workspace but the one that has its volume."""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, Verbs, verb
from replicator.cli.options import AsJson, Yes, must_match
from replicator.errors import ExitCode, UsageError
from replicator.wording import many

if TYPE_CHECKING:
    from replicator.engine.state import State
    from replicator.execution.backend import Backend, Notify
    from replicator.execution.store import Opened

app = Verbs(rich_markup_mode=None, no_args_is_help=False)
Patterns = Annotated[list[str], typer.Argument(metavar="PATTERN", help="Address patterns.")]
Old = Annotated[str, typer.Argument(metavar="OLD", help="The address that the state holds.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="The address that it is to have.")]
Lineage = Annotated[str, typer.Argument(metavar="LINEAGE", help="That of the mark, as plan prints it beside OW101.")]
SomePatterns = Annotated[list[str] | None, typer.Argument(metavar="PATTERN", help="Only these addresses.")]
StateFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The state's file, if no configuration tells where it is.")
]


def place(run: Run, file: Path | None = None) -> "Backend":
    """Where the state is: where `file` is, as the configuration says, or as --state-dir and --env say without one."""
    from replicator.execution.folder import Folder

    if file is not None:
        return Folder(file.parent, file.stem)
    from replicator.execution.places import backend, local

    if run.state_dir is not None and run.environment is not None and not run.path.exists():
        return Folder(local(run.state_dir), run.environment)
    from replicator.cli.work import configuration

    return backend(configuration(run), run.state_dir)


def _open(run: Run) -> "Opened":
    from replicator.execution.store import open_state

    return _told(run, open_state(place(run)))


def _told(run: Run, found: "Opened") -> "Opened":
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
        "adopted": state.adopted,
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
    _saved(run, edits.forget(place(run), *chosen, notify=_notices(run)))


@app.command("unprotect")
@verb
def unprotect(run: Run, patterns: Patterns) -> None:
    """Let these be destroyed or replaced again, until a configuration with protect: true is applied."""
    from replicator.execution import edits

    chosen = _matching(_open(run).state, patterns)
    _name(run, chosen)
    _saved(run, edits.unprotect(place(run), *chosen, notify=_notices(run)))


@app.command("adopt")
@verb
def adopt(run: Run, lineage: Lineage, yes: Yes = False) -> None:
    """Take over the objects of a deployment whose state is lost; the next plan shows what it imports of them."""
    from replicator.execution import edits

    wanted = _lineage(lineage)
    if not yes:
        typer.confirm(f"Take over what carries the mark of {wanted}? No other state may hold it.", abort=True, err=True)
    _saved(run, edits.adopt(place(run), wanted, notify=_notices(run)))
    output.tell(
        run,
        "! No workspace was asked: whether anything carries this mark, and whether another state holds it, was not "
        f"checked. What it takes over is shown by:  replicator plan{run.arguments}",
    )


def _lineage(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise UsageError(f"state adopt {text}: this is no lineage", hint="plan prints it beside OW101") from error


@app.command("mv")
@verb
def move(run: Run, old: Old, new: New) -> None:
    """Give a resource another address: that of the same object under the name it has now."""
    from replicator.execution import edits

    _saved(run, edits.move(place(run), _address(old), _address(new), notify=_notices(run)))


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


def _notices(run: Run) -> "Notify":
    return lambda text: output.tell(run, f"! {text}")


@contextlib.contextmanager
def _locked(run: Run, operation: str, file: Path | None = None) -> Iterator["Backend"]:
    where = place(run, file)
    with where.lock(operation, _notices(run)):
        yield where


@app.command("verify")
@verb
def verify(run: Run, as_json: AsJson = False) -> ExitCode:
    """Read the state as apply would, and say whether all of it can be trusted."""
    from replicator.execution.store import open_state

    where = place(run)
    found, holder = _told(run, open_state(where)), where.holder()
    facts = {
        "format_version": "1.0",
        **_identity(found.state),
        "resources": len(found.state.resources),
        "kept_serials": where.serials(),
        "unfinished_run": not found.saved,
        "pending": sorted(found.pending),
        "lock": str(holder) if holder else None,
    }
    if as_json:
        output.show_json(facts)
        return ExitCode.OK
    trusted = "" if found.saved else ", with what a run that did not end has left"
    told = [
        many(len(found.state.resources), "resource"),
        *(f"outcome unknown: {name}" for name in sorted(found.pending)),
    ]
    told += [f"locked: {holder}"] if holder else []
    output.show(run, f"The state of {where.environment}, serial {found.state.serial}, is sound{trusted}.\n")
    output.show(run, "".join(f"  {line}\n" for line in told))
    return ExitCode.OK


@app.command("repair")
@verb
def repair(run: Run, file: StateFile = None) -> None:
    """Keep what can be read of a damaged journal; the original is kept beside it."""
    from replicator.execution import store

    with _locked(run, "state repair", file) as where:
        repaired = store.repair(where)
    if repaired is None:
        output.show(run, f"{where.where}: there is no journal, so nothing to repair.\n")
        return
    kept, dropped, aside = repaired
    output.show(
        run, f"{many(kept, 'line')} of the journal kept, {dropped:,} that cannot be read set aside in {aside}.\n"
    )


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
        state = store.restore(where, serial)
    output.show(run, f"State serial {state.serial} now holds {many(len(state.resources), 'resource')}.\n")


@app.command("pull")
@verb
def pull(run: Run) -> None:
    """Print the state as it is kept, to save a copy."""
    from replicator.engine.state import dump
    from replicator.errors import StateError
    from replicator.execution.store import open_state

    where = place(run)
    found = _told(run, open_state(where))
    if not found.state.lineage:
        raise StateError(f"{where.where}: there is no state yet", hint="the first apply makes it")
    output.show_raw(dump(found.state))


@app.command("push")
@verb
def push(run: Run, file: Annotated[Path, typer.Argument(metavar="FILE", help="A state's file.")]) -> None:
    """Make the state of a file the state, for moving it from one place to another."""
    from replicator.execution import edits

    where = place(run)
    state = edits.push(where, file, notify=_notices(run))
    output.show(run, f"{where.where} now holds serial {state.serial} with {many(len(state.resources), 'resource')}.\n")


@app.command("unlock")
@verb
def unlock(
    run: Run, lock_id: Annotated[str, typer.Argument(metavar="ID", help="The lock's id, as the refusal named it.")]
) -> None:
    """Remove the lock of a run that is known to be dead."""
    output.show(run, f"Removed the lock of {place(run).unlock(lock_id)}.\n")
