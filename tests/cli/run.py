"""Run a command line the way a shell does, in its own process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def replicator(
    *arguments: str, cwd: Path = ROOT, module: str = "replicator", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The finished process, its output as text."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
