"""`replicator reconcile`."""

from typing import Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import AsJson, Full, Workers, must_match
from replicator.cli.work import READING, opened
from replicator.errors import ExitCode

Tables = Annotated[
    list[str] | None, typer.Argument(metavar="PATTERN", help="Only these tables or addresses; all if none is given.")
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Read and show the values of differing rows, not only their keys.")
]
_LIKE = "no check is declared for such a table; tables look like catalog.schema.table"
KeepNothing = Annotated[bool, typer.Option("--no-results", help="Do not append the results to the results tables.")]


@verb
def reconcile(
    run: Run,
    patterns: Tables = None,
    show_values: ShowValues = False,
    no_results: KeepNothing = False,
    as_json: AsJson = False,
    full: Full = False,
    workers: Workers = None,
) -> ExitCode:
    """Prove that the copies are equal to what was copied; ends with 2 if one is not, 3 if nobody can tell."""
    from replicator.execution.running import reconcile as compare
    from replicator.execution.session import prepare
    from replicator.reconciliation.drilldown import Limits
    from replicator.reconciliation.task import Settings
    from replicator.render.progress import progress, waiting

    with opened(run, workers=workers) as session:
        with waiting(READING, quiet=run.quiet):
            prepared = prepare(session)
        checks = [address for address in prepared.desired.resources if address.type == "check"]
        must_match(patterns or (), {name for at in checks for name in (str(at), at.name)}, "PATTERN", _LIKE)
        with progress(len(checks), quiet=run.quiet) as observer:
            report = compare(
                session,
                prepared.desired,
                settings=Settings(limits=Limits(show_values=show_values)),
                patterns=patterns or ("*",),
                workers=workers,
                keep=not no_results,
                observers=[observer],
            )
    if as_json:
        output.show_json(report.model_dump(mode="json"))
    else:
        from replicator.render.reconcile import report_text

        output.show(run, report_text(report, output.look(run, full=full)))
    return report.exit_code
