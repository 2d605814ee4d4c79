"""The emulator in a process of its own: how fast it answers, beside a bare server of the standard library."""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

REQUESTS, THREADS, TABLES, FILES = 1_000, 8, 10_000, 200
_CATALOGS = "/api/2.1/unity-catalog/catalogs?max_results=10"
_BARE = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", 65536, True
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *given):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def measure() -> Iterator[Figure]:
    yield Figure("emulator: process start to first answer", min(_start() for _ in range(3)), "s", 0.5)
    with tempfile.TemporaryDirectory() as folder, _bare() as bare, _served(Path(folder)) as served:
        yield from _requests(served, bare)
        yield from _statements(served)
        yield from _clones(served)
        yield from _listing(served, Path(folder))


def _start() -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with _served(Path(folder)) as served:
            _ask(served["host"], served["token"], 1)
            return time.perf_counter() - began


def _ms(seconds: float) -> float:
    return round(1_000 * seconds, 3)


@contextmanager
def _served(root: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "replicator", "emulator", "serve", "bench", "--root", str(root), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("]"):
            text += process.stdout.readline()
        found: list[dict[str, str]] = json.loads(text)
        try:
            yield found[0]
        finally:
            process.terminate()


@contextmanager
def _bare() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def _ask(host: str, token: str, times: int) -> list[float]:
    """Seconds of each of so many requests on one connection."""
    connection = http.client.HTTPConnection(host.removeprefix("http://"))
    found = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", _CATALOGS, headers={"Authorization": f"Bearer {token}"})
        connection.getresponse().read()
        found.append(time.perf_counter() - began)
    connection.close()
    return found


def _requests(served: dict[str, str], bare: str) -> Iterator[Figure]:
    floor = statistics.median(_ask(bare, "", REQUESTS))
    plain = statistics.median(_ask(served["host"], served["token"], REQUESTS))
    yield Figure("emulator: GET catalogs, p50 of a plain client", _ms(plain), "ms", 1)
    yield Figure("emulator: the same beside a bare http.server", round(plain / floor, 2), "x")
    work = _client(served)
    yield Figure("emulator: GET catalogs through the SDK, p50", _ms(statistics.median(_times(work, REQUESTS))), "ms", 1)
    each = _ms(_seconds_each(work))
    yield Figure(f"emulator: the same, {THREADS} threads, time of each", each, "ms", 1)


def _client(served: dict[str, str]) -> Callable[[], object]:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    w = WorkspaceClient(config=Config(host=served["host"], token=served["token"], auth_type="pat"))
    return lambda: list(w.catalogs.list())


def _times(work: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def _seconds_each(work: Callable[[], object]) -> float:
    """Seconds for each request of a few threads together, at best of three."""
    best = float("inf")
    for _ in range(3):
        threads = [threading.Thread(target=_times, args=(work, REQUESTS // THREADS)) for _ in range(THREADS)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        best = min(best, (time.perf_counter() - began) / (REQUESTS // THREADS * THREADS))
    return best


@contextmanager
def _cursor(served: dict[str, str]) -> Iterator[Any]:
    from databricks import sql

    with (
        sql.connect(
            server_hostname="127.0.0.1",
            http_path=served["http_path"],
            access_token=served["token"],
            _connection_uri=served["host"] + served["http_path"],
            enable_telemetry=False,
        ) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def _statements(served: dict[str, str]) -> Iterator[Figure]:
    with _cursor(served) as cursor:
        times = _times(lambda: cursor.execute("SELECT 1").fetchall_arrow(), 200)
    yield Figure("emulator: SELECT 1 through the SQL connector, p50", _ms(statistics.median(times)), "ms", 6)


def _clones(served: dict[str, str]) -> Iterator[Figure]:
    with _cursor(served) as cursor:
        for statement in (
            "CREATE CATALOG c", "CREATE SCHEMA c.s", "CREATE TABLE c.s.t (part INT, n BIGINT) PARTITIONED BY (part)",
            f"INSERT INTO c.s.t SELECT CAST(id % {FILES} AS INT), id FROM range({FILES * 1000})",
        ):  # fmt: skip
            cursor.execute(statement)
        new = [f"CREATE TABLE c.s.copy{index} DEEP CLONE c.s.t" for index in range(5)]
        first = statistics.median(_times(lambda: cursor.execute(new.pop()), 5))
        yield Figure(f"emulator: clone of {FILES} files, p50", _ms(first), "ms", 60)
        again = _times(lambda: cursor.execute("CREATE OR REPLACE TABLE c.s.copy0 DEEP CLONE c.s.t"), 20)
        yield Figure("emulator: the same again with nothing new, p50", _ms(statistics.median(again)), "ms", 10)
        cursor.execute("SELECT max(version) FROM (DESCRIBE HISTORY c.s.copy0)")
        yield Figure("emulator: commits that this made", float(cursor.fetchone()[0]), "commits", 0)


def _listing(served: dict[str, str], root: Path) -> Iterator[Figure]:
    """A schema as full as Databricks allows; its tables are written into the catalog past HTTP."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    from replicator.emulator.metastore import Store

    store = Store(root)
    known = store.get("bench", "table", "c", "s", "t") or {}
    with store.transaction():
        for index in range(TABLES - store.count("bench", "table", "c", "s")):
            name = f"t{index:05}"
            store.put("bench", "table", "c", "s", name, doc=known | {"name": name, "full_name": f"c.s.{name}"})
    store.close()
    w = WorkspaceClient(config=Config(host=served["host"], token=served["token"], auth_type="pat"))
    began = time.perf_counter()
    count = sum(1 for _ in w.tables.list("c", "s", max_results=0, omit_columns=True, omit_properties=True))
    yield Figure(f"emulator: list of {count} tables through the SDK", time.perf_counter() - began, "s", 2)
