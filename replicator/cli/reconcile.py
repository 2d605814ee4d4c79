"""`replicator reconcile`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import AsJson, Full, Workers, must_match
from replicator.cli.reading import reading
from replicator.cli.work import opened
from replicator.errors import ExitCode

if TYPE_CHECKING:
    from replicator.reconciliation.verdicts import Report


class Hash(StrEnum):
    """What `--hash` takes; the words of `recipe.Hashing`, which is not imported for --help."""

    XXHASH64 = "xxhash64"
    SHA256 = "sha256"


Tables = Annotated[
    list[str] | None, typer.Argument(metavar="PATTERN", help="Only these tables or addresses; all if none is given.")
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Read and show the values of differing rows, not only their keys.")
]
_LIKE = "no check is declared for such a table; tables look like catalog.schema.table"
HashName = Annotated[
    Hash, typer.Option("--hash", help="sha256 withstands whoever makes rows collide, at about five times the cost.")
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", min=1, metavar="N", help="Only N of these tables: the same all day, others tomorrow."),
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one page for a browser too.")
]
JunitFile = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML too, for a CI system.")
]
KeepNothing = Annotated[bool, typer.Option("--no-results", help="Do not append the results to the results tables.")]


@verb
def reconcile(
    run: Run,
    patterns: Tables = None,
    sample: Sample = None,
    hash_name: HashName = Hash.XXHASH64,
    show_values: ShowValues = False,
    html: HtmlFile = None,
    junit: JunitFile = None,
    no_results: KeepNothing = False,
    as_json: AsJson = False,
    full: Full = False,
    workers: Workers = None,
) -> ExitCode:
    """Prove that the copies are equal to what was copied; ends with 2 if one is not, 3 if nobody can tell."""
    from replicator.execution.reconciling import Wanted, choose
    from replicator.execution.reconciling import reconcile as compare
    from replicator.execution.session import prepare
    from replicator.reconciliation.drilldown import Limits
    from replicator.reconciliation.recipe import Hashing
    from replicator.reconciliation.task import Settings
    from replicator.render.progress import progress

    output.must_be_writable(html, junit)
    settings = Settings(hashing=Hashing(hash_name.value), limits=Limits(show_values=show_values))
    with opened(run, workers=workers) as session:
        sample = sample or session.config.sample
        wanted = Wanted(patterns or ("*",), settings, sample, keep=not no_results)
        with reading(run):
            prepared = prepare(session)
        checks = [address for address in prepared.desired.resources if address.type == "check"]
        must_match(patterns or (), {name for at in checks for name in (str(at), at.name)}, "PATTERN", _LIKE)
        chosen = len(choose(prepared.desired, wanted.patterns))
        with progress(min(chosen, sample or chosen), quiet=run.quiet, noun="check") as observer:
            report = compare(session, prepared, wanted, workers=workers, observers=[observer])
    _write(report, html, junit)
    if as_json:
        output.show_json(report.model_dump(mode="json"))
    else:
        from replicator.render.reconcile import report_text

        output.show(run, report_text(report, output.look(run, full=full)))
    return report.exit_code


def _write(report: "Report", html: Path | None, junit: Path | None) -> None:
    if html is not None:
        from replicator.render.reconcile_page import report_page

        output.write_file(html, report_page(report))
    if junit is not None:
        from replicator.render.reconcile_junit import report_junit

        output.write_file(junit, report_junit(report))
