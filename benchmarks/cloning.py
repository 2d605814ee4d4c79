"""An incremental sync of a table of 200 files of which one changed, over HTTP to the emulator."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure

FILES = 200


def measure() -> Iterator[Figure]:
    from databricks import sql

    from replicator.emulator import start

    with tempfile.TemporaryDirectory() as folder:
        here = start("bench", Path(folder))
        with (
            sql.connect(
                server_hostname="127.0.0.1",
                http_path=here.http_path,
                access_token=here.token,
                _connection_uri=here.url + here.http_path,
                enable_telemetry=False,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("CREATE CATALOG c")
            cursor.execute("CREATE SCHEMA c.s")
            cursor.execute("CREATE TABLE c.s.t (part INT, n BIGINT) PARTITIONED BY (part)")
            cursor.execute(f"INSERT INTO c.s.t SELECT CAST(id % {FILES} AS INT), id FROM range({FILES * 1000})")
            clone = "CREATE OR REPLACE TABLE c.s.copy DEEP CLONE c.s.t"
            for name, change in (("all", None), ("1 changed", "INSERT INTO c.s.t VALUES (7, -1)")):
                if change:
                    cursor.execute(change)
                started = time.perf_counter()
                cursor.execute(clone)
                row = cursor.fetchall_arrow().to_pylist()[0]
                yield Figure(f"clone of {FILES} files, {name}: time", time.perf_counter() - started, "s")
                limit = 1 if change else FILES
                yield Figure(f"clone of {FILES} files, {name}: copied", row["num_copied_files"], "files", limit)
        here.close()
