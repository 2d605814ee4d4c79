"""Run every benchmark, or those that are named; print one table, and append it to RESULTS.md."""

import datetime
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import cloning, creating, emulating, executing, loading, planning, reconciling, scale, startup
from benchmarks.figures import Figure
from replicator import __version__

BENCHES = {
    "startup": startup,
    "loading": loading,
    "planning": planning,
    "executing": executing,
    "cloning": cloning,
    "emulating": emulating,
    "reconciling": reconciling,
    "scale": scale,
    "creating": creating,
}
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> int:
    machine = _machine()
    table = Table(title=machine, title_justify="left")
    for column in ("what", "measured", "limit", ""):
        table.add_column(column, justify="left" if column in ("what", "") else "right", no_wrap=True)
    rows: list[tuple[str, str, str, str]] = []
    for name in names or BENCHES:
        for figure in BENCHES[name].measure():
            rows.append((figure.name, *_cells(figure)))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for row in rows:
        table.add_row(*row)
    Console(width=120 if not sys.stdout.isatty() else None).print(table)
    _append(machine, rows)
    return 0


def _machine() -> str:
    """What the figures depend on; no name of a host."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}; "
        f"load {busy:.1f} at the beginning"
    )


def _append(machine: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        f"\n## {today}, replicator {__version__}",
        "",
        machine,
        "",
        "| what | measured | limit | |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _cells(figure: Figure) -> tuple[str, str, str]:
    shown = f"{figure.value:.3f} s" if figure.unit == "s" else f"{figure.value:g} {figure.unit}"
    limit = "" if figure.limit is None else f"{figure.limit:g} {figure.unit}"
    return shown, limit, {None: "", True: "ok", False: "OVER"}[figure.within]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
