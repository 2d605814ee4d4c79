"""The emulator as a process of its own, with a round-trip time and a rate limit, and a command measured against it."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.metastores import SOURCE, TARGET
from replicator.emulator import requestlog
from replicator.emulator.faults import Rule, write_rules

_TOKENS = {SOURCE: "SOURCE_TOKEN", TARGET: "TARGET_TOKEN"}


@dataclass(frozen=True)
class Served:
    """Two metastores that answer over HTTP; `environment` holds what a command needs to reach them."""

    folder: Path
    root: Path
    config: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Spent:
    """What a command cost. `seconds` of wall time, `cpu` seconds of its own, `megabytes` at its peak; requests and
    statements as the emulator counted them; `refused` of the requests with 429. `busiest`: how many HTTP requests one
    side answered, whatever they were for."""

    output: str
    code: int
    seconds: float
    cpu: float
    megabytes: float
    requests: int
    statements: int
    refused: int
    busiest: int


@contextlib.contextmanager
def served(config: Path, *, milliseconds: float = 0, per_second: float = 0) -> Iterator[Served]:
    """Serve the metastores beside a configuration, with a copy of it that reaches them over HTTP."""
    folder = config.parent
    root = folder / ".replicator" / "emulator"
    _weather(root, milliseconds, per_second)
    command = [sys.executable, "-m", "replicator", "emulator", "serve", SOURCE, TARGET, "--root", str(root), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        facts = {fact["name"]: fact for fact in _facts(process)}
        text = config.read_text(encoding="utf-8")
        for name, variable in _TOKENS.items():
            fact = facts[name]
            there = f'{{host: "{fact["host"]}", http_path: "{fact["http_path"]}", token: {{env: {variable}}}}}'
            text = text.replace(f'{{host: "emulator://{name}"}}', there)
        over_http = folder / "over-http.yaml"
        over_http.write_text(text, encoding="utf-8")
        tokens = {variable: facts[name]["token"] for name, variable in _TOKENS.items()}
        yield Served(folder, root, over_http, {**os.environ, **tokens})
    finally:
        process.terminate()
        process.wait()
        write_rules(root)


def _weather(root: Path, milliseconds: float, per_second: float) -> None:
    rules = [Rule("latency", ms=milliseconds, times=None)] if milliseconds else []
    if per_second:
        rules.append(Rule("rate_limit", per_second=per_second, retry_after=1))
    write_rules(root, *rules)


def _facts(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    """What the server says of itself before it serves: one JSON document."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "]":
            found: list[dict[str, str]] = json.loads(text)
            return found
    raise RuntimeError("the emulator did not start")


def run(there: Served, *arguments: str) -> Spent:
    """Run a command of replicator against what is served."""
    since, before = requestlog.position(there.root), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "benchmarks.peak", *arguments, "-c", str(there.config)]
    began = time.monotonic()
    done = subprocess.run(command, env=there.environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    entries = requestlog.read(there.root, since)
    asked = [entry for entry in entries if "/sql/1.0/" not in entry["path"] and "/.well-known/" not in entry["path"]]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(
        output=done.stdout + done.stderr,
        code=done.returncode,
        seconds=seconds,
        cpu=cpu,
        megabytes=_peak(done.stderr),
        requests=len(asked),
        statements=sum(1 for entry in entries if entry.get("statement")),
        refused=sum(1 for entry in entries if entry["status"] == 429),
        busiest=max(Counter(entry["metastore"] for entry in entries if entry["status"] != 429).values(), default=0),
    )


def _peak(text: str) -> float:
    """What `benchmarks.peak` says last."""
    return float(text.rsplit("peak ", 1)[-1].split()[0]) if "peak " in text else 0.0
