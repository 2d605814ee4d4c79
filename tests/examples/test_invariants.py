"""What holds for every example: a plan after an apply is empty, and a second apply sends no write."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replicator.emulator import requestlog

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/replicator.yaml"))


PREPARED = (("emulator://us-east", "source.sql"), ("emulator://eu-west", "target.sql"))
"""What has to be there before the first plan."""


def run(folder: Path, *arguments: str, expected: int = 0) -> str:
    command = [sys.executable, "-m", "replicator", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == expected, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one example, in a folder with spaces in its name, its metastores prepared."""
    folder = tmp_path / "a copy of it"
    shutil.copytree(EXAMPLES / request.param, folder, ignore=shutil.ignore_patterns(".replicator", "state"))
    for metastore, file in PREPARED:
        if (folder / file).exists():
            run(folder, "emulator", "exec", metastore, "-f", file)
    return folder


def writes(folder: Path) -> list[str]:
    """What changed an object. Files of a state that is in a volume are none: each apply takes its lock there."""
    requests = requestlog.read(folder / ".replicator" / "emulator", writes=True)
    told = [f"{entry['method']} {entry['path']} {entry.get('statement', '')}" for entry in requests]
    return [line for line in told if "/api/2.0/fs/" not in line]


def test_an_example_settles(example: Path) -> None:
    run(example, "validate")
    run(example, "plan", "--detailed-exitcode", expected=2)
    run(example, "apply", "--yes")
    settled = writes(example)
    assert settled

    assert "No changes" in run(example, "plan", "--detailed-exitcode")
    run(example, "apply", "--yes")
    assert writes(example) == settled

    run(example, "drift")
    assert writes(example) == settled
