"""Creating 5,000 objects over a slow line: what the executor adds to the requests that cannot be avoided."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.serving import run, served

OBJECTS, WORKERS, ROUND_TRIP_MS = 5_000, 16, 50.0
_HEAD = """version: "1.0"
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
resources:
  target:
    catalogs: {many: {}}
    schemas:
"""


def measure() -> Iterator[Figure]:
    """The ideal schedule keeps every worker waiting for one request after the other."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "replicator.yaml"
        config.write_text(_HEAD + "".join(f"      many.s{n:05}: {{}}\n" for n in range(OBJECTS)), encoding="utf-8")
        with served(config, milliseconds=ROUND_TRIP_MS) as there:
            plan = run(there, "plan")
            spent = run(there, "apply", "--yes", "--workers", str(WORKERS))
        assert plan.code == 0, plan.output[-2000:]
        assert spent.code == 0, spent.output[-2000:]
        each = (spent.requests - plan.requests) / OBJECTS
        ideal = each * OBJECTS / WORKERS * ROUND_TRIP_MS / 1000
        name = f"{OBJECTS:,} creations, {ROUND_TRIP_MS:g} ms, {WORKERS} at a time"
        yield Figure(f"{name}: requests for each", round(each, 2), "requests")
        yield Figure(f"{name}: wall time without the plan's", spent.seconds - plan.seconds, "s")
        ratio = (spent.seconds - plan.seconds) / ideal
        yield Figure(f"{name}: ratio to the ideal of {ideal:.1f} s", round(ratio, 2), "x", 1.15)
        yield Figure(f"{name}: processor time of replicator", spent.cpu, "s")
