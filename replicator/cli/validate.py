"""`replicator validate`: is the file right? Contacts nothing."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replicator.cli import output
from replicator.cli.common import Run, verb

if TYPE_CHECKING:
    from replicator.config import Config
    from replicator.values import JSON


@verb
def validate(
    run: Run,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check the configuration: every mistake with its file, line and column. Contacts nothing."""
    from replicator.config import load

    run = replace(run, config=file or run.config)
    config = load(run.path, environment=run.environment, variables=run.variables)
    facts = summary(config)
    if as_json:
        output.show_json(facts)
    else:
        operations = ", ".join(facts["operations"]) or "none"
        resources = ", ".join(f"{kind} {number:,}" for kind, number in facts["resources"].items()) or "none"
        output.show(
            run,
            f"{facts['file']} is valid.\n"
            f"  environment  {facts['environment']}\n"
            f"  source       {facts['source']}\n"
            f"  target       {facts['target']}\n"
            f"  operations   {operations}\n"
            f"  resources    {resources}\n",
        )


def summary(config: "Config") -> "JSON":
    """What the file says, in a few words."""
    document = config.document
    sections = {
        "backup": document.backup_config,
        "delta_share": document.delta_share_config,
        "replication": document.replication_config,
        "reconciliation": document.reconciliation_config,
    }
    return {
        "format_version": "1.0",
        "valid": True,
        "file": str(config.path),
        "environment": config.environment,
        "hash": config.hash,
        "source": config.source.label,
        "target": config.target.label,
        "operations": [name for name, section in sections.items() if section is not None and section.enabled],
        "resources": dict(sorted(Counter(address.type for address in config.declared).items())),
    }
