"""Clients that run in a process of their own, from an environment of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def installed(folder: str, program: str) -> str:
    """A program of an environment that `make test-conformance` makes; skips the test where there is none."""
    path = ROOT / folder / program
    if not path.exists():
        pytest.skip(f"{folder} is missing: make test-conformance makes it")
    return str(path)


def on_path(*programs: str) -> list[str]:
    """Programs on the PATH; skips the test without them."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return [str(shutil.which(program)) for program in programs]


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: int = 250) -> str:
    """Run a client to its end; what it printed. Fails the test with its output when it fails."""
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
