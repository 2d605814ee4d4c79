"""`replicator explain`."""

from typing import Annotated

import typer

from replicator.address import Address
from replicator.cli import output
from replicator.cli.common import Run, verb
from replicator.cli.options import AsJson, Full, Workers, must_match
from replicator.cli.work import opened, planned
from replicator.engine.policy import Policy
from replicator.errors import UsageError


@verb
def explain(
    run: Run,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of a resource, as plan shows it.")],
    as_json: AsJson = False,
    full: Full = False,
    workers: Workers = None,
) -> None:
    """Show one resource field by field: applied, desired, actual, and the rule that decided. Changes nothing."""
    from replicator.render.explain import explain as look_up
    from replicator.render.explain import explain_json, explain_text

    with opened(run, workers=workers) as session:
        prepared = planned(run, session, Policy())
    known = {*map(str, prepared.desired.resources), *prepared.state.resources}
    if address not in known:
        must_match([address], known, "explain")
        raise UsageError(f"explain {address}: a pattern; give one address", hint="replicator plan lists them")
    found = look_up(Address.parse(address), prepared.plan, prepared.desired, prepared.snapshots, prepared.state)
    if as_json:
        output.show_json(explain_json(found))
    else:
        output.show(run, explain_text(found, output.look(run, full=full)))
