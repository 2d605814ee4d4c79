"""`replicator show`: any part of a saved plan, or of a state file, offline."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import AsJson, AsMarkdown, Full, must_match, selection, together
from replicator.errors import UsageError

if TYPE_CHECKING:
    from replicator.engine.actions import Plan


@verb
def show(
    run: Run,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A plan saved with plan --out, or a state file.")
    ] = None,
    patterns: Annotated[list[str] | None, typer.Argument(metavar="PATTERN", help="Only these addresses.")] = None,
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
    full: Full = False,
    schema: Annotated[bool, typer.Option("--schema", help="The JSON schema of plans, instead of a file.")] = False,
) -> None:
    """Show a saved plan or a state file, or the part of it that patterns name. Contacts nothing."""
    together(json=as_json, markdown=markdown)
    if (file is None) != schema:
        raise UsageError("give either a FILE or --schema", hint="replicator show plan.json")
    if file is None:
        from replicator.render.schema import plan_schema

        output.show_json(plan_schema())
        return
    chosen = patterns or []
    if "plan_id" in _document(file):
        from replicator.cli.approval import read_plan
        from replicator.cli.plan import show_plan
        from replicator.engine.policy import Policy

        whole = read_plan(file)
        made = _part(whole, chosen) if chosen else whole
        place = output.look(run, full=full or bool(chosen), selection=selection(Policy(allow=whole.released)))
        show_plan(run, made, place, as_json=as_json, markdown=markdown, saved_as=str(file))
    else:
        from replicator.cli.state import show_state
        from replicator.engine.state import load

        show_state(run, load(file.read_bytes(), where=str(file)), chosen, as_json=as_json)


def _document(file: Path) -> dict[str, object]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: neither a saved plan nor a state file", hint="it is not JSON") from error
    if not isinstance(document, dict):
        raise UsageError(f"{file}: neither a saved plan nor a state file")
    return document


def _part(made: "Plan", patterns: list[str]) -> "Plan":
    must_match(patterns, [action.address for action in made.actions], "PATTERN")
    kept = tuple(action for action in made.actions if any(fnmatchcase(action.address, pattern) for pattern in patterns))
    return made.model_copy(update={"actions": kept, "complete": False})
