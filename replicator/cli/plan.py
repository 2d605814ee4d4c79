"""`replicator plan`."""

from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.approval import save_plan
from replicator.cli.common import Run, verb
from replicator.cli.options import (
    Allowed,
    AsJson,
    AsMarkdown,
    Excludes,
    Full,
    Output,
    Refresh,
    SaveSnapshot,
    SnapshotFile,
    Targets,
    Workers,
    policy,
    selection,
    together,
)
from replicator.cli.work import opened, planned
from replicator.errors import ExitCode
from replicator.render.look import Look

if TYPE_CHECKING:
    from replicator.engine.actions import Plan


@verb
def plan(
    run: Run,
    target: Targets = None,
    exclude: Excludes = None,
    allow_destroy: Allowed = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan to remove everything that the state holds.")] = False,
    out: Output = None,
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
    full: Full = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 2 if there is something to do.")
    ] = False,
    workers: Workers = None,
    snapshot: SnapshotFile = None,
    save_snapshot: SaveSnapshot = None,
    refresh: Refresh = "true",
) -> ExitCode:
    """Show what would change, in order, and why. Changes nothing and takes no lock."""
    together(json=as_json, markdown=markdown)
    together(snapshot=snapshot is not None, save_snapshot=save_snapshot is not None)
    rules = policy(target, exclude, allow_destroy, "destroy" if destroy else "normal")
    with opened(run, workers=workers, snapshot=snapshot, refresh=refresh) as session:
        made = planned(run, session, rules, sizes=True, keep=True, save_as=save_snapshot).plan
    if out is not None:
        save_plan(out, made)
    place = output.look(run, full=full, selection=selection(rules))
    show_plan(run, made, place, as_json=as_json, markdown=markdown, saved_as=str(out) if out else None)
    return ExitCode.CHANGES if detailed_exitcode and made.actions else ExitCode.OK


def show_plan(
    run: Run,
    made: "Plan",
    place: Look,
    *,
    as_json: bool = False,
    markdown: bool = False,
    saved_as: str | None = None,
    under_way: bool = False,
) -> None:
    """Print a plan in the form that was asked for; `under_way` as in plan_text."""
    from replicator.render.markdown import plan_markdown
    from replicator.render.text import plan_text

    if as_json:
        output.show_json(made.model_dump(mode="json"))
    elif markdown:
        output.show_raw(plan_markdown(made, place, saved_as=saved_as))
    else:
        output.show(run, plan_text(made, place, saved_as=saved_as, under_way=under_way))
