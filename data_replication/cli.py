"""`data-replicator`: the original design's command, as another way to say `replicator run|validate|version`."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from replicator.cli.entry import main as replicator

VERBS = ("run", "validate", "version")
USAGE = """Usage: data-replicator COMMAND [OPTIONS]

Commands:
  run       Run all enabled operations: --config FILE [--dry-run]
  validate  Check the configuration without running: --config FILE
  version   Show the version

replicator --help shows all that there is.
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line of the original design and end the process with replicator's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    asked_for_help = not given or given[0] in ("-h", "--help")
    if asked_for_help:
        print(USAGE, end="")
        sys.exit(0)
    if given[0] not in (*VERBS, "--version"):
        print(f"error: no such command {given[0]!r}\n{USAGE}", end="", file=sys.stderr)
        sys.exit(64)
    replicator(given)
