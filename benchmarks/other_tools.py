"""The same comparison by tools that others use, where they are installed: `pip install reladiff datacompy polars`.

They read the rows themselves. What it takes to bring the rows of two metastores to one place is left out, which favours
them: reladiff gets DuckDB tables, datacompy gets files.
"""

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figures import Figure
from replicator.workspace import WorkspaceReader

_KEY = "id"


def measure(reader: WorkspaceReader, tables: tuple[str, str], folder: Path) -> Iterator[Figure]:
    """Seconds, and what was found, of each tool that is installed."""
    tools = [(name, run) for name, run in _TOOLS.items() if find_spec(name) is not None]
    if not tools:
        return
    import pyarrow.parquet as pq

    files = []
    for number, table in enumerate(tables):
        files.append(folder / f"{number}.parquet")
        pq.write_table(reader.query_arrow(f"SELECT * FROM {table}"), files[-1])
    for name, run in tools:
        work = run(files)
        started = time.perf_counter()
        said = work()
        yield Figure(f"{name}, the same: {said}", time.perf_counter() - started, "s")


def _reladiff(files: list[Path]) -> Callable[[], str]:
    import duckdb
    import reladiff

    database = files[0].with_suffix(".duckdb")
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET enable_progress_bar = false")
        for number, file in enumerate(files):
            connection.execute(f"CREATE TABLE t{number} AS SELECT * FROM read_parquet('{file}')")
            columns = [row[0] for row in connection.execute(f"DESCRIBE t{number}").fetchall()]
    others = tuple(name for name in columns if name != _KEY)

    def work() -> str:
        ours, theirs = (
            reladiff.connect_to_table(f"duckdb:///{database}", f"t{number}", _KEY, extra_columns=others)
            for number in range(2)
        )
        signs = [
            sign for sign, _ in reladiff.diff_tables(ours, theirs, skip_sort_results=True, validate_unique_key=False)
        ]
        return f"{signs.count('-')} rows gone, {signs.count('+')} rows came"

    return work


def _datacompy(files: list[Path]) -> Callable[[], str]:
    import datacompy
    import polars

    def work() -> str:
        ours, theirs = map(polars.read_parquet, files)
        found = datacompy.PolarsCompare(ours, theirs, join_columns=[_KEY])
        changed = found.intersect_rows.filter(~polars.all_horizontal(polars.selectors.ends_with("_match"))).height
        return f"{changed} changed, {found.df1_unq_rows.height} missing, {found.df2_unq_rows.height} extra"

    return work


_TOOLS: dict[str, Callable[[list[Path]], Callable[[], str]]] = {"reladiff": _reladiff, "datacompy": _datacompy}
