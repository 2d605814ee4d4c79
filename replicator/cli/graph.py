"""`replicator graph`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import Workers
from replicator.cli.work import opened, planned
from replicator.engine.policy import Policy
from replicator.errors import UsageError
from replicator.wording import many


class Format(StrEnum):
    """How the graph is written."""

    MERMAID = "mermaid"
    DOT = "dot"
    HTML = "html"


@verb
def graph(
    run: Run,
    form: Annotated[
        Format, typer.Option("--format", help="For Markdown, for Graphviz, or a page to look around in.")
    ] = Format.MERMAID,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to this file.")] = None,
    workers: Workers = None,
) -> None:
    """Draw what is declared: every resource, what it needs, and what plan would do with it. Changes nothing."""
    from replicator.render import graph as drawn
    from replicator.render.graph_page import graph_page

    with opened(run, workers=workers) as session:
        prepared = planned(run, session, Policy())
    nodes = drawn.nodes_of(prepared.desired, prepared.plan)
    if form is Format.HTML:
        text = graph_page(nodes, f"replicator · {prepared.plan.environment} · plan {prepared.plan.plan_id[:8]}")
    else:
        text = drawn.mermaid(nodes) if form is Format.MERMAID else drawn.dot(nodes)
    if out is None:
        output.show_raw(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error
    output.tell(run, f"{out}: {many(len(nodes), 'resource')}.")
