"""Loading a configuration of 100,000 lines, and naming the line of a mistake at its end."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, command_seconds

LINES, COLUMNS = 100_000, 5
_HEAD = """version: "1.0"
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
resources:
  target:
    tables:
"""


def _text() -> str:
    lines = _HEAD.splitlines()
    number = 0
    while len(lines) < LINES:
        lines += [
            f"      dr.s{number % 100:02}.table_{number:06}:",
            f'        comment: "table number {number}, one of very many tables of this file"',
            "        columns:",
            *(f'          - {{name: column_{n}, type: string, comment: "no. {n}"}}' for n in range(COLUMNS)),
        ]
        number += 1
    return "\n".join(lines) + "\n"


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replicator.yaml"
        path.write_text(_text(), encoding="utf-8")
        lines, megabytes = path.read_text().count("\n"), path.stat().st_size / 1e6
        command = [sys.executable, "-m", "replicator", "validate", str(path)]
        name = f"validate {lines:,} lines, {megabytes:.1f} MB"
        yield Figure(name, command_seconds(command, runs=1), "s", limit=10.0)
        path.write_text(path.read_text() + "          - {name: last, typo: string}\n", encoding="utf-8")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert f"{path}:{lines + 1}:" in done.stderr, done.stderr
