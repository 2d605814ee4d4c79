"""Run every benchmark and print one table."""

import platform
import sys
from os import cpu_count

from rich.console import Console
from rich.table import Table

from benchmarks import cloning, executing, planning, reconciling, startup
from benchmarks.figures import Figure

BENCHES = {
    "startup": startup,
    "planning": planning,
    "executing": executing,
    "cloning": cloning,
    "reconciling": reconciling,
}


def main(names: list[str]) -> int:
    table = Table(
        title=f"Python {platform.python_version()}, {cpu_count()} cores, {platform.system()}", title_justify="left"
    )
    for column in ("what", "measured", "limit", ""):
        table.add_column(column, justify="left" if column in ("what", "") else "right", no_wrap=True)
    for name in names or BENCHES:
        for figure in BENCHES[name].measure():
            table.add_row(figure.name, *_cells(figure))
    Console(width=110 if not sys.stdout.isatty() else None).print(table)
    return 0


def _cells(figure: Figure) -> tuple[str, str, str]:
    shown = f"{figure.value:.3f} s" if figure.unit == "s" else f"{figure.value:g} {figure.unit}"
    limit = "" if figure.limit is None else f"{figure.limit:g} {figure.unit}"
    return shown, limit, {None: "", True: "ok", False: "OVER"}[figure.within]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
