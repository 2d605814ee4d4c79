"""Where the emulator's metastores are, and which of them a host names."""

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from replicator.cli.common import Run
from replicator.errors import UsageError

Root = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Where the metastores are; .replicator/emulator if not given."),
]
Host = Annotated[str, typer.Argument(metavar="HOST", help="emulator://NAME, as in the configuration.")]


def folder(run: Run, root: Path | None = None) -> Path:
    """Where the metastores are: `root`, or beside the configuration, wherever that is."""
    return root or run.path.parent / ".replicator" / "emulator"


def metastore(run: Run, host: str, root: Path | None) -> tuple[str, Path]:
    """The name and the folder that a host stands for. Raises UsageError when it is no emulator's."""
    url = urlsplit(host if "://" in host else f"emulator://{host}")
    if url.scheme != "emulator" or not url.netloc:
        raise UsageError(f"{host}: not an emulator", hint="write emulator://NAME, for example emulator://us-east")
    wanted = parse_qs(url.query).get("root")
    return url.netloc, run.path.parent / wanted[0] if wanted and root is None else folder(run, root)
